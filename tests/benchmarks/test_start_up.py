"""What pytest's start and collection cost with goldenseed, beside without.

Run with ``pytest tests/benchmarks/test_start_up.py --benchmark-only -s``. Both sides alternate, in
fresh processes; the numbers are medians.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

CASES = 10_000


def seconds_of(folder: Path, *arguments: str) -> float:
    command = [sys.executable, "-m", "pytest", "-p", "no:benchmark", "-q"]
    began = time.perf_counter()
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, check=False)
    assert done.returncode in (0, 5), done.stdout.decode()
    return time.perf_counter() - began


def alternate(
    benchmark: BenchmarkFixture, folder: Path, ours: list[str], theirs: list[str], rounds: int
) -> tuple[float, float]:
    pairs: list[tuple[float, float]] = []

    def both() -> None:
        pairs.append((seconds_of(folder, *ours), seconds_of(folder, *theirs)))

    benchmark.pedantic(both, rounds=rounds, warmup_rounds=1)
    del pairs[0]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


@pytest.mark.benchmark(group="start")
@pytest.mark.parametrize("xdist", [["-p", "no:xdist"], ["-n", "2"]], ids=["alone", "two-workers"])
def test_start_with_the_plugin_and_no_suite(
    benchmark: BenchmarkFixture, tmp_path: Path, xdist: list[str]
):
    (tmp_path / "test_one.py").write_text("def test_one(): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    without = [*xdist, "-p", "no:goldenseed"]
    ours, theirs = alternate(benchmark, tmp_path, xdist, without, 21)
    benchmark.extra_info["extra_ms"] = (ours - theirs) * 1e3
    print(f"\nstart {' '.join(xdist)}: with {ours * 1e3:.0f} ms, without {theirs * 1e3:.0f} ms")


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
        ["-p", "no:xdist", "--collect-only", "many.suite.yaml"],
        ["-p", "no:xdist", "--collect-only", "test_many.py"],
        7,
    )
    benchmark.extra_info["ratio"] = ours / theirs
    print(f"\ncollecting {CASES}: cases {ours:.2f} s, parametrised functions {theirs:.2f} s")
