"""Which cases are a suite's pilot: of every model and every prompt one in turn, the same ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from goldenseed.suite.pilot import drawn

SUITE = """\
suite: toy
model: {source: toy}
pilot: {cases: 4}
cases:
  - id: many
    prompts: {one: x, two: y, three: z}
    seeds: {start: 0, count: 40}
    vary: {dtype: {half: float16, whole: float32}}
  - {id: late, prompt: x, seeds: [1], quarantine: {owner: me, reason: flaky, until: "2099-01-01"}}
"""


@pytest.fixture
def cases(tmp_path: Path) -> dict[str, Case]:
    (tmp_path / "toy").mkdir()
    path = tmp_path / "toy.suite.yaml"
    path.write_text(SUITE)
    suite = load_suite(path)
    assert suite.pilot is not None
    assert (suite.pilot.cases, suite.pilot.require, suite.pilot.line) == (4, "match", 3)
    return {case.id: case for case in suite.cases}


@pytest.mark.parametrize(("count", "models", "prompts"), [(2, 1, 1), (6, 3, 2), (12, 6, 4)])
def test_models_and_prompts_are_spread_over(
    cases: dict[str, Case], count: int, models: int, prompts: int
):
    found = [cases[name] for name in drawn(list(cases.values()), count)]
    assert len(found) == count
    assert max(Counter(case.model.dtype for case in found).values()) == models
    assert max(Counter(case.prompt for case in found).values()) <= prompts


def test_the_same_are_drawn_in_any_order_and_of_several_seeds(cases: dict[str, Case]):
    there = list(cases.values())
    found = drawn(there, 12)
    assert drawn(there[::-1], 12) == found
    assert len({cases[name].seed for name in found}) > 3


@pytest.mark.parametrize("mark", ["skip", "xfail"])
def test_a_case_that_a_mark_spares_is_taken_last(cases: dict[str, Case], mark: str):
    there = list(cases.values())
    (first,) = drawn(there, 1)
    spared = [replace(each, marks=(mark,)) if each.id == first else each for each in there]
    assert first not in drawn(spared, len(there) - 2)
    assert first in drawn(spared, len(there))


def test_a_case_in_quarantine_is_taken_last_and_no_more_than_there_are(cases: dict[str, Case]):
    few = [cases[name] for name in ("late[seed=1]", "many[one,half,seed=1]")]
    assert drawn(few, 1) == {"many[one,half,seed=1]"}
    assert drawn(few, 9) == {"late[seed=1]", "many[one,half,seed=1]"}
