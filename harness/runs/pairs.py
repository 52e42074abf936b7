"""The pairs of a set: all of them, or the same sample every time where there are too many."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

MOST_PAIRS = 1000
"""The most pairs that one limit looks at: all pairs of 45 images."""


def pairs_within(groups: Sequence[Sequence[str]], seed: str) -> tuple[list[tuple[str, str]], int]:
    """Return the pairs inside each group, and how many there are; a sample beyond ``MOST_PAIRS``.

    The sample follows from ``seed`` alone.
    """
    counts = [math.comb(len(group), 2) for group in groups]
    chosen = []
    for index in _chosen(sum(counts), seed):
        place = index
        for group, count in zip(groups, counts, strict=True):
            if place < count:
                chosen.append(_pair(group, place))
                break
            place -= count
    return chosen, sum(counts)


def pairs_between(
    these: Sequence[str], others: Sequence[str], seed: str
) -> tuple[list[tuple[str, str]], int]:
    """Return the pairs of one of ``these`` with one of ``others``, as ``pairs_within``."""
    count = len(these) * len(others)
    places = (divmod(index, len(others)) for index in _chosen(count, seed))
    return [(these[row], others[column]) for row, column in places], count


def _chosen(count: int, seed: str) -> Iterator[int]:
    if count <= MOST_PAIRS:
        return iter(range(count))
    return iter(sorted(random.Random(seed).sample(range(count), MOST_PAIRS)))  # noqa: S311


def _pair(group: Sequence[str], place: int) -> tuple[str, str]:
    """Return pair number ``place`` of 0-1, 0-2 and so on, then 1-2, 1-3 and so on."""
    size = len(group)
    left = math.comb(size, 2) - 1 - place  # pairs that come after it
    row = size - 2 - (math.isqrt(8 * left + 1) - 1) // 2
    column = place - row * (2 * size - row - 1) // 2 + row + 1
    return group[row], group[column]
