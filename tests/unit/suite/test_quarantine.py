"""`quarantine`: what a suite may say, and until when it holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.made import pending
from goldenseed.suite.cases import Suite
from goldenseed.suite.recipes import recipe_of
from goldenseed.verdict.model import Verdict

SUITE = """\
suite: toy
model: {source: toy}
cases:
  - id: apple
    prompt: an apple
    seeds: [1]
    quarantine: {owner: Ada, reason: flickers, until: 2026-12-31}
"""
Load = Callable[[str | bytes], Suite]


@pytest.mark.parametrize(
    ("today", "over"),
    [(date(2026, 12, 30), False), (date(2026, 12, 31), True), (date(2027, 1, 1), True)],
)
def test_it_is_over_from_its_day_on(load: Load, today: date, over: bool):
    (case,) = load(SUITE).cases
    record = pending(case, "toy.suite.yaml", today)
    assert record.quarantine is not None
    assert record.quarantine.over is over
    assert record.in_quarantine is not over


def test_what_passes_or_was_rejected_is_not_in_quarantine(load: Load):
    (case,) = load(SUITE).cases
    record = pending(case, "toy.suite.yaml", date(2026, 1, 1))
    assert not record.model_copy(update={"passed": True}).in_quarantine
    assert not record.model_copy(update={"verdict": Verdict.REJECTED}).in_quarantine


def test_it_is_no_part_of_the_recipe(load: Load):
    (case,) = load(SUITE).cases
    (free,) = load(SUITE.replace("quarantine", "# quarantine")).cases
    assert recipe_of(case) == recipe_of(free)
    assert pending(free, "toy.suite.yaml").quarantine is None


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("2026-12-31", "2026-02-30", "`cases[0].quarantine.until` is"),
        ("2026-12-31", "31.12.2026", "`cases[0].quarantine.until` is"),
        ("2026-12-31", "20261231", "text is needed"),
        ("2026-12-31", "'20261231'", "is no date as 2026-12-31"),
        ("owner: Ada, ", "", "`cases[0].quarantine` has no `owner`"),
        ("reason: flickers", 'reason: ""', "is empty"),
        ("until", "till", "unknown key `till`"),
    ],
)
def test_what_is_wrong_with_it_is_said_with_its_line(load: Load, old: str, new: str, what: str):
    with pytest.raises(GoldenseedError) as caught:
        load(SUITE.replace(old, new))
    assert what in str(caught.value)
    assert caught.value.line == 7
