"""What the self-check of a suite costs, beside measuring one pair a case with the same gates.

Run with ``pytest tests/benchmarks/test_selfcheck_speed.py --benchmark-only``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.baselines.store import BaselineStore
from harness.comparison.compare import measure
from harness.comparison.gates import parse_gate
from harness.comparison.wrong_images import alterations, altered
from harness.suites.loading import load_suite
from harness.verdict.right_images import Right, find_right
from harness.verdict.selfcheck import self_check

ROOT = Path(__file__).parents[2]
STORE = BaselineStore(ROOT / "baselines")


@pytest.fixture
def right() -> tuple[Right, ...]:
    suite = load_suite(ROOT / "suites" / "shapes.suite.yaml")
    return find_right(suite, STORE, profile="cpu-x86_64-avx512")[0]


@pytest.mark.benchmark(group="the 28 cases of the embedded suite")
def test_self_check(benchmark: BenchmarkFixture, right: tuple[Right, ...]):
    check = benchmark(self_check, "shapes", "cpu-x86_64-avx512", right, STORE.image)
    assert check.passed == ()


@pytest.mark.benchmark(group="the 28 cases of the embedded suite")
def test_one_pair_a_case(benchmark: BenchmarkFixture, right: tuple[Right, ...]):
    blurred = alterations()["blurred"]
    images = [STORE.image(each.accepted.pixels_sha256) for each in right]
    pairs = [(altered(image, blurred), image) for image in images]
    names = {parse_gate(gate).metric for each in right for gate in each.limits}
    found = benchmark(lambda: [measure(*pair, names) for pair in pairs])
    assert len(found) == len(right)
