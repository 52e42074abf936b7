"""Calls that come before the pipeline's own (inversion, a mask), and what it is given of them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints

from goldenseed.suite.sections import CHOICE, PLAIN, SECTION, Section

_NAME = r"^[a-zA-Z][a-zA-Z0-9_]*$"
Word = Annotated[str, StringConstraints(pattern=_NAME)]
"""A name of Python without a leading underscore."""


class BeforeSection(Section):
    """A call of one of the pipeline's own methods, before its own call."""

    method: Word
    """`invert`, `generate_mask`, …: what the pipeline's class itself has."""
    call: dict[Word, JsonValue] = Field(default_factory=dict)
    """Keyword arguments of that method. `inputs` that it has an argument for are given as well, and
    the case's generator."""
    gives: Annotated[Annotated[Word, PLAIN] | Annotated[dict[Word, Word], SECTION], CHOICE] = Field(
        default_factory=dict
    )
    """The keyword under which later calls are given its result: `mask_image`; or keywords, each
    with the part of the result: `{image_latents: latents}`."""


@dataclass(frozen=True, slots=True)
class BeforeSpec:
    """One call before the pipeline's own."""

    method: str
    call: Mapping[str, JsonValue]
    gives: Mapping[str, str | None]
    """Keyword to the part of the result; None is the whole."""

    @property
    def description(self) -> dict[str, JsonValue]:
        """What the recipe says of it."""
        return {
            "method": self.method,
            "call": deepcopy(dict(self.call)),
            "gives": dict(self.gives),
        }


def before_specs(sections: tuple[BeforeSection, ...]) -> tuple[BeforeSpec, ...]:
    """Return a case's calls in their order."""
    return tuple(
        BeforeSpec(
            each.method,
            each.call,
            {each.gives: None} if isinstance(each.gives, str) else dict(each.gives),
        )
        for each in sections
    )
