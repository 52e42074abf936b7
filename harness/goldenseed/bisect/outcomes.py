"""What an image is, held against those of the good and the bad side."""

from __future__ import annotations

from dataclasses import dataclass

from goldenseed.bisect.search import Outcome
from goldenseed.runs.record import CaseRecord
from goldenseed.trace.stages import Stage
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

    @property
    def moved(self) -> bool:
        """Whether anything on record of the two images differs."""
        return (
            self.good.pixels_sha256 != self.bad.pixels_sha256 or self.good.trace != self.bad.trace
        )

    def outcome(self, tried: CaseRecord, judged: CaseRecord) -> Outcome:
        """Say what ``tried`` is; ``judged`` is the same, held against the good side's."""
        if tried.pixels_sha256 is None:
            return Outcome.FAILED
        by_pixels = self.good.pixels_sha256 != self.bad.pixels_sha256
        own, good, bad = (
            (each.pixels_sha256 if by_pixels else each.trace)
            for each in (tried, self.good, self.bad)
        )
        if own == good:
            return Outcome.BEFORE
        if own == bad or parting_of(judged).is_like(self.parting):
            return Outcome.AFTER
        return Outcome.THIRD
