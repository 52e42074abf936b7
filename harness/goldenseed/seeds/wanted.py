"""What seeds are searched for, and how the tables are asked for it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from goldenseed.seeds.tables import SCORES, SEEDS, TAGS

RATING: Final = "rating"
"""What people give a seed, beside the names of content scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What seeds are searched for; each of it has to hold."""

    words: str = ""
    """In prompt, tags and note, each word somewhere; a phrase in quotes."""
    tags: tuple[str, ...] = ()
    seed: str | None = None
    model: str | None = None
    min_rating: int | None = None
    size: tuple[int, int] | None = None
    """Width and height."""
    valued: str | None = None
    """``rating``, or a content score: it has to be known."""
    limits: Mapping[str, float] | None = None
    """``min_NAME`` and ``max_NAME`` of content scores; a seed without the score does not hold."""


def conditions(wanted: Wanted) -> Iterator[Any]:
    """Yield what a row of seeds has to hold, as SQLAlchemy's expressions."""
    for tag in wanted.tags:
        yield SEEDS.c.number.in_(sa.select(TAGS.c.number).where(TAGS.c.tag == tag))
    if wanted.seed is not None:
        yield SEEDS.c.seed == wanted.seed
    if wanted.model is not None:
        yield SEEDS.c.model == wanted.model
    if wanted.min_rating is not None:
        yield SEEDS.c.rating >= wanted.min_rating
    if wanted.valued == RATING:
        yield SEEDS.c.rating.is_not(None)
    elif wanted.valued is not None:
        having = sa.select(SCORES.c.number).where(SCORES.c.name == wanted.valued)
        yield SEEDS.c.number.in_(having)
    if wanted.size is not None:
        yield sa.and_(SEEDS.c.width == wanted.size[0], SEEDS.c.height == wanted.size[1])
    for name, limit in (wanted.limits or {}).items():
        direction, _, score = name.partition("_")
        compare: Callable[[Any, float], Any] = operator.ge if direction == "min" else operator.le
        holding = sa.select(SCORES.c.number).where(
            SCORES.c.name == score, compare(SCORES.c.value, limit)
        )
        yield SEEDS.c.number.in_(holding)
