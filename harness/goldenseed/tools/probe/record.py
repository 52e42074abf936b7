"""Runs of one suite with one thing changed in each, as one record: a case for each image made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from goldenseed.runs.comparison import JudgedPair, RunComparison
from goldenseed.runs.parts import VerbRecord
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.verdict.model import PASSING

CHANGE = "change"
"""The axis along which the cases of such a record are alternatives of each other."""


def tried_record(
    compared: Sequence[tuple[str, RunComparison]],
    unchanged: RunRecord,
    *,
    run_id: str,
    started: datetime,
    finished: datetime,
    verb: VerbRecord,
) -> RunRecord:
    """Describe what became of each change, named, against the ``unchanged`` run.

    Cases are called ``red-apple[threads-2,seed=1]``. They are no cases of a suite, so that nothing
    can be accepted from the record.
    """
    environments = [unchanged.environment, *unchanged.other_environments]
    for _, found in compared:
        record = found.b.record
        environments += [record.environment, *record.other_environments]
    distinct = [each for n, each in enumerate(environments) if each not in environments[:n]]
    return RunRecord(
        run_id=run_id,
        started=started,
        finished=finished,
        complete=True,
        git=unchanged.git,
        profile=unchanged.profile,
        environment=distinct[0],
        other_environments=tuple(distinct[1:]),
        cases=tuple(_case(name, pair) for name, found in compared for pair in found.pairs),
        verb=verb,
    )


def _case(change: str, pair: JudgedPair) -> CaseRecord:
    """Return the record of an image, which passes as it would in a session: the verb judges."""
    passed = pair.judged.verdict in PASSING
    judged = pair.judged.model_copy(update={"passed": passed})
    return as_alternative(judged, CHANGE, change)


def as_alternative(case: CaseRecord, axis: str, name: str) -> CaseRecord:
    """Return a record with one more alternative, in its id before those that it has already."""
    before, _, inside = case.id.partition("[")
    given = inside.removesuffix("]").split(",") if inside else []
    place = max(0, len(given) - len(case.alternatives) - 1)
    bracket = ",".join([*given[:place], name, *given[place:]])
    alternatives = {axis: name, **case.alternatives}
    return case.model_copy(update={"id": f"{before}[{bracket}]", "alternatives": alternatives})
