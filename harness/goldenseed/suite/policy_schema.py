"""The rules of ``policy:`` as a suite, or a file shared by several, writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from goldenseed.suite.sections import CHOICE, PLAIN, SECTION, NonEmpty, Section

FILE = r".*policy\.ya?ml"
"""What a policy's file is called."""
OWN = "own"
"""How ``schedulers`` names the one that a model brings."""
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

_Names = Annotated[tuple[NonEmpty, ...], Field(strict=False)]
_Size = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*x[1-9][0-9]*$")]
_Words = dict[NonEmpty, Annotated[tuple[NonEmpty, ...], Field(strict=False, min_length=1)]]


class Range(Section):
    """From where to where a number may be."""

    min: float | None = None
    """The least."""
    max: float | None = None
    """The greatest."""


class SeedRule(Range):
    """Which seeds, and how many."""

    at_least: Annotated[int, Field(ge=1)] | None = None
    """How many seeds a prompt needs."""


class PromptRule(Section):
    """What prompts are made of."""

    templates: Annotated[tuple[NonEmpty, ...], Field(strict=False, min_length=1)]
    """Texts with placeholders, `a {colour} {thing} on a white table`; one has to make the whole
    prompt."""
    words: _Words = Field(default_factory=dict)
    """What may stand for a placeholder; for one that is not listed, any text of one line."""

    @property
    def patterns(self) -> Iterator[str]:
        """The regular expression of each template."""
        for template in self.templates:
            # Every second part is the name of a placeholder.
            parts = _PLACEHOLDER.split(template)
            yield "".join(
                self._one(part) if n % 2 else re.escape(part) for n, part in enumerate(parts)
            )

    def _one(self, name: str) -> str:
        words = self.words.get(name)
        return f"(?:{'|'.join(map(re.escape, words))})" if words else ".+"


class PolicySection(Section):
    """What every case has to keep to; a key that is not there allows anything."""

    models: _Names | None = None
    """Models by their source, for a hub id also `org/name@commit`; `*` and `?` stand for any."""
    adapters: _Names | None = None
    """Adapters by their source, likewise; `[]` allows none."""
    dtypes: _Names | None = None
    """Data types."""
    schedulers: _Names | None = None
    """Classes of schedulers; `own` is the one that a model brings."""
    sizes: Annotated[tuple[_Size, ...], Field(strict=False)] | None = None
    """Sizes of images, as `512x512`, width first."""
    steps: Range | None = None
    """`num_inference_steps`."""
    guidance: Range | None = None
    """`guidance_scale`."""
    negative_prompt: _Names | None = None
    """Texts that have to be in every negative prompt."""
    seeds: SeedRule | None = None
    """Seeds."""
    prompts: PromptRule | None = None
    """What prompts are made of."""
    call: dict[NonEmpty, JsonValue] | None = None
    """Arguments of the call that have to have these values."""


PolicyChoice = Annotated[Annotated[PolicySection, SECTION] | Annotated[NonEmpty, PLAIN], CHOICE]


class PilotSection(Section):
    """A few cases that run first; the others only if these hold."""

    cases: Annotated[int, Field(ge=1, le=1000)]
    """How many, of those that a session runs, spread over models and prompts."""
    require: Literal["identical", "match", "warn"] = "match"
    """The worst verdict with which one of them holds."""


@dataclass(frozen=True, slots=True)
class PilotSpec:
    """What a suite wants of its pilot."""

    cases: int
    require: Literal["identical", "match", "warn"]
    line: int
    """Where it stands in the suite file."""
