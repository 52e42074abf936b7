"""What tracing costs: the embedded model with and without it, in turn, in one process.

    OMP_NUM_THREADS=1 python tests/benchmarks/trace_cost.py --pairs 12

Prints the median over the pairs of traced / plain - 1, in wall-clock and in CPU seconds. Other work
on the machine disturbs single pairs, not their median. One machine's numbers are in docs/trace.md.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from harness.generation.diffusers_backend import DiffusersBackend
from harness.suites.expansion import Case
from harness.suites.loading import load_suite

SUITE = Path(__file__).parents[2] / "suites" / "shapes.suite.yaml"


def timed(backend: DiffusersBackend, case: Case) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    backend.generate(case)
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    pairs = parser.parse_args().pairs
    case = load_suite(SUITE).cases[0]
    plain, traced = DiffusersBackend(trace=False), DiffusersBackend()
    for backend in (plain, traced):
        timed(backend, case)
    ratios, seconds = [], []
    for number in range(pairs):
        order = (plain, traced) if number % 2 else (traced, plain)
        found = {backend: timed(backend, case) for backend in order}
        ratios.append([a / b - 1 for a, b in zip(found[traced], found[plain], strict=True)])
        seconds.append(found[plain][1])
    wall, cpu = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(f"one image {statistics.median(seconds):.2f} s of CPU")
    print(f"traced: {wall:+.2%} wall, {cpu:+.2%} CPU (medians of {pairs} pairs)")


if __name__ == "__main__":
    main()
