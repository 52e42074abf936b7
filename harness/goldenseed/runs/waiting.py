"""What of a run waits for a decision: grouped by what moved it, without what was decided since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from goldenseed.baselines.rejections import rejections_of
from goldenseed.baselines.store import BaselineStore
from goldenseed.runs.grouping import grouped
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.trace.stages import Stage
from goldenseed.verdict.model import Verdict

_WORST_FIRST = (Verdict.DRIFT, Verdict.INCOMPARABLE, Verdict.NEW, Verdict.WARN)
"""The verdicts about which somebody has to decide; the others pass, or need mending."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Cases that are one decision: they befell the same, from one stage on, for one cause."""

    verdict: Verdict
    """The worst among them."""
    cases: tuple[CaseRecord, ...]
    """The worst first."""
    stage: Stage | None = None
    index: int | None = None
    cause: str = ""
    """In words, with how much it is believed; empty where it is not known."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The cases of a run that are not as they were accepted."""

    groups: tuple[Alike, ...]
    """What waits, the worst first."""
    accepted: tuple[CaseRecord, ...]
    """What was accepted since."""
    rejected: tuple[CaseRecord, ...]
    """What is on a reject list: to be mended, not decided."""
    errors: tuple[CaseRecord, ...]
    """What gave no image to decide on."""

    @property
    def cases(self) -> Iterator[CaseRecord]:
        """All cases that wait, group by group."""
        return (case for group in self.groups for case in group.cases)


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
        elif case.verdict in _WORST_FIRST:
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
    return Waiting(tuple(_groups(still)), tuple(accepted), tuple(rejected), errors)


def _groups(cases: Iterable[CaseRecord]) -> list[Alike]:
    cases = list(cases)
    new = [case for case in cases if case.verdict is Verdict.NEW]
    found = [_alike(new)] if new else []
    for grouping in grouped(cases):
        found += [_alike(e.cases, e.stage, e.index, e.words) for e in grouping.groups]
        if grouping.undiagnosed:
            found.append(_alike(grouping.undiagnosed))
    return sorted(found, key=lambda each: (_WORST_FIRST.index(each.verdict), -len(each.cases)))


def _alike(
    cases: Iterable[CaseRecord],
    stage: Stage | None = None,
    index: int | None = None,
    cause: str = "",
) -> Alike:
    ordered = tuple(sorted(cases, key=_badness))
    return Alike(ordered[0].verdict, ordered, stage, index, cause)


def _badness(case: CaseRecord) -> tuple[float, ...]:
    """Return what sorts cases, the worst first."""
    metrics = case.metrics
    return (
        _WORST_FIRST.index(case.verdict),
        metrics.get("ssim", 1.0),
        -metrics.get("mean_difference", 0.0),
        -metrics.get("peak_difference", 0.0),
    )
