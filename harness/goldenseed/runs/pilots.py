"""Pilots of a run: whether the few cases that ran before the others held."""

from __future__ import annotations

from collections.abc import Iterable

from goldenseed.runs.parts import PilotRecord
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.verdict.model import passing

NOT_RUN = "not run: the pilot did not hold"
"""Why a case has no image whose suite's pilot did not hold."""


def holds(record: CaseRecord, require: str, update: str) -> bool:
    """Whether a case of a pilot is good enough for it, or about to be accepted."""
    return record.verdict in passing(require, update) and not record.breaks_content


def judged_pilots(
    drawn: Iterable[PilotRecord], run: RunRecord, update: str
) -> tuple[PilotRecord, ...]:
    """Say of each pilot whether it held: a case of it that gave no image is no reason that it did.

    ``update`` is the session's ``--golden-update``.
    """
    found = []
    for pilot in drawn:
        records = {each.id: each for each in run.cases if each.path == pilot.path}
        there = [records[name] for name in pilot.cases if name in records]
        broken = tuple(each.id for each in there if not holds(each, pilot.require, update))
        left = [each for each in run.not_compared if each.path == pilot.path]
        not_run = sum(each.why == NOT_RUN for each in left)
        whole = bool(there) and not broken and not not_run
        found.append(pilot.model_copy(update={"held": whole, "broken": broken, "not_run": not_run}))
    return tuple(found)
