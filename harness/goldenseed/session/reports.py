"""What the report of a test carries to whoever keeps the record: verdicts, or that it has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from pydantic import BaseModel

from goldenseed.runs.parts import NotCompared
from goldenseed.runs.pilots import NOT_RUN
from goldenseed.runs.record import CaseRecord
from goldenseed.session.failure import CASE, RECORDS
from goldenseed.session.naming import case_of, suite_of
from goldenseed.suite.recipes import recipe_sha256
from goldenseed.tools.relations.making import Tried
from goldenseed.verdict.model import Reason, Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a phase of a test for the record."""

    records: tuple[CaseRecord, ...] = ()
    not_compared: NotCompared | None = None


_JUDGED = pytest.StashKey[bool]()
"""Whether the present try at a test gave a record."""

_LEFT_OUT = (pytest.skip.Exception, pytest.xfail.Exception)
"""What ends a test on purpose."""


def outcome_of(
    item: pytest.Item,
    call: pytest.CallInfo[None],
    report: pytest.TestReport,
    pending: Callable[[], CaseRecord],
) -> Outcome:
    """Say what a phase of a test came to, as pytest sees it in the end.

    ``pending`` makes the record of the one image that the test was to give.
    """
    records = item.stash.get(RECORDS, [])
    item.stash[RECORDS] = []  # the next try, if a plugin runs the item again, begins anew
    judged = call.when != "setup" and item.stash.get(_JUDGED, False)
    item.stash[_JUDGED] = judged or bool(records)
    if records:
        return Outcome(tuple(_as_pytest_has_it(item, each, report) for each in records))
    if judged or call.when == "teardown":
        return Outcome()
    if report.skipped and (call.excinfo is None or call.excinfo.errisinstance(_LEFT_OUT)):
        return Outcome(not_compared=_not_compared(pending(), _why(report)))
    if report.failed or report.skipped:
        message = call.excinfo.exconly() if call.excinfo else str(report.longrepr)
        record = pending().failed("run_failed", message)
        return Outcome((_as_pytest_has_it(item, record, report),))
    if call.when == "call":
        return Outcome(not_compared=_not_compared(pending(), "the test checked no image"))
    return Outcome()


def carried_relation(tried: Tried) -> dict[str, object]:
    """Return what a report carries of a relation."""
    reference = tried.record.reference
    return {
        "relation": tried.record,
        "environments": [dict(each) for each in tried.environments],
        "profile": reference and reference.profile,
    }


def pending_of_test(item: pytest.Item, name: str | None = None) -> CaseRecord:
    """Return what is known of a test's image before it is judged; it counts as failed."""
    place, line, _ = item.location
    return CaseRecord(
        id=case_of(item, name),
        suite=suite_of(item.config, item.path),
        path=place.replace("\\", "/"),
        line=None if line is None else line + 1,
        recipe={},
        recipe_sha256=recipe_sha256({}),
        verdict=Verdict.ERROR,
        passed=False,
    )


def _as_pytest_has_it(
    item: pytest.Item, record: CaseRecord, report: pytest.TestReport
) -> CaseRecord:
    """Add what pytest makes of a case by its marks: no record says that a failed case passed."""
    if hasattr(report, "wasxfail"):
        why = str(report.wasxfail or "")
        if record.quarantine and record.in_quarantine:
            return _remarked(record, why, f"fails {record.quarantine.words}")
        how = "passes in spite of its xfail mark" if record.passed else "fails behind an xfail mark"
        return _remarked(record, why, f"{how}: {why}" if why else how)
    if report.failed and record.passed and CASE in item.stash:
        reason = Reason(code="run_failed", detail=_last_line(str(report.longrepr)))
        update = {"passed": False, "reasons": (*record.reasons, reason)}
        return record.model_copy(update=update)
    return record


def _remarked(record: CaseRecord, why: str, remark: str) -> CaseRecord:
    """Add what came of an xfail mark, as the last remark."""
    return record.model_copy(update={"xfail": why, "remarks": (*record.remarks, remark)})


def _not_compared(record: CaseRecord, why: str) -> NotCompared:
    return NotCompared(
        id=record.id, suite=record.suite, path=record.path, line=record.line, why=why
    )


def _why(report: pytest.TestReport) -> str:
    """Say why pytest did not run a test."""
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail}".removesuffix(": ")
    where = report.longrepr
    reason = where[2] if isinstance(where, tuple) else str(where)
    why = _last_line(reason)
    return NOT_RUN if why.endswith(NOT_RUN) else why.replace("Skipped:", "skipped:", 1)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def as_json(document: BaseModel) -> object:
    """Return a record as plain data, for ``json.dumps``."""
    return document.model_dump(mode="json")
