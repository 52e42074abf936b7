"""What a case costs beside the bare pipeline call it makes, and whether memory stays flat.

Run with ``OMP_NUM_THREADS=1 pytest tests/benchmarks/test_suite_overhead.py --benchmark-only -s``.

Every case is preceded by the same call on a second pipeline of the same model, in one process, so
that both see the same machine: the same prompt, arguments, generator and scheduler, under the same
settings of torch, and nothing else. The pipeline, its scheduler and the settings are made before
the clock starts; the model's load is left out on both sides. Other work on the machine disturbs
single pairs, and the wall clock more than the CPU's, so both are printed, by the totals and by the
median of the pairs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

REPOSITORY = Path(__file__).parents[2]
SUITE = REPOSITORY / "suites" / "shapes.suite.yaml"
ROUNDS = 3


Times = tuple[float, float]
"""Seconds by the wall clock and seconds of this process's CPU time."""


class Clock:
    """Measures a span in wall-clock and in CPU seconds."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def seconds(self) -> Times:
        return time.perf_counter() - self._began[0], time.process_time() - self._began[1]


class Interleaved:
    """A pytest plugin: before each case, the bare call; both timed."""

    def __init__(self) -> None:
        self.bare: list[Times] = []
        self.case: list[Times] = []
        self._pipeline: object = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        from goldenseed.environment.determinism import settings

        case = item.case  # type: ignore[attr-defined]
        with settings(case.suite.determinism):
            seconds = self._call(case)
        clock = Clock()
        result = yield
        self.bare.append(seconds)
        self.case.append(clock.seconds())
        return result

    def _call(self, case: object) -> Times:
        import torch
        from diffusers import StableDiffusionPipeline

        from goldenseed.backends.diffusers.loaded import build_scheduler

        if self._pipeline is None:
            pipeline = StableDiffusionPipeline.from_pretrained(
                case.suite.model.folder, safety_checker=None
            )
            pipeline.set_progress_bar_config(disable=True)
            self._pipeline, self._scheduler = pipeline, pipeline.scheduler
        pipeline = self._pipeline
        pipeline.scheduler = self._scheduler
        if case.scheduler is not None:
            pipeline.scheduler = build_scheduler(
                self._scheduler,
                case.scheduler.class_name,
                case.scheduler.config,
                path=case.suite.path,
                line=case.line,
            )
        clock = Clock()
        pipeline(
            case.prompt,
            generator=torch.Generator("cpu").manual_seed(case.seed),
            **case.arguments(),
        )
        return clock.seconds()


def measure(places: list[str]) -> None:
    """Accept the suite's images, then run it with both timed; prints one JSON document."""
    timings = Interleaved()
    plain = ["-q", "-o", "addopts=", "-p", "no:benchmark", *places, str(SUITE)]
    assert pytest.main([*plain, "--golden-update=missing"]) == pytest.ExitCode.OK
    assert pytest.main(plain, [timings]) == pytest.ExitCode.OK
    # The first case loads the model.
    print("\nTIMES", json.dumps([timings.bare[1:], timings.case[1:]]))


@pytest.mark.benchmark(group="suite against bare loop")
@pytest.mark.parametrize("trace", ["off", "on"])
def test_a_suite_beside_a_bare_loop(benchmark: BenchmarkFixture, tmp_path: Path, trace: str):
    pairs: list[tuple[Times, Times]] = []

    def run() -> None:
        folder = tmp_path / str(len(pairs))
        places = [f"--golden-{each}={folder / each}" for each in ("reports", "baselines")]
        done = subprocess.run(
            [sys.executable, __file__, *places, f"--golden-trace={trace}"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        )
        bare, case = json.loads(done.stdout.rpartition("TIMES")[2])
        pairs.extend(zip(bare, case, strict=True))

    benchmark.pedantic(run, rounds=ROUNDS)
    for number, clock in enumerate(("wall clock", "CPU")):
        bare, case = ([each[side][number] for each in pairs] for side in (0, 1))
        totals = sum(case) / sum(bare)
        extra = statistics.median(b - a for a, b in zip(bare, case, strict=True))
        typical = statistics.median(bare)
        benchmark.extra_info[f"{clock}, totals"] = totals
        benchmark.extra_info[f"{clock}, median"] = 1 + extra / typical
        print(
            f"\ntrace {trace}, {clock}: suite / bare loop {totals:.4f} by the totals, "
            f"{1 + extra / typical:.4f} by the median ({extra * 1e3:.2f} ms of "
            f"{typical * 1e3:.0f} ms), {len(pairs)} pairs",
            end="",
        )


MEMORY = """
import pytest, resource, sys
class Memory:
    seen = []
    def pytest_runtest_logreport(self, report):
        if report.when == "call":
            pages = int(open("/proc/self/statm").read().split()[1])
            self.seen.append(pages * resource.getpagesize())
pytest.main(["-q", "-p", "no:benchmark", "--golden-update=missing", "many.suite.yaml"], [Memory()])
Memory.seen.clear()
pytest.main(["-q", "-p", "no:benchmark", "many.suite.yaml"], [Memory()])
print("MEMORY", Memory.seen[99], Memory.seen[-1], len(Memory.seen))
"""


@pytest.mark.benchmark(group="memory")
def test_memory_over_a_thousand_cases(benchmark: BenchmarkFixture, tmp_path: Path):
    from tiny_pipelines import tiny_stable_diffusion

    tiny_stable_diffusion(tmp_path / "model")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "many.suite.yaml").write_text(
        "suite: many\nmodel: {source: model}\n"
        "defaults: {call: {num_inference_steps: 1, height: 32, width: 32}}\n"
        "cases:\n  - {id: a, prompt: a red apple, seeds: {start: 0, count: 1000}}\n"
    )

    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-c", MEMORY], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout

    output = benchmark.pedantic(run, rounds=1)
    early, late, cases = map(int, output.rpartition("MEMORY")[2].split())
    print(
        f"\nresident memory after 100 cases {early / 2**20:.1f} MiB, after {cases} "
        f"{late / 2**20:.1f} MiB"
    )
    benchmark.extra_info["growth_bytes_per_case"] = (late - early) / (cases - 100)
    assert cases == 1000


if __name__ == "__main__":
    measure(sys.argv[1:])
