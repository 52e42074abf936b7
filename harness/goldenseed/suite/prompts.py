"""Prompts that a language model writes: `prompt: {model: llm, template: …}` in a case."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from goldenseed.suite.between import BetweenPrompts, BetweenSection
from goldenseed.suite.document import Document, Problem
from goldenseed.suite.model import absent_fault, beside
from goldenseed.suite.sections import NonEmpty, Section, Seed

if TYPE_CHECKING:
    from goldenseed.suite.cases import Prompt
    from goldenseed.suite.schema import CaseSection

_PLACE = re.compile(r"\{([A-Za-z_]\w*)\}")
_SAMPLING = ("temperature", "top_k", "top_p")
MOST_TOKENS = 4096
"""How many tokens a language model may be asked for."""

Place = tuple[str | int, ...]


class PromptSection(Section):
    """A prompt that a language model writes, from what it is told here."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": {**{each: ["seed"] for each in _SAMPLING}, "system": ["chat"]}
        },
    )

    model: NonEmpty
    """The language model's folder, relative to the suite file and inside its folder."""
    template: NonEmpty
    """What it is told; `{name}` stands for what `fill` has under that name."""
    fill: dict[NonEmpty, str] = Field(default_factory=dict)
    """What stands in the places of `template`, by their names."""
    continues: bool = False
    """Take the template and what is written after it as the prompt, and not the latter alone."""
    chat: bool = False
    """Tell it by the chat template of its tokenizer, as what a user says."""
    system: NonEmpty | None = None
    """What the chat template is given as the system's message."""
    seed: Seed | None = None
    """Draw each token with this seed; without one the likeliest token is taken."""
    temperature: Annotated[float, Field(gt=0, le=10)] | None = None
    """What its logits are divided by before a token is drawn; 1 by default."""
    top_k: Annotated[int, Field(ge=1)] | None = None
    """How many of the likeliest tokens may be drawn; by default all."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Which share of the probability, the likeliest tokens first, may be drawn; by default all."""
    max_new_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS)] = 60
    """After how many tokens it is stopped."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """What it computes in; where `determinism` is portable, in float64."""


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """What a language model is asked for; equal ones get the same text."""

    source: str
    """The folder as the suite writes it."""
    folder: Path
    told: str
    """The template, filled."""
    template: str
    fill: tuple[tuple[str, str], ...] = ()
    continues: bool = False
    chat: bool = False
    system: str | None = None
    seed: int | None = None
    """None where it is greedy."""
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    max_new_tokens: int = 60
    dtype: str = "float32"
    line: int = field(default=0, compare=False)
    """Where it stands in the suite file, from 1."""

    @property
    def described(self) -> dict[str, JsonValue]:
        """What the recipe says of it; the weights are in the fingerprint."""
        found: dict[str, JsonValue] = {
            "model": self.source,
            "template": self.template,
            "fill": dict(self.fill) or None,
            "continues": self.continues or None,
            "chat": self.chat or None,
            "max_new_tokens": self.max_new_tokens,
            "dtype": None if self.dtype == "float32" else self.dtype,
        }
        found |= {each: getattr(self, each) for each in ("system", "seed", *_SAMPLING)}
        return {key: value for key, value in found.items() if value is not None}


def _prompt_spec(document: Document, section: PromptSection, place: Place) -> PromptSpec:
    """Resolve a section that is checked and stands at ``place``."""
    return PromptSpec(
        source=section.model,
        folder=beside(document.path, section.model),
        told=_PLACE.sub(lambda found: section.fill[found[1]], section.template),
        template=section.template,
        fill=tuple(sorted(section.fill.items())),
        continues=section.continues,
        chat=section.chat,
        system=section.system,
        seed=section.seed,
        temperature=section.temperature,
        top_k=section.top_k,
        top_p=section.top_p,
        max_new_tokens=section.max_new_tokens,
        dtype=section.dtype,
        line=document.key_line_of(place),
    )


def prompts_of(document: Document, index: int, case: CaseSection) -> Mapping[str | None, Prompt]:
    """Return the prompts of a case, which is checked, by name; the one of ``prompt`` has none."""
    place = ("cases", index, "prompt" if case.prompts is None else "prompts")
    given = {None: case.prompt} if case.prompts is None else case.prompts
    found: dict[str | None, Prompt] = {}
    for name, each in given.items():
        if isinstance(each, PromptSection):
            here = place if name is None else (*place, name)
            found[name] = _prompt_spec(document, each, here)
        elif isinstance(each, BetweenSection):
            found[name] = BetweenPrompts(each.between, each.at)
        else:
            found[name] = each
    return MappingProxyType(found)


def prompt_faults(document: Document, place: Place, prompt: object) -> Iterator[Problem]:
    """Find what is wrong with a prompt that a language model writes."""
    for where, what, fix in _faults(document.path, place, prompt):
        yield Problem(document.line_of(where), what, fix)


def _faults(suite: Path, place: Place, prompt: object) -> Iterator[tuple[Place, str, str]]:
    """Say what is wrong: where, what, and the fix."""
    if not isinstance(prompt, dict) or "between" in prompt:
        return
    model = prompt.get("model")
    if isinstance(model, str) and model:
        outside, absent = "put the model into the suite's folder", "put the model into {}"
        fault = absent_fault(suite, model, outside, absent, is_folder=True)
        if fault:
            yield (*place, "model"), *fault
    for name in _SAMPLING:
        if prompt.get(name) is not None and prompt.get("seed") is None:
            what = f"`{name}` asks for tokens that are drawn, and there is no `seed`"
            yield (*place, name), what, "add a seed, or remove it: the likeliest token is taken"
    if prompt.get("system") is not None and prompt.get("chat") is not True:
        fix = "write `chat: true`, or put it into the template"
        yield (*place, "system"), "`system` is a part of a chat, and this is none", fix
    if prompt.get("continues") is True and prompt.get("chat") is True:
        fix = "remove one of the two"
        yield (*place, "continues"), "a reply in a chat continues no template", fix
    if isinstance(prompt.get("template"), str):
        yield from _faults_of_places(place, prompt["template"], prompt.get("fill"))


def _faults_of_places(
    place: Place, template: str, fill: object
) -> Iterator[tuple[Place, str, str]]:
    """Say which places of a template nothing fills, and what fills none."""
    named, filled = set(_PLACE.findall(template)), set(fill) if isinstance(fill, dict) else set()
    for name in sorted(named - filled):
        fix = f"write what stands there under `fill: {{{name}: …}}`"
        yield (*place, "template"), f"`{{{name}}}` in the template is filled by nothing", fix
    for name in sorted(filled - named):
        fix = f"write `{{{name}}}` where it belongs, or remove it"
        yield (*place, "fill", name), f"the template has no place `{{{name}}}`", fix
