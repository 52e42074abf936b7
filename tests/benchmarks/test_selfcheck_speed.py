"""What the self-check of a suite costs, beside measuring one pair a case with the same gates.

Run with ``pytest tests/benchmarks/test_selfcheck_speed.py --benchmark-only``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from goldenseed.baselines.store import BaselineStore
from goldenseed.images.gates import parse_gate
from goldenseed.images.measure import measure
from goldenseed.suite.loading import load_suite
from goldenseed.tools.selfcheck.baseline_cases import Right, find_right
from goldenseed.tools.selfcheck.check import self_check
from goldenseed.tools.selfcheck.wrong_images import alterations, altered

ROOT = Path(__file__).parents[2]
STORE = BaselineStore(ROOT / "baselines")


@pytest.fixture
def right() -> tuple[Right, ...]:
    suite = load_suite(ROOT / "suites" / "shapes.suite.yaml")
    return find_right(suite, STORE, profile="cpu-x86_64-avx512")[0]


@pytest.mark.benchmark(group="the 28 cases of the embedded suite")
def test_self_check(benchmark: BenchmarkFixture, right: tuple[Right, ...]):
    check = benchmark(self_check, "shapes", "cpu-x86_64-avx512", right, STORE)
    assert check.passed == ()


@pytest.mark.benchmark(group="the 28 cases of the embedded suite")
def test_one_pair_a_case(benchmark: BenchmarkFixture, right: tuple[Right, ...]):
    blurred = alterations()["blurred"]
    images = [STORE.image(each.accepted.pixels_sha256) for each in right]
    pairs = [(altered(image, blurred), image) for image in images]
    names = {parse_gate(gate).metric for each in right for gate in each.limits}
    found = benchmark(lambda: [measure(*pair, names) for pair in pairs])
    assert len(found) == len(right)
