"""The shape of ``consistency`` and ``diversity`` in a suite file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.suites.section import Name, NonEmpty, Section


class _SetSection(Section):
    """Cases whose images are held against each other, every pair of them."""

    id: Name
    """The set's name."""
    cases: Annotated[tuple[NonEmpty, ...], Field(strict=False, min_length=1)]
    """Case ids, ids without their bracket, or patterns with `*` and `?`."""
    statistic: Literal["worst", "mean"] = "worst"
    """What is held against the limits: the worst pair, or the mean of all pairs."""


class ConsistencySection(_SetSection):
    """Cases whose images have to be alike: one character, one style, one product."""

    within: dict[str, float] = Field(default_factory=dict)
    """How alike two images of the set have to be, for example `max_phash_distance: 20`."""
    between: dict[str, float] = Field(default_factory=dict)
    """How far they have to be from those of the other sets: `min_phash_distance: 10`."""


class DiversitySection(_SetSection):
    """Cases of one prompt whose images must not be all the same; each prompt by itself."""

    within: dict[str, float] = Field(default_factory=dict)
    """How far apart two images of a prompt have to be, for example `min_phash_distance: 4`."""
