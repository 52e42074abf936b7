"""Which cases of a run moved for one reason, and which stand apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from goldenseed.diagnosis.model import Cause, RankedCause
from goldenseed.runs.record import CaseRecord
from goldenseed.trace.stages import Stage
from goldenseed.verdict.model import Verdict

BELIEVED = 0.5
"""What the confidences of the causes that are named as likely come to, together."""

TIE = 0.05
"""Causes whose confidences are no farther apart are named together, or not at all."""


MOST_NAMED = 3
"""More causes than these that tie are as good as none."""


class Kind(StrEnum):
    """What befell cases that are told of together; different failures are never summed."""

    MOVED = "moved"
    WITHIN = "moved within the tolerance"
    INCOMPARABLE = "incomparable"
    UNMOVED = "incomparable, with equal pixels"
    """Recipe or environment differ, and the pixels are the accepted ones."""
    ERROR = "failed"


_KINDS = {
    Verdict.DRIFT: Kind.MOVED,
    Verdict.WARN: Kind.MOVED,
    Verdict.REJECTED: Kind.MOVED,
    Verdict.MATCH: Kind.WITHIN,
    Verdict.INCOMPARABLE: Kind.INCOMPARABLE,
    Verdict.ERROR: Kind.ERROR,
}


@dataclass(frozen=True, slots=True)
class Group:
    """Cases that part at one kind of stage for one cause."""

    cases: tuple[CaseRecord, ...]
    stage: Stage | None
    index: int | None
    """From 0, where all of them part at the same step (or draw, or call)."""
    causes: tuple[Cause, ...]
    """The likely one, or those that tie; empty if it is not known."""
    words: str
    """They, with their values where these are the same for all, and how much each is believed."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """The cases of one kind, by what they have in common."""

    kind: Kind
    groups: tuple[Group, ...]
    undiagnosed: tuple[CaseRecord, ...]

    @property
    def total(self) -> int:
        """How many cases they are."""
        return sum(len(group.cases) for group in self.groups) + len(self.undiagnosed)


def equal_pixels(case: CaseRecord) -> bool:
    """Whether the image has the very pixels it was held against."""
    return case.baseline is not None and case.baseline.pixels_sha256 == case.pixels_sha256


def leading(causes: Sequence[RankedCause]) -> tuple[RankedCause, ...]:
    """Return the causes to be named as likely: the first, with what ties or is needed to believe.

    None where they are not believed together, or nothing is known of them.
    """
    chosen: list[RankedCause] = []
    for each in causes:
        believed = sum(cause.confidence for cause in chosen)
        if believed >= BELIEVED and chosen[0].confidence - each.confidence > TIE:
            break
        chosen.append(each)
    known = any(each.cause is not Cause.UNKNOWN for each in chosen)
    believed = sum(each.confidence for each in chosen)
    return tuple(chosen) if known and believed >= BELIEVED and len(chosen) <= MOST_NAMED else ()


def grouped(cases: Iterable[CaseRecord]) -> tuple[Grouping, ...]:
    """Group the cases that stand out by what befell them, first divergence and likely cause.

    Those within the tolerance only where none moved beyond it; a failure only with a diagnosis.
    """
    found: dict[Kind, list[CaseRecord]] = {kind: [] for kind in Kind}
    for case in cases:
        kind = _KINDS.get(case.verdict)
        if kind is Kind.INCOMPARABLE and equal_pixels(case):
            kind = Kind.UNMOVED
        if kind is not None and (case.diagnosis or kind is not Kind.ERROR):
            found[kind].append(case)
    if any(found[kind] for kind in Kind if kind is not Kind.WITHIN):
        found[Kind.WITHIN] = []
    return tuple(_grouping(kind, alike) for kind, alike in found.items() if alike)


def _grouping(kind: Kind, cases: Sequence[CaseRecord]) -> Grouping:
    found: dict[tuple[Stage | None, frozenset[Cause]], list[CaseRecord]] = {}
    undiagnosed = []
    for case in cases:
        if case.diagnosis is None:
            undiagnosed.append(case)
            continue
        first = case.diagnosis.first_divergence
        causes = frozenset(each.cause for each in leading(case.diagnosis.causes))
        found.setdefault((first.stage if first else None, causes), []).append(case)
    groups = [_group(stage, alike) for (stage, _), alike in found.items()]
    groups.sort(key=lambda group: -len(group.cases))
    return Grouping(kind, tuple(groups), tuple(undiagnosed))


def _group(stage: Stage | None, cases: Sequence[CaseRecord]) -> Group:
    diagnoses = [case.diagnosis for case in cases if case.diagnosis]
    indices = {each.first_divergence.index for each in diagnoses if each.first_divergence}
    believed: dict[Cause, list[RankedCause]] = {}
    for diagnosis in diagnoses:
        for each in leading(diagnosis.causes):
            believed.setdefault(each.cause, []).append(each)
    return Group(
        cases=tuple(cases),
        stage=stage,
        index=indices.pop() if len(indices) == 1 else None,
        causes=tuple(believed),
        words=" or ".join(map(_words, believed.values())),
    )


def _words(alike: Sequence[RankedCause]) -> str:
    """Say one cause of several cases, by its label alone where its values are not the same."""
    texts = {cause_words(each) for each in alike}
    labels = sorted({each.partition(": ")[0] for each in texts})
    text = texts.pop() if len(texts) == 1 else labels[0]
    return f"{text} ({min(each.confidence for each in alike):.2f})"


def cause_words(cause: RankedCause) -> str:
    """Return a cause as it is told: in this case's words, or that it is unknown."""
    return "unknown" if cause.cause is Cause.UNKNOWN else cause.words
