"""Where noisy numbers creep: they rise or fall bit by bit, without a step anywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, pairwise
from statistics import NormalDist, median
from typing import Final

LEAST: Final = 20
"""How many values a creep has at least."""
MOST: Final = 100
"""How many of the last values of a level are looked at."""
LONGER: Final = 1.5
"""By how much each stretch that is looked at is longer than the one before."""
SIGMAS: Final = 5.0
"""How far the trend has to be beyond chance: 6 in 10 million stretches of mere noise are."""
SHARE: Final = 0.2
"""By what share of the smaller end the numbers have to move along the trend."""
_CORRELATED: Final = NormalDist().inv_cdf(0.975)
"""From how many standard errors on two runs' numbers are taken to hang together."""


@dataclass(frozen=True, slots=True)
class Creep:
    """Numbers that move one way from the value at ``start`` to that at ``end``, both included."""

    start: int
    end: int
    before: float
    after: float
    """What lies on the trend at both."""


def creeps_of(values: Sequence[float], steps: Sequence[int] = ()) -> tuple[Creep, ...]:
    """Find a creep at the end of each level of ``values``, which ``steps`` part from each other.

    Of stretches that end where the level does, the one with the clearest trend is taken, if that is
    ``SIGMAS`` beyond chance by the Mann-Kendall test (H. B. Mann, Econometrica 13 (1945), 245;
    M. G. Kendall, Rank Correlation Methods, 1948), with its variance corrected for numbers that
    hang together (K. H. Hamed and A. R. Rao, J. Hydrology 204 (1998), 182), and if the numbers move
    by ``SHARE`` along it (slope: P. K. Sen, J. Am. Stat. Assoc. 63 (1968), 1379).
    """
    found = (_at_the_end(values, *level) for level in pairwise((0, *steps, len(values))))
    return tuple(each for each in found if each is not None)


def _at_the_end(values: Sequence[float], start: int, end: int) -> Creep | None:
    stretches = [(abs(trend(values[begin:end])), begin) for begin in _begins(start, end)]
    clearest, begin = max(stretches, default=(0.0, start))
    if clearest < SIGMAS:
        return None
    taken = values[begin:end]
    slope = slope_of(taken)
    middle = median(value - slope * place for place, value in enumerate(taken))
    before, after = middle, middle + slope * (len(taken) - 1)
    if abs(after - before) < SHARE * min(abs(before), abs(after)):
        return None
    return Creep(begin, end - 1, before, after)


def _begins(start: int, end: int) -> Iterator[int]:
    """Yield where stretches begin: of ``LEAST`` values, then of more and more, the last of all."""
    longest = min(end - start, MOST)
    length = float(LEAST)
    while length < longest:
        yield end - int(length)
        length *= LONGER
    if longest >= LEAST:
        yield end - longest


def trend(values: Sequence[float]) -> float:
    """Return by how many standard deviations the values rise more often than chance has it.

    Kendall's S over its deviation, ties and correlation taken into account; negative if they fall.
    Values that never go back, as no noise does for long, have a trend and nothing else in common.
    """
    n = len(values)
    s = sum((b > a) - (b < a) for a, b in combinations(values, 2))
    ties = (len(list(alike)) for _, alike in groupby(sorted(values)))
    pure = n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)
    back = any(s * (b - a) < 0 for a, b in pairwise(values))
    variance = pure / 18 * (_hang_together(values) if back else 1)
    return (s - math.copysign(1, s)) / math.sqrt(variance) if s and variance > 0 else 0.0


def slope_of(values: Sequence[float]) -> float:
    """Return the median of the slopes between all two values."""
    pairs = combinations(enumerate(values), 2)
    return median((b - a) / (later - earlier) for (earlier, a), (later, b) in pairs)


def _hang_together(values: Sequence[float]) -> float:
    """Return by what the variance of S grows since values near each other are alike, 1 at least.

    From the correlations of the ranks of what the trend leaves over, as far as they are clear.
    """
    n = len(values)
    slope = slope_of(values)
    left = [value - slope * place for place, value in enumerate(values)]
    order = {value: rank for rank, value in enumerate(sorted(left))}
    ranks = [order[each] - (n - 1) / 2 for each in left]
    if not (whole := sum(rank * rank for rank in ranks)):
        return 1.0
    grown = 0.0
    for lag in range(1, n // 4 + 1):
        together = sum(a * b for a, b in zip(ranks, ranks[lag:], strict=False)) / whole
        if abs(together) > _CORRELATED / math.sqrt(n):
            grown += (n - lag) * (n - lag - 1) * (n - lag - 2) * together
    return max(1.0, 1 + 2 * grown / (n * (n - 1) * (n - 2)))
