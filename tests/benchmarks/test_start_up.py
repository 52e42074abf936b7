"""What pytest's start and collection cost with goldenseed, beside without.

Run with ``pytest tests/benchmarks/test_start_up.py --benchmark-only -s``. Both sides alternate, in
fresh processes; the numbers are medians.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

CASES = 10_000


WITHOUT_XDIST = ("-p", "no:xdist")


def seconds_of(folder: Path, *arguments: str) -> tuple[float, float]:
    """Return elapsed seconds and CPU seconds, those of xdist's workers included."""
    command = [sys.executable, "-m", "pytest", "-p", "no:benchmark", "-q", *arguments]
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    elapsed, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in (0, 5), done.stdout.decode()
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return elapsed, used


Times = tuple[float, float]


def alternate(
    benchmark: BenchmarkFixture, folder: Path, ours: list[str], theirs: list[str], rounds: int
) -> tuple[Times, Times]:
    """Return the medians of both sides, each of elapsed and of CPU seconds."""
    pairs: list[tuple[Times, Times]] = []

    def both() -> None:
        pairs.append((seconds_of(folder, *ours), seconds_of(folder, *theirs)))

    benchmark.pedantic(both, rounds=rounds, warmup_rounds=1)
    del pairs[0]
    mine, other = (
        (statistics.median(a for a, _ in side), statistics.median(b for _, b in side))
        for side in zip(*pairs, strict=True)
    )
    return mine, other


@pytest.mark.benchmark(group="start")
@pytest.mark.parametrize("xdist", [WITHOUT_XDIST, ("-n", "2")], ids=["alone", "two workers"])
def test_start_with_the_plugin_and_no_suite(
    benchmark: BenchmarkFixture, tmp_path: Path, xdist: tuple[str, str]
):
    (tmp_path / "test_one.py").write_text("def test_one(): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    ours, theirs = alternate(benchmark, tmp_path, [*xdist], [*xdist, "-p", "no:goldenseed"], 21)
    benchmark.extra_info["extra_ms"] = (ours[0] - theirs[0]) * 1e3
    benchmark.extra_info["extra_cpu_ms"] = (ours[1] - theirs[1]) * 1e3
    for kind, mine, other in zip(("elapsed", "CPU"), ours, theirs, strict=True):
        print(f"\n{kind}: start with {mine * 1e3:.0f} ms, without {other * 1e3:.0f} ms")


@pytest.mark.benchmark(group="collection")
@pytest.mark.parametrize("layout", ["one entry", "10,000 entries"])
def test_collecting_cases_beside_parametrised_functions(
    benchmark: BenchmarkFixture, tmp_path: Path, layout: str
):
    (tmp_path / "model").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    entries = (
        f"  - {{id: a, prompt: x, seeds: {{start: 0, count: {CASES}}}}}\n"
        if layout == "one entry"
        else "".join(
            f"  - id: case-{n}\n    prompt: a red ball on hill {n}\n    seeds: [{n}]\n"
            for n in range(CASES)
        )
    )
    (tmp_path / "many.suite.yaml").write_text(
        f"suite: many\nmodel: {{source: model}}\ncases:\n{entries}"
    )
    (tmp_path / "test_many.py").write_text(
        f"import pytest\n@pytest.mark.parametrize('n', range({CASES}))\ndef test_case(n): pass\n"
    )
    ours, theirs = alternate(
        benchmark,
        tmp_path,
        [*WITHOUT_XDIST, "--collect-only", "many.suite.yaml"],
        [*WITHOUT_XDIST, "--collect-only", "test_many.py"],
        7,
    )
    benchmark.extra_info["ratio"] = ours[0] / theirs[0]
    print(f"\ncollecting {CASES}: cases {ours[0]:.2f} s, parametrised functions {theirs[0]:.2f} s")
