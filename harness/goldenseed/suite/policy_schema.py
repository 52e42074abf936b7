"""The rules of ``policy:`` as a suite, or a file shared by several, writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from goldenseed.suite.sections import CHOICE, PLAIN, SECTION, NonEmpty, Section, Seed

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


class SeedRule(Section):
    """Which seeds, and how many."""

    min: Seed | None = None
    """The least."""
    max: Seed | None = None
    """The greatest."""

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
    def placeholders(self) -> frozenset[str]:
        """The names of all placeholders."""
        return frozenset(name for each in self.templates for name in _PLACEHOLDER.findall(each))

    def makes(self, prompt: str) -> bool:
        """Whether one of the templates makes the whole of a prompt."""
        return any(self._made_by(each, prompt) for each in self.templates)

    def _made_by(self, template: str, prompt: str) -> bool:
        """Follow a template by all places of the prompt at once, and so in time linear in both.

        A regular expression would go over them again for each way of filling the placeholders.
        """
        ends = {0}
        # Every second part is the name of a placeholder.
        for number, part in enumerate(_PLACEHOLDER.split(template)):
            words = self.words.get(part) if number % 2 else (part,)
            if words is None:
                ends = _any_text(prompt, ends)
            else:
                ends = {at + len(w) for w in words for at in ends if prompt.startswith(w, at)}
        return len(prompt) in ends


def _any_text(prompt: str, begins: set[int]) -> set[int]:
    """Return where texts of one line may end that begin at any of these places."""
    ends: set[int] = set()
    reached = 0
    for at in sorted(begins):
        line = prompt.find("\n", at)
        last = len(prompt) if line < 0 else line
        ends.update(range(max(at + 1, reached + 1), last + 1))
        reached = max(reached, last)
    return ends


class PolicySection(Section):
    """What every case has to keep to; a key that is not there allows anything."""

    models: _Names | None = None
    """Models, components and language models by their source, for a hub id also `org/name@commit`;
    `*` and `?` stand for any."""
    adapters: _Names | None = None
    """Adapters, IP-Adapters and embeddings by their source, likewise; `[]` allows none."""
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
