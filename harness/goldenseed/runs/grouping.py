"""Which cases of a run moved for one reason, and which stand apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from goldenseed.diagnosis.model import Cause, RankedCause
from goldenseed.runs.record import CaseRecord
from goldenseed.trace.stages import Stage
from goldenseed.verdict.model import Verdict

BELIEVED = 0.5
"""Confidence from which a cause is taken for granted when cases are grouped."""

_MOVED = frozenset(
    {Verdict.DRIFT, Verdict.WARN, Verdict.REJECTED, Verdict.INCOMPARABLE, Verdict.ERROR}
)


@dataclass(frozen=True, slots=True)
class Group:
    """Cases that part at one kind of stage for one cause."""

    cases: tuple[CaseRecord, ...]
    stage: Stage | None
    index: int | None
    """From 0, where all of them part at the same step (or draw, or call)."""
    cause: Cause
    words: str
    """The cause, with its values where they are the same for all; empty if it is unknown."""
    confidence: float


@dataclass(frozen=True, slots=True)
class Grouping:
    """The cases that moved, by what they have in common."""

    groups: tuple[Group, ...]
    undiagnosed: tuple[CaseRecord, ...]
    beyond_tolerance: bool
    """Whether they moved beyond the tolerance; if none did, those within it are grouped."""

    @property
    def moved(self) -> int:
        """How many cases moved."""
        return sum(len(group.cases) for group in self.groups) + len(self.undiagnosed)


def grouped(cases: Iterable[CaseRecord]) -> Grouping:
    """Group the cases that moved by first divergence and likeliest cause.

    Those beyond the tolerance, else those within it; a failure, only if it has a diagnosis.
    """
    known = list(cases)
    moved = [
        case
        for case in known
        if case.verdict in _MOVED and (case.diagnosis or case.verdict is not Verdict.ERROR)
    ]
    beyond = bool(moved)
    if not beyond:
        moved = [case for case in known if case.verdict is Verdict.MATCH]
    found: dict[tuple[Stage | None, Cause], list[CaseRecord]] = {}
    undiagnosed = []
    for case in moved:
        if case.diagnosis is None:
            undiagnosed.append(case)
            continue
        first, believed = case.diagnosis.first_divergence, _believed(case)
        stage = first.stage if first else None
        cause = believed.cause if believed else Cause.UNKNOWN
        found.setdefault((stage, cause), []).append(case)
    groups = [_group(stage, cause, alike) for (stage, cause), alike in found.items()]
    groups.sort(key=lambda group: -len(group.cases))
    return Grouping(tuple(groups), tuple(undiagnosed), beyond)


def _believed(case: CaseRecord) -> RankedCause | None:
    causes = case.diagnosis.causes if case.diagnosis else ()
    return causes[0] if causes and causes[0].confidence >= BELIEVED else None


def _group(stage: Stage | None, cause: Cause, cases: Sequence[CaseRecord]) -> Group:
    indices = {
        case.diagnosis.first_divergence.index
        for case in cases
        if case.diagnosis and case.diagnosis.first_divergence
    }
    believed = [found for found in map(_believed, cases) if found]
    words = {each.words for each in believed}
    labels = {each.partition(": ")[0] for each in words}
    return Group(
        cases=tuple(cases),
        stage=stage,
        index=indices.pop() if len(indices) == 1 else None,
        cause=cause,
        words="" if cause is Cause.UNKNOWN else next(iter(words if len(words) == 1 else labels)),
        confidence=min((each.confidence for each in believed), default=0.0),
    )
