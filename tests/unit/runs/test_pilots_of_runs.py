"""Whether a pilot held, from a run's record alone, and how that is said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from goldenseed.reporting.badge import badge_of
from goldenseed.reporting.pilots import pilot_sentence
from goldenseed.reporting.words import outcome
from goldenseed.runs.parts import NotCompared, PilotRecord
from goldenseed.runs.pilots import NOT_RUN, judged_pilots
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.verdict.model import Reason, Verdict

DRAWN = PilotRecord(
    suite="toy",
    path="toy.suite.yaml",
    line=3,
    asked=2,
    require="match",
    cases=("a[seed=1]", "a[seed=2]"),
)


def case(seed: int, verdict: Verdict, *reasons: Reason) -> CaseRecord:
    return CaseRecord(
        id=f"a[seed={seed}]",
        suite="toy",
        path="toy.suite.yaml",
        recipe={},
        recipe_sha256="0" * 64,
        verdict=verdict,
        passed=verdict is not Verdict.DRIFT,
        reasons=reasons,
    )


def run(*cases: CaseRecord, not_run: int = 0) -> RunRecord:
    left = [
        NotCompared(id=f"b[seed={n}]", suite="toy", path="toy.suite.yaml", why=NOT_RUN)
        for n in range(not_run)
    ]
    record = RunRecord(
        run_id="r", started=datetime.now(UTC), complete=True, cases=cases, not_compared=tuple(left)
    )
    return record.model_copy(update={"pilots": judged_pilots([DRAWN], record, "none")})


def test_a_pilot_that_held_is_said_and_is_green():
    found = run(case(1, Verdict.IDENTICAL), case(2, Verdict.MATCH))
    assert found.pilots[0].held
    assert pilot_sentence(found.pilots[0]) == (
        "the pilot of toy (toy.suite.yaml:3) held: 2 cases, none worse than match"
    )
    assert badge_of(found).state == "pass"


@pytest.mark.parametrize("not_run", [0, 7])
def test_one_that_did_not_is_never_green_though_every_case_passes(not_run: int):
    found = run(case(1, Verdict.IDENTICAL), case(2, Verdict.WARN), not_run=not_run)
    assert not found.pilots[0].held
    assert found.pilots[0].broken == ("a[seed=2]",)
    said = pilot_sentence(found.pilots[0])
    assert "did not hold: 1 of 2 cases worse than match: a[seed=2]" in said
    assert said.endswith("; 7 not run") == bool(not_run)
    assert badge_of(found).state == "fail"
    assert "1 pilot did not hold" in outcome(found)


def test_a_case_that_breaks_a_content_limit_breaks_it():
    found = run(case(1, Verdict.IDENTICAL, Reason(code="content")), case(2, Verdict.MATCH))
    assert found.pilots[0].broken == ("a[seed=1]",)


def test_one_without_images_did_not_hold():
    found = run(not_run=3)
    assert pilot_sentence(found.pilots[0]).endswith(
        "did not hold: no case of it gave an image; 3 not run"
    )


def test_what_is_about_to_be_accepted_holds():
    record = run(case(1, Verdict.NEW), case(2, Verdict.NEW))
    assert not record.pilots[0].held
    assert judged_pilots([DRAWN], record, "missing")[0].held


def test_older_records_have_none():
    written = run().model_dump(mode="json")
    del written["pilots"]
    assert RunRecord.model_validate(written).pilots == ()
