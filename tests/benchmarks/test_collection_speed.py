"""How long 10,000 cases take to load, beside parsing the same files and nothing more.

Run with ``pytest tests/benchmarks/test_collection_speed.py --benchmark-only``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pytest_benchmark.fixture import BenchmarkFixture

from goldenseed.suite.loading import load_suite

CASES = 10_000
HEAD = "suite: many\nmodel: {source: toy}\ndefaults: {call: {height: 64, width: 64}}\ncases:\n"


@pytest.fixture
def one_entry(tmp_path: Path) -> Path:
    (tmp_path / "toy").mkdir()
    path = tmp_path / "range.suite.yaml"
    path.write_text(f"{HEAD}  - {{id: a, prompt: x, seeds: {{start: 0, count: {CASES}}}}}\n")
    return path


@pytest.fixture
def many_entries(tmp_path: Path) -> Path:
    (tmp_path / "toy").mkdir()
    path = tmp_path / "entries.suite.yaml"
    entry = "  - id: case-{n}\n    prompt: a red ball on hill {n}\n    seeds: [{n}]\n"
    path.write_text(HEAD + "".join(entry.format(n=n) for n in range(CASES)))
    return path


def cases_in(path: Path) -> int:
    return len(load_suite(path).cases)


@pytest.mark.benchmark(group="10,000 cases in one entry")
def test_loading_one_entry(benchmark: BenchmarkFixture, one_entry: Path):
    assert benchmark(cases_in, one_entry) == CASES


@pytest.mark.benchmark(group="10,000 cases in 10,000 entries")
def test_loading_many_entries(benchmark: BenchmarkFixture, many_entries: Path):
    assert benchmark.pedantic(cases_in, (many_entries,), rounds=5) == CASES


@pytest.mark.benchmark(group="10,000 cases in 10,000 entries")
def test_parsing_the_same_file_with_pyyaml_alone(benchmark: BenchmarkFixture, many_entries: Path):
    def parse() -> int:
        return len(yaml.load(many_entries.read_bytes(), yaml.CSafeLoader)["cases"])

    assert benchmark.pedantic(parse, rounds=5) == CASES


@pytest.fixture
def varied(tmp_path: Path) -> Path:
    """5,000 combinations of alternatives, of two seeds each."""
    (tmp_path / "toy").mkdir()
    path = tmp_path / "varied.suite.yaml"
    axes = {
        "call.strength": ", ".join(f"s{n}: {n}" for n in range(100)),
        "call.guidance_scale": ", ".join(f"g{n}: {n}" for n in range(10)),
        "scheduler": ", ".join(f"d{n}: {{class: DDIMScheduler, steps: {n}}}" for n in range(5)),
    }
    vary = ", ".join(f"{axis}: {{{named}}}" for axis, named in axes.items())
    path.write_text(f"{HEAD}  - {{id: a, prompt: x, seeds: [0, 1], vary: {{{vary}}}}}\n")
    return path


@pytest.fixture
def inherited(tmp_path: Path) -> Path:
    """5,000 entries, each over the two alternatives of the defaults."""
    (tmp_path / "toy").mkdir()
    path = tmp_path / "inherited.suite.yaml"
    head = HEAD.replace("width: 64}", "width: 64}, vary: {call.eta: {e0: 0, e1: 1}}")
    entry = "  - id: case-{n}\n    prompt: a red ball on hill {n}\n    seeds: [{n}]\n"
    path.write_text(head + "".join(entry.format(n=n) for n in range(CASES // 2)))
    return path


@pytest.mark.benchmark(group="10,000 cases in 10,000 entries")
@pytest.mark.parametrize("kind", ["varied", "inherited"])
def test_loading_alternatives(
    benchmark: BenchmarkFixture, kind: str, request: pytest.FixtureRequest
):
    path = request.getfixturevalue(kind)
    assert benchmark.pedantic(cases_in, (path,), rounds=5) == CASES
