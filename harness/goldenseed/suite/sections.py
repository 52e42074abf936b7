"""What every section of a suite file is made of: sets, and names that become file names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    StringConstraints,
    Tag,
)

from goldenseed.core.names import name_problem, suite_name_problem

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
NonEmpty = Annotated[str, StringConstraints(min_length=1)]
MarkName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Marks = Annotated[tuple[MarkName, ...], Field(strict=False)]


class Section(BaseModel):
    """A mapping of the file, its keys and values taken strictly."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


def _section_or_plain(value: object) -> str:
    return "<section>" if isinstance(value, dict | Section) else "<plain>"


def _list_or_other(value: object) -> str:
    return "<list>" if isinstance(value, list | tuple) else _section_or_plain(value)


def _named_prompt(value: object) -> str:
    mixed = "between" in value if isinstance(value, dict) else hasattr(value, "between")
    return "<between>" if mixed else _section_or_plain(value)


def _prompt(value: object) -> str:
    return "<list>" if isinstance(value, list | tuple) else _named_prompt(value)


SECTION, PLAIN, LIST = Tag("<section>"), Tag("<plain>"), Tag("<list>")
"""Which kind of value a key has that takes several."""
CHOICE = Discriminator(_section_or_plain)
CHOICE_OR_LIST = Discriminator(_list_or_other)
BETWEEN = Tag("<between>")
"""A section of prompts that is known by its key."""
CHOICE_OF_NAMED, CHOICE_OF_PROMPTS = Discriminator(_named_prompt), Discriminator(_prompt)
PLAIN_OR_LIST = Discriminator(lambda v: "<list>" if isinstance(v, list | tuple) else "<plain>")


LARGEST_SEED = 2**63 - 1
"""``torch.Generator.manual_seed`` takes more, but a negative seed and its complement are one."""
MOST_CASES = 100_000
"""Cases in one suite, after seeds and prompts are expanded."""

Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]


class SeedRange(Section):
    """Consecutive seeds."""

    start: Seed
    """The first seed."""
    count: Annotated[int, Field(ge=1, le=MOST_CASES)]
    """How many seeds."""


SeedList = Annotated[tuple[Seed, ...], Field(strict=False, min_length=1, max_length=MOST_CASES)]
Seeds = Annotated[Annotated[SeedList, PLAIN] | Annotated[SeedRange, SECTION], CHOICE]


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


class NoiseSection(Section):
    """Initial noise that was stored, or that lies between that of two seeds."""

    file: NonEmpty | None = None
    """A `.npy` or `.safetensors` file, relative to the suite file and inside its folder."""
    between: Annotated[tuple[Seed, Seed], Field(strict=False)] | None = None
    """Two seeds, whose noise is mixed along the arc between them."""
    at: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    """How far from the first seed to the second, 0 to 1."""


NoiseChoice = Annotated[
    Annotated[NoiseSection, SECTION] | Annotated[Literal["cpu", "device", "portable"], PLAIN],
    CHOICE,
]


Vary = dict[NonEmpty, Annotated[dict[Name, JsonValue], Field(min_length=1)]]


def name_fault(name: str, *, is_suite: bool = False) -> str | None:
    """Say why a name of the right characters cannot be used, as the rest of a sentence; or None."""
    if not re.match(NAME_PATTERN, name):
        return None
    if ".." in name:
        return "holds `..`, which leads out of a folder"
    return suite_name_problem(name) if is_suite else name_problem(name)


def count_of_images(case: Mapping[str, Any], vary: object) -> int:
    """Count the images of a case as the file has it; 0 where its seeds cannot be counted."""
    seeds, prompts = case.get("seeds"), case.get("prompts")
    count = seeds.get("count") if isinstance(seeds, dict) else None
    times = count if type(count) is int else len(seeds) if isinstance(seeds, list) else 0
    axes = vary.values() if isinstance(vary, dict) else ()
    sizes = (len(each) for each in (prompts, *axes) if isinstance(each, dict) and each)
    return times * prod(sizes)
