"""One environment that was tried, and how many may be."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf

from goldenseed.bisect.packages import Packages
from goldenseed.bisect.search import Changes, Outcome, OutOfBudget
from goldenseed.bisect.suspects import computes
from goldenseed.runs.comparison import JudgedPair, RunComparison, StoredRun

TABLES, STAGE = "tables only", "to where it parts"
"""Up to what images are made in an environment of which no more need be known."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One environment, and what its images are."""

    name: str
    """For people: ``good``, ``bad``, or the changes that were made to the good side."""
    changes: Changes | None = None
    """None where it is no mixture of the two sides: an environment between them."""
    packages: Packages = field(default_factory=Packages)
    run: StoredRun | None = None
    comparison: RunComparison | None = None
    """With the good side in the baseline's place."""
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    """By the ids of cases."""
    failed: str | None = None
    """Why there are no images, or why they could not be made to their end."""
    partial: str | None = None
    """Up to what images were made, where not to their end."""
    seconds: float = 0.0
    """Of building and making."""
    build_seconds: float = 0.0

    def parted(self, case: str) -> JudgedPair | None:
        """Return a case held against the good side's; None where it was not made to its end."""
        pairs = self.comparison.pairs if self.comparison else ()
        return next((each for each in pairs if each.pair.b.id == case), None)

    def beside(self, brief: Tried) -> Tried:
        """Return it with what one stage told of cases whose images could not be made whole."""
        seconds = self.seconds + brief.seconds
        told = {c: each for c, each in brief.outcomes.items() if not self.outcome(c).tells}
        if not told:
            return replace(self, seconds=seconds)
        failed = self.failed or "an image cannot be made to its end"
        outcomes = {**self.outcomes, **told}
        return replace(
            self, outcomes=outcomes, partial=brief.partial, failed=failed, seconds=seconds
        )

    def outcome(self, case: str) -> Outcome:
        """Return what a case's image is; one that was not made tells nothing."""
        missing = Outcome.UNRESOLVABLE if self.run is None and not self.seconds else Outcome.FAILED
        return self.outcomes.get(case, missing)


@dataclass
class Budget:
    """How much may be spent."""

    environments: int
    minutes: float | None = None
    timeout_seconds: float = 900.0
    """What one environment's images may take."""
    began: float = field(default_factory=time.monotonic)
    spent: int = 0

    def take(self) -> None:
        """Count one environment; raises ``OutOfBudget``."""
        if self.spent >= self.environments:
            raise OutOfBudget(f"{self.spent} environments were tried, the --max-environments")
        self.check_time()
        self.spent += 1

    def check_time(self) -> None:
        """Raise ``OutOfBudget`` where the minutes are over."""
        if self._left <= 0:
            raise OutOfBudget(f"{self.minutes:g} minutes are over, the --max-minutes")

    @property
    def _left(self) -> float:
        """How many seconds are left."""
        return inf if self.minutes is None else self.began + 60 * self.minutes - time.monotonic()

    @property
    def seconds(self) -> float:
        """How long the images of the next environment may take."""
        return max(0.1, min(self.timeout_seconds, self._left))


_NAMED = 3


def named(changes: Changes, everything: Changes) -> str:
    """Say which changes were made, by the shorter list: those made, or those left out."""
    rest = everything - changes
    if not changes or not rest:
        return "bad" if changes else "good"
    left_out = len(rest) < len(changes)
    names = sorted(rest if left_out else changes, key=lambda each: (not computes(each), each))
    shown = ", ".join(names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"all but {shown}{more}" if left_out else f"{shown}{more}"
