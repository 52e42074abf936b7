"""Which seed to try for a prompt: the one that did best for the prompts nearest to it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.seeds.entry import HIGHEST_RATING
from goldenseed.seeds.library import Found, Library
from goldenseed.seeds.wanted import RATING, Wanted

_NEIGHBOURS: Final = 1000
"""Seeds that are looked at: those of the nearest prompts that have a value to go by."""
_DOUBT: Final = 1.0
"""How many seeds of the very prompt it takes to believe them as much as the average."""


@dataclass(frozen=True, slots=True)
class Recommended:
    """A seed's number, and how good it may be expected to be."""

    seed: str
    expected: float
    """Between 0 and 1: the share of the neighbours' images that it may be as good as."""
    weight: float
    """How much speaks for it: one for each image of the very same words."""
    examples: tuple[Found, ...] = field(default=())


def recommend(
    library: Library,
    prompt: str,
    *,
    by: str,
    model: str | None = None,
    limit: int = 5,
    without: str | None = None,
) -> list[Recommended]:
    """Return seeds for a prompt, the best first.

    Each seed of the library whose prompt shares a word with this one counts by how near it is (its
    relevance beside the nearest one's) and by its rank within its own prompt: some prompts
    make sharper images than others whatever the seed. A seed that few speak for is drawn towards
    the middle: expected = (sum of weight * rank + 1/2) / (sum of weight + 1).

    Args:
        library: Where the seeds are.
        prompt: What is to be made.
        by: ``rating``, or ``max_NAME`` or ``min_NAME`` of a content score: the more, or the less,
            the better.
        model: Only what this model made.
        limit: How many at most.
        without: A prompt whose seeds do not count, to see how good this is.

    Raises:
        GoldenseedError: nothing near has a value to go by.

    """
    valued = RATING if by == RATING else by.partition("_")[2]
    wanted = Wanted(words=prompt.replace('"', " "), model=model, valued=valued)
    near = library.search(wanted, limit=_NEIGHBOURS, every=False)
    ranks = _ranks([each for each in near if each.seed.prompt != without], by)
    if not ranks:
        raise GoldenseedError(
            f"no seed of a prompt like this one has a {by.partition('_')[2] or by}",
            path=library.place,
            fix="rate some with `goldenseed seeds tag ID --rating 4`, or go by a score: "
            "--by max_sharpness",
        )
    top = max(found.relevance or 0.0 for found, _ in ranks) or 1.0
    speaking: dict[str, list[tuple[float, float, Found]]] = defaultdict(list)
    for found, rank in ranks:
        speaking[found.seed.seed].append(((found.relevance or 0.0) / top, rank, found))
    every = [_expected(seed, each) for seed, each in speaking.items()]
    return sorted(every, key=lambda each: (-each.expected, -each.weight, each.seed))[:limit]


def _expected(seed: str, speaking: Sequence[tuple[float, float, Found]]) -> Recommended:
    weight = sum(near for near, _, _ in speaking)
    total = sum(near * rank for near, rank, _ in speaking)
    best = sorted(speaking, key=lambda each: -each[0] * each[1])
    expected = (total + _DOUBT / 2) / (weight + _DOUBT)
    return Recommended(seed, expected, weight, tuple(found for _, _, found in best[:3]))


def _ranks(found: Iterable[Found], by: str) -> list[tuple[Found, float]]:
    """Return each with the share of its own prompt's images that it is better than, ties half.

    A rating means the same for every prompt, and is its own rank; a prompt with one image by a
    score says nothing.
    """
    by_prompt: dict[str, list[tuple[Found, float]]] = defaultdict(list)
    for each in found:
        by_prompt[each.seed.prompt].append((each, _value(each, by) or 0.0))
    if by == RATING:
        return [(e, value / HIGHEST_RATING) for of in by_prompt.values() for e, value in of]
    ranked = []
    for of in by_prompt.values():
        values = sorted(value for _, value in of)
        for each, value in of:
            below, up_to = bisect_left(values, value), bisect_right(values, value)
            if len(of) > 1:
                ranked.append((each, (below + up_to - 1) / 2 / (len(of) - 1)))
    return ranked


def _value(found: Found, by: str) -> float | None:
    """Return what is gone by; the more the better."""
    if by == RATING:
        return found.seed.rating
    direction, _, name = by.partition("_")
    value = found.seed.scores.get(name)
    return None if value is None else value if direction == "max" else -value
