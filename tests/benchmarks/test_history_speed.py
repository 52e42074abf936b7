"""What a history of 1,000 runs of 100 cases costs: one more run, a plot, the list.

Run with ``pytest tests/benchmarks/test_history_speed.py --benchmark-only``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from goldenseed.history.keeping import remember
from made_history import many_runs

RUNS, CASES = 1000, 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    (folder / "reports").mkdir()
    for run in many_runs(RUNS, CASES):
        remember(run, folder / "reports")
    return folder


def command(folder: Path, *arguments: str) -> str:
    words = [str(Path(sys.executable).with_name("goldenseed")), "history", *arguments]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.benchmark(group="history")
def test_one_more_run(benchmark: BenchmarkFixture, folder: Path):
    *_, last = many_runs(RUNS, CASES)
    assert benchmark(remember, last, folder / "reports") is None


@pytest.mark.benchmark(group="history")
def test_a_plot(benchmark: BenchmarkFixture, folder: Path):
    out = benchmark(command, folder, "case-003")
    assert "1,000 runs" in out
    assert out.count("image, certain") == 9


@pytest.mark.benchmark(group="history")
def test_the_list(benchmark: BenchmarkFixture, folder: Path):
    assert len(benchmark(command, folder).splitlines()) == 1 + CASES
