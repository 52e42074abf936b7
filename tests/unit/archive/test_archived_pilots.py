"""Whether a pilot held follows from the cases on record, and cannot be said otherwise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenseed.archive.pilots import check_pilots
from goldenseed.runs.parts import NotCompared, PilotRecord
from goldenseed.runs.pilots import NOT_RUN, judged_pilots
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.suite.cases import Suite
from goldenseed.suite.loading import load_suite
from goldenseed.verdict.model import Verdict

PLACE = "toy.suite.yaml"
SUITE = """\
suite: toy
model: {factory: toy:build}
pilot: {cases: 1, require: match}
cases:
  - {id: a, prompt: x, seeds: [1, 2]}
"""


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / PLACE).write_text(SUITE)
    (tmp_path / "toy.py").write_text("def build(): pass\n")
    return load_suite(tmp_path / PLACE)


@pytest.fixture
def run() -> RunRecord:
    """A run in which the pilot did not hold, and the other case was not run for that."""
    pilot = PilotRecord(suite="toy", path=PLACE, asked=1, require="match", cases=("a[seed=1]",))
    drifted = CaseRecord(
        id="a[seed=1]",
        suite="toy",
        path=PLACE,
        recipe={},
        recipe_sha256="0" * 64,
        verdict=Verdict.DRIFT,
        passed=False,
    )
    left = NotCompared(id="a[seed=2]", suite="toy", path=PLACE, why=NOT_RUN)
    record = RunRecord(
        run_id="r", started=datetime.now(UTC), cases=(drifted,), not_compared=(left,)
    )
    return record.model_copy(update={"pilots": judged_pilots([pilot], record, "none")})


def codes(run: RunRecord, suite: Suite) -> list[str]:
    return [each.code for each in check_pilots(run, {PLACE: suite})]


def test_a_pilot_as_it_was_is_no_finding(run: RunRecord, suite: Suite) -> None:
    assert not run.pilots[0].held
    assert codes(run, suite) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda pilot: [], ["pilot_missing"]),
        (
            lambda pilot: [pilot.model_copy(update={"held": True})],
            ["pilot_differs", "pilot_missing"],
        ),
        (lambda pilot: [pilot.model_copy(update={"require": "warn"})], ["pilot_differs"]),
        (lambda pilot: [pilot.model_copy(update={"not_run": 0})], ["pilot_differs"]),
    ],
)
def test_a_pilot_that_is_said_otherwise_is_found(
    change: Callable[[PilotRecord], list[PilotRecord]],
    found: list[str],
    run: RunRecord,
    suite: Suite,
) -> None:
    forged = run.model_copy(update={"pilots": tuple(change(run.pilots[0]))})
    assert codes(forged, suite) == found
