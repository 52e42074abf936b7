"""What an image is, held against those of the good and the bad side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from goldenseed.bisect.search import Outcome
from goldenseed.runs.comparison import JudgedPair
from goldenseed.runs.record import CaseRecord, TraceStage
from goldenseed.trace.stages import WITHIN, Stage
from goldenseed.verdict.model import Verdict

_AS_FAR = 4.0
"""Up to which factor two distances at the first divergence count as of one difference."""


@dataclass(frozen=True, slots=True)
class Parting:
    """How an image parts from the good side's: its verdict, and the first stage that differs."""

    verdict: Verdict
    stage: Stage | None = None
    index: int = 0
    source: str | None = None
    distance: float | None = None
    """The relative distance there."""
    words: str = ""

    def is_like(self, other: Parting) -> bool:
        """Whether both have one verdict and part at one place, about as far."""
        same = (self.verdict, self.stage, self.index, self.source) == (
            other.verdict,
            other.stage,
            other.index,
            other.source,
        )
        if not same or not self.distance or not other.distance:
            return same
        return 1 / _AS_FAR <= self.distance / other.distance <= _AS_FAR


def parting_of(judged: CaseRecord) -> Parting:
    """Read from a judged pair how it parts."""
    first = judged.diagnosis.first_divergence if judged.diagnosis else None
    if first is None:
        return Parting(judged.verdict)
    return Parting(judged.verdict, first.stage, first.index, first.source, first.here, first.words)


@dataclass(frozen=True, slots=True)
class Ends:
    """One case on both sides."""

    good: CaseRecord
    bad: CaseRecord
    parting: Parting
    """Of the bad side's image from the good side's."""

    @classmethod
    def of(cls, pair: JudgedPair) -> Ends:
        """Take the two images of a pair, the first of which is the good side's."""
        return cls(pair.pair.a, pair.pair.b, parting_of(pair.judged))

    @property
    def moved(self) -> bool:
        """Whether anything on record of the two images differs."""
        return (
            self.good.pixels_sha256 != self.bad.pixels_sha256 or self.good.trace != self.bad.trace
        )

    @property
    def until(self) -> tuple[str, str, int] | None:
        """Stage, source and index at which both part, up to which an image need be made."""
        if self.parting.stage is None:
            return None
        name = (self.parting.stage.value, self.parting.source or "", self.parting.index)
        known = [_named(each) for each in (self.good.trace, self.bad.trace)]
        return name if all(name in each for each in known) else None

    def are_shown_by(self, good: CaseRecord | None, bad: CaseRecord | None) -> bool:
        """Whether two other records have at ``until`` what both sides' images have there."""
        until = self.until
        if until is None or good is None or bad is None:
            return False
        pairs = ((self.good, good), (self.bad, bad))
        own = [(_named(each.trace)[until], _named(other.trace).get(until)) for each, other in pairs]
        return all(digest == found for digest, found in own)

    def partial_outcome(self, tried: CaseRecord) -> Outcome | None:
        """Say what a case is that was made up to ``until``; None where only the whole can tell.

        What is as before so far may be a third image in the end: for a search both say that the
        changes that were made do not bring about this difference.
        """
        until = self.until
        own, good, bad = map(_named, (tried.trace, self.good.trace, self.bad.trace))
        if until is None or until not in own:
            return None
        so_far = [name for name in own if name != until and name[0] not in WITHIN]
        if any(own[name] != good.get(name) for name in so_far):
            return None
        found = {good[until]: Outcome.BEFORE, bad[until]: Outcome.AFTER}
        return found.get(own[until])

    def outcome(self, tried: CaseRecord, judged: CaseRecord) -> Outcome:
        """Say what ``tried`` is; ``judged`` is the same, held against the good side's."""
        if tried.pixels_sha256 is None:
            return Outcome.FAILED
        alike = Outcome.AFTER if parting_of(judged).is_like(self.parting) else Outcome.THIRD
        return self.exactly(tried) or alike

    def exactly(self, tried: CaseRecord) -> Outcome | None:
        """Say of which side an image is to the bit; None where of neither."""
        by_pixels = self.good.pixels_sha256 != self.bad.pixels_sha256
        own, good, bad = (
            (each.pixels_sha256 if by_pixels else each.trace)
            for each in (tried, self.good, self.bad)
        )
        return Outcome.BEFORE if own == good else Outcome.AFTER if own == bad else None


def _named(trace: Iterable[TraceStage]) -> dict[tuple[str, str, int], str]:
    """Return the digests of stages by stage, source and index."""
    return {(each.stage.value, each.source or "", each.index): each.sha256 for each in trace}
