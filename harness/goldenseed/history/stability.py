"""How often a case flickered: other pixels although nothing on record that makes them differed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from goldenseed.environment.fingerprint import KeyDifference, environment_differences
from goldenseed.environment.keys import Kind
from goldenseed.history.points import Environment, Point

LEAST_PAIRS: Final = 10
"""With fewer pairs the score is not known: ten that agree allow one flicker in five still."""
_Z: Final = 1.6449
"""The 95 % quantile of the normal distribution, for a bound on one side."""


@dataclass(frozen=True, slots=True)
class Stability:
    """How a case held where nothing on record moves its pixels."""

    pairs: int
    """Times it was made again under the same recipe and environment."""
    flickers: int
    """How many of them gave other pixels than the time before."""

    @property
    def score(self) -> float | None:
        """The share of pairs that agree, from 0 to 1; None with fewer than ``LEAST_PAIRS``."""
        return 1 - self.flickers / self.pairs if self.pairs >= LEAST_PAIRS else None

    @property
    def at_least(self) -> float | None:
        """What the true share is at least, with 95 % confidence.

        Wilson's bound (E. B. Wilson, J. Am. Stat. Assoc. 22 (1927), 209), on one side.
        """
        if (share := self.score) is None:
            return None
        n, z2 = self.pairs, _Z * _Z
        spread = _Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
        return max(0.0, (share + z2 / (2 * n) - spread) / (1 + z2 / n))


class Records:
    """Says in what the records of two points differ; remembers it for each two environments."""

    def __init__(self, environments: Mapping[str, Environment]) -> None:
        self._environments = environments
        self._known: dict[tuple[str, str], tuple[KeyDifference, ...]] = {}

    def differences(self, old: Point, new: Point) -> tuple[KeyDifference, ...] | None:
        """Return the keys of the environment that differ; None where one is not on record."""
        a, b = old.environment, new.environment
        if a is None or b is None or {a, b} - self._environments.keys():
            return None
        if old.in_force or new.in_force:
            before = {**self._environments[a], **old.in_force}
            return environment_differences(before, {**self._environments[b], **new.in_force})
        if a == b:
            return ()
        if (a, b) not in self._known:
            self._known[a, b] = environment_differences(
                self._environments[a], self._environments[b]
            )
        return self._known[a, b]

    def moving(self, old: Point, new: Point) -> tuple[KeyDifference, ...] | None:
        """Return those of them that can move pixels."""
        found = self.differences(old, new)
        kinds = {Kind.IDENTITY, Kind.NUMERIC}
        return None if found is None else tuple(each for each in found if each.kind in kinds)

    def equal(self, old: Point, new: Point) -> bool:
        """Whether nothing on record tells the pixels of two points apart.

        Of a test that makes its image itself its code is no part of the recipe: there the commit
        has to be the same, and nothing changed since.
        """
        if old.recipe != new.recipe:
            return False
        if new.code and not (old.commit == new.commit and is_clean(new.commit)):
            return False
        return self.moving(old, new) == ()


def is_clean(commit: str | None) -> bool:
    """Whether a commit says what the files were."""
    return commit is not None and not commit.endswith("+")


def stability_of(points: Sequence[Point], records: Records) -> Stability:
    """Count the pairs of a series and how many of them flickered.

    ``points`` are in the order of time. A pair is a point and the one before it under the same
    record, whatever ran in between; tries within a run are pairs too.
    """
    latest: list[Point] = []
    pairs = sum(each.pairs for each in points)
    flickers = sum(each.flickers for each in points)
    for point in points:
        if point.pixels is None or not records.equal(point, point):
            continue  # what tells it apart from itself tells it apart from all
        place = next(
            (i for i in reversed(range(len(latest))) if records.equal(latest[i], point)), None
        )
        if place is None:
            latest.append(point)
            continue
        pairs += 1
        flickers += latest[place].pixels != point.pixels
        latest[place] = point
    return Stability(pairs, flickers)
