"""What of a run waits for a decision, without what was decided since."""

from __future__ import annotations

from dataclasses import dataclass

from goldenseed.baselines.rejections import rejections_of
from goldenseed.baselines.store import BaselineStore
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.verdict.model import Verdict

TO_BE_DECIDED = (Verdict.DRIFT, Verdict.INCOMPARABLE, Verdict.NEW, Verdict.WARN)
"""The verdicts about which somebody has to decide; the others pass, or need mending."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The cases of a run that are not as they were accepted."""

    cases: tuple[CaseRecord, ...]
    """What waits, in the run's order."""
    accepted: tuple[CaseRecord, ...]
    """What was accepted since."""
    rejected: tuple[CaseRecord, ...]
    """What is on a reject list: to be mended, not decided."""
    errors: tuple[CaseRecord, ...]
    """What gave no image to decide on."""


def waiting(run: RunRecord, store: BaselineStore) -> Waiting:
    """Sort the cases of ``run`` by what is to be done about them now.

    Raises:
        GoldenseedError: an entry cannot be read.

    """
    still: list[CaseRecord] = []
    accepted: list[CaseRecord] = []
    rejected: list[CaseRecord] = []
    for case in run.cases:
        if case.verdict is Verdict.REJECTED:
            rejected.append(case)
        elif case.verdict in TO_BE_DECIDED:
            entry = store.entry(case.suite, case.id)
            own = entry.profiles.get(case.profile or "") if entry else None
            found = own.accepted_with(case.pixels_sha256 or "") if own else None
            if rejections_of(entry, case.pixels_sha256 or ""):
                rejected.append(case)
            elif found is not None and found.recipe_sha256 == case.recipe_sha256:
                accepted.append(case)
            else:
                still.append(case)
    errors = tuple(case for case in run.cases if case.verdict is Verdict.ERROR)
    return Waiting(tuple(still), tuple(accepted), tuple(rejected), errors)
