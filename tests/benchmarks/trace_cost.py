"""What tracing costs: the embedded model with and without it, in turn, in one process.

    OMP_NUM_THREADS=1 python tests/benchmarks/trace_cost.py --pairs 12

Prints the median over the pairs of traced / plain - 1, in wall-clock and in CPU seconds, and what
an image that moved takes besides: norms, sketches and a trace's file. Other work on the machine
disturbs single pairs, not their median. One machine's numbers are in docs/trace.md.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from goldenseed.trace.files import encode_trace

SUITE = Path(__file__).parents[2] / "suites" / "shapes.suite.yaml"


Times = tuple[float, float]
"""Wall-clock and CPU seconds."""


def timed(backend: DiffusersBackend, case: Case) -> tuple[Times, Times]:
    """Time one image, and what else its trace takes where it is not the accepted one."""
    wall, cpu = time.perf_counter(), time.process_time()
    generation = backend.generate(case)
    made = time.perf_counter() - wall, time.process_time() - cpu
    wall, cpu = time.perf_counter(), time.process_time()
    encode_trace(generation.trace)
    return made, (time.perf_counter() - wall, time.process_time() - cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    pairs = parser.parse_args().pairs
    case = load_suite(SUITE).cases[0]
    plain, traced = DiffusersBackend(trace=False), DiffusersBackend()
    for backend in (plain, traced):
        timed(backend, case)
    ratios, seconds, further = [], [], []
    for number in range(pairs):
        order = (plain, traced) if number % 2 else (traced, plain)
        found = {backend: timed(backend, case) for backend in order}
        ratios.append([a / b - 1 for a, b in zip(found[traced][0], found[plain][0], strict=True)])
        seconds.append(found[plain][0][1])
        further.append(found[traced][1][1])
    wall, cpu = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(f"one image {statistics.median(seconds):.2f} s of CPU")
    print(f"traced: {wall:+.2%} wall, {cpu:+.2%} CPU (medians of {pairs} pairs)")
    print(
        f"norms, sketches and a file of its own: {statistics.median(further) * 1e3:.1f} ms of CPU"
    )


if __name__ == "__main__":
    main()
