"""Several tries at one case: the one that counts stands for it, and none is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenseed.runs.folder import RunWriter, load_run
from goldenseed.runs.parts import NotCompared
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.tries import together
from goldenseed.verdict.model import PASSING, Verdict

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def record(verdict: Verdict, *, retried: bool = False, pixels: str = "a") -> CaseRecord:
    return CaseRecord(
        id="x",
        suite="s",
        path="s.suite.yaml",
        recipe={},
        recipe_sha256="0",
        verdict=verdict,
        passed=verdict in PASSING,
        retried=retried,
        pixels_sha256=pixels,
    )


DRIFT = record(Verdict.DRIFT, pixels="b")


@pytest.mark.parametrize("order", [1, -1])
def test_of_repetitions_the_worst_stands_for_the_case(order: int):
    tries = [record(Verdict.IDENTICAL), DRIFT][::order]
    found = together(tries)
    assert (found.verdict, found.passed, found.unstable) == (Verdict.DRIFT, False, True)
    assert [each.verdict for each in found.tries] == [each.verdict for each in tries]


def test_a_try_that_was_made_again_does_not_count_and_is_told():
    found = together([DRIFT.model_copy(update={"retried": True}), record(Verdict.IDENTICAL)])
    assert (found.verdict, found.passed) == (Verdict.IDENTICAL, True)
    assert found.remarks == ("drift at try 1, identical at try 2",)
    assert [each.retried for each in found.tries] == [True, False]


def test_a_try_that_was_to_be_made_again_counts_if_the_run_ended_before():
    only = DRIFT.model_copy(update={"retried": True})
    assert together([only]).verdict is Verdict.DRIFT
    assert together([only, only]).verdict is Verdict.DRIFT


@pytest.mark.parametrize(
    ("pixels", "words", "unstable"),
    [("aa", "the same pixels", False), ("ab", "2 different images", True)],
)
def test_tries_of_one_verdict_are_told_apart_by_their_pixels(
    pixels: str, words: str, *, unstable: bool
):
    found = together([record(Verdict.MATCH, pixels=each) for each in pixels])
    assert found.remarks == (f"match at each of 2 tries: {words}",)
    assert found.unstable is unstable


def test_an_error_is_worse_than_a_first_image():
    found = together([record(Verdict.NEW), record(Verdict.ERROR)])
    assert found.verdict is Verdict.ERROR


def test_a_run_that_was_killed_tells_the_tries_and_what_was_left_out(tmp_path: Path):
    writer = RunWriter(tmp_path, "r", started=NOW, git=None, options={})
    left_out = [
        NotCompared(id=each, suite="s", path="s.suite.yaml", why="skipped: slow") for each in "xy"
    ]
    for each in (*left_out, DRIFT, record(Verdict.IDENTICAL)):
        writer.add(each)
    killed = load_run(tmp_path / "r")
    assert [len(case.tries) for case in killed.cases] == [2]
    assert [each.id for each in killed.not_compared] == ["y"]  # x has a record
    finished = writer.finish(finished=NOW, complete=True)
    assert finished.cases == killed.cases
    assert load_run(tmp_path / "r") == finished
