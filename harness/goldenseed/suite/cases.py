"""Cases: every pair of a prompt and a seed, with everything that decides its image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import JsonValue

from goldenseed.suite.answers import AnswerSpec
from goldenseed.suite.before import BeforeSpec
from goldenseed.suite.between import BetweenPrompts
from goldenseed.suite.inputs import InputValue
from goldenseed.suite.masking import MaskSpec
from goldenseed.suite.model import (
    AdapterSpec,
    Determinism,
    ModelSpec,
    NoiseSpec,
    SchedulerSpec,
)
from goldenseed.suite.policy_schema import PilotSpec
from goldenseed.suite.postprocess import StepSpec
from goldenseed.suite.prompts import PromptSpec
from goldenseed.suite.provenance import NOTHING, ProvenanceSpec
from goldenseed.suite.quarantine import Quarantine

if TYPE_CHECKING:
    from goldenseed.suite.relations import RelationSpec

Prompt = str | tuple[str, ...] | PromptSpec | BetweenPrompts | None
Kind = Literal["consistency", "diversity"]
Side = Literal["within", "between"]


@dataclass(frozen=True, slots=True)
class Limit:
    """How far a metric may go."""

    value: float
    source: str
    """``suite`` or ``case``."""
    line: int = 0
    """Where the limit stands in the suite file, from 1."""
    model: Path | None = None
    """The folder of the model that a content score is computed with, absolute."""


@dataclass(frozen=True, slots=True)
class GateLine:
    """A gate as it stands in the file, for whoever knows the metrics to validate its name."""

    name: str
    value: float
    line: int


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """One entry of ``cases`` over the suite's defaults; all of it is shared by its cases."""

    id: str
    prompts: Mapping[str | None, Prompt]
    """Prompts by name; the one of ``prompt`` has no name."""
    seeds: range | tuple[int, ...]
    call: Mapping[str, JsonValue]
    model: Mapping[str, Any]
    """Fields of ``ModelSpec`` that differ from the suite's."""
    noise: NoiseSpec
    limits: Mapping[str, Limit]
    content: Mapping[str, Limit]
    marks: tuple[str, ...]
    line: int
    mask: MaskSpec | None = None
    inputs: Mapping[str, InputValue] = field(default_factory=dict)
    before: tuple[BeforeSpec, ...] = ()
    alternatives: Mapping[str, str] = field(default_factory=dict)
    """Where an entry varies: which alternative of each axis it is, by name."""
    quarantine: Quarantine | None = None
    provenance: ProvenanceSpec = NOTHING
    answers: tuple[AnswerSpec, ...] = ()
    postprocess: tuple[StepSpec, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SetSpec:
    """An entry of ``consistency`` or ``diversity``, its patterns resolved."""

    kind: Kind
    id: str
    groups: tuple[tuple[str, ...], ...]
    """Case ids whose images are paired with each other.

    One group for ``consistency``; for ``diversity`` one for each prompt, of two cases or more.
    """
    statistic: Literal["worst", "mean"]
    within: Mapping[str, Limit]
    """Limits on the pairs inside a group, by name."""
    between: Mapping[str, Limit]
    """Limits on the pairs with the other sets of ``consistency``, by name."""
    line: int

    @property
    def cases(self) -> tuple[str, ...]:
        """The ids of all members, in the order of the suite."""
        return tuple(case for group in self.groups for case in group)


@dataclass(frozen=True, eq=False)
class Suite:
    """A suite file, read and checked."""

    name: str
    path: Path
    """As it was given to ``load_suite``."""
    model: ModelSpec
    """What every case begins with; each goes by its own ``Case.model``."""
    determinism: Determinism
    lock: Path | None
    """The lock file, absolute; it need not exist."""
    gate_lines: tuple[GateLine, ...]
    """Every gate in the file, of the suite and of its cases, in the order of the file."""
    templates: tuple[Template, ...]
    sets: tuple[SetSpec, ...] = ()
    """What is held against each other: ``consistency`` first, then ``diversity``."""
    relations: tuple[RelationSpec, ...] = ()
    """Ways of making its images otherwise that have to agree with its own."""
    selfcheck_required: bool = False
    """Whether a session fails where the gates would pass a wrong image."""
    policy: Path | None = None
    """The file of its policy, absolute, where that is shared; it keeps to it."""
    pilot: PilotSpec | None = None
    safety: str | None = None
    """``required``, ``off`` or ``record``; None where what a safety checker flags fails."""

    @cached_property
    def prompt_specs(self) -> tuple[PromptSpec, ...]:
        """What language models are asked for, each once, in the order of the file."""
        prompts = (each for template in self.templates for each in template.prompts.values())
        return tuple(dict.fromkeys(each for each in prompts if isinstance(each, PromptSpec)))

    @cached_property
    def models(self) -> tuple[ModelSpec, ...]:
        """The model of each of ``templates``: one object where the same fields differ alike."""
        made: dict[tuple[tuple[str, int], ...], ModelSpec] = {(): self.model}
        found = []
        for each in self.templates:
            key = tuple((name, id(value)) for name, value in each.model.items())
            if key not in made:
                made[key] = replace(self.model, **each.model)
            found.append(made[key])
        return tuple(found)

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """All cases, in the order of the file: for each entry its prompts, for each its seeds."""
        return tuple(
            case
            for template, model in zip(self.templates, self.models, strict=True)
            for case in _expand(self, template, model)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One image to generate."""

    suite: Suite
    id: str
    """``red-apple[seed=1024]`` or ``colours[red,euler,seed=0]``; unique in the suite."""
    case_id: str
    """The id of the entry in the file: ``red-apple``."""
    prompt: Prompt
    """None where the pipeline takes none, several of one call, what a language model is told, or
    two whose embeddings are mixed."""
    seed: int
    call: Mapping[str, JsonValue]
    """The pipeline's keyword arguments, without prompt and generator; shared, do not change."""
    model: ModelSpec
    """The suite's, or what the case has in its place: what is loaded and what it wears."""
    noise: NoiseSpec
    limits: Mapping[str, Limit]
    """Gate name to limit, the case's over the suite's."""
    content: Mapping[str, Limit]
    """Content limit (``min_sharpness``) to limit, the case's over the suite's."""
    marks: tuple[str, ...]
    line: int
    """Where the entry begins in the suite file, from 1."""
    mask: MaskSpec | None = None
    """Which pixels count when the image is compared; None where all do."""
    inputs: Mapping[str, InputValue] = field(default_factory=dict)
    """Pictures and tensors that the pipeline is given, by its keyword."""
    before: tuple[BeforeSpec, ...] = ()
    """Methods of the pipeline to call before its own call, in this order."""
    alternatives: Mapping[str, str] = field(default_factory=dict)
    """Which alternative of each axis it is, by name."""
    quarantine: Quarantine | None = None
    """Until when it may fail without failing the session."""
    provenance: ProvenanceSpec = NOTHING
    """What its file has to say of its origin."""
    answers: tuple[AnswerSpec, ...] = ()
    """What a model is asked of its image."""
    postprocess: tuple[StepSpec, ...] = ()
    """What is done to each of its pictures before it is judged, in this order."""

    @property
    def scheduler(self) -> SchedulerSpec | None:
        """The scheduler that the model wears; None leaves its own."""
        return self.model.scheduler

    @property
    def adapters(self) -> tuple[AdapterSpec, ...]:
        """The adapters that the model wears, in this order."""
        return self.model.adapters

    @property
    def text(self) -> str | None:
        """The prompt where it is one text."""
        return self.prompt if isinstance(self.prompt, str) else None

    def arguments(self) -> dict[str, JsonValue]:
        """Return a copy of ``call`` that a pipeline may change as it likes."""
        return deepcopy(dict(self.call))


def named_images(template: Template) -> Iterator[tuple[str, Prompt, int]]:
    """Yield case id, prompt and seed of every image of an entry: for each prompt its seeds."""
    varied = template.alternatives.values()
    for name, prompt in template.prompts.items():
        before = f"{template.id}[{','.join([*([name] if name else []), *varied, 'seed='])}"
        for seed in template.seeds:
            yield f"{before}{seed}]", prompt, seed


def _expand(suite: Suite, template: Template, model: ModelSpec) -> Iterator[Case]:
    for case_id, prompt, seed in named_images(template):
        yield Case(
            suite,
            case_id,
            template.id,
            prompt,
            seed,
            template.call,
            model,
            template.noise,
            template.limits,
            template.content,
            template.marks,
            template.line,
            template.mask,
            template.inputs,
            template.before,
            template.alternatives,
            template.quarantine,
            template.provenance,
            template.answers,
            template.postprocess,
        )


Value = TypeVar("Value")


def merged(below: Mapping[str, Value], above: Mapping[str, Value]) -> Mapping[str, Value]:
    """``above`` over ``below``, key by key; ``below`` itself where there is nothing above."""
    return MappingProxyType({**below, **above}) if above else below
