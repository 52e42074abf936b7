"""What a case deviates in from the rules of a policy, rule by rule."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from pydantic import JsonValue

from goldenseed.core.files import canonical_json
from goldenseed.suite.between import texts_of
from goldenseed.suite.cases import Template
from goldenseed.suite.model import ModelSpec
from goldenseed.suite.policy_schema import OWN, PolicySection, Range, SeedRule
from goldenseed.suite.prompts import PromptSpec
from goldenseed.suite.wording import shown

Place = tuple[str | int, ...]
Deviation = tuple[str, Place, str]
"""The rule, the place in a case of what deviates, and how."""
_Source = tuple[str, str, tuple[str, ...], Place]
"""The rule, what it is, its names, and where it stands."""
_ABSENT = "which the policy limits"
_ADAPTERS: Final = MappingProxyType(
    {"adapters": "adapter", "ip_adapters": "IP-Adapter", "embeddings": "embedding"}
)


def deviations(rules: PolicySection, template: Template, model: ModelSpec) -> Iterator[Deviation]:
    """Yield every deviation of the cases of a template."""
    yield from _of_model(rules, template, model)
    yield from _of_call(rules, template.call)
    yield from _of_prompts(rules, template)
    if rules.seeds is not None:
        place, seeds = ("seeds",), template.seeds
        yield from _within("seeds", place, "the seed", rules.seeds, (min(seeds), max(seeds)))
        if rules.seeds.at_least is not None and len(seeds) < rules.seeds.at_least:
            what = f"has {len(seeds)} seeds a prompt, at least {rules.seeds.at_least} are needed"
            yield "seeds", place, what


def _sources(template: Template, model: ModelSpec) -> Iterator[_Source]:
    """Yield whatever weights a case loads, by what the suite calls them."""
    yield "models", "the model", _names(model), ("model", "source")
    for part in model.components:
        at: Place = ("model", "components", part.name)
        at += () if part.number is None else (part.number,)
        yield "models", f"the model of `{part.part}`,", _names(part), at
    for name, prompt in template.prompts.items():
        if isinstance(prompt, PromptSpec):
            place: Place = ("prompt",) if name is None else ("prompts", name)
            yield "models", "the language model", (prompt.source,), (*place, "model")
    for number, step in enumerate(template.postprocess):
        if step.model is not None:
            source = str(step.described["model"])
            yield "models", f"the model of `{step.label}`,", (source,), ("postprocess", number)
    for key, kind in _ADAPTERS.items():
        for number, each in enumerate(getattr(model, key)):
            yield "adapters", f"the {kind}", _names(each), ("model", key, number)


def _names(spec: Any) -> tuple[str, ...]:
    """Return by what a rule may know something: its source, also with its commit."""
    revision = getattr(spec, "revision", None)
    return (spec.source, f"{spec.source}@{revision}") if revision else (spec.source,)


def _of_model(rules: PolicySection, template: Template, model: ModelSpec) -> Iterator[Deviation]:
    for rule, kind, names, place in _sources(template, model):
        allowed = rules.models if rule == "models" else rules.adapters
        if allowed is not None and not _fits(names, allowed):
            yield rule, place, f"{kind} {shown(names[-1])} is none of {_listed(allowed)}"
    if rules.dtypes is not None:
        dtypes: dict[str | None, Place] = {model.dtype: ("model", "dtype")}
        for part in model.components:
            dtypes.setdefault(part.dtype, ("model", "components", part.name))
        for name, dtype in model.dtypes:
            dtypes.setdefault(dtype, ("model", "dtype", name))
        for dtype in sorted(filter(None, dtypes.keys() - {*rules.dtypes})):
            what = f"the dtype {dtype} is none of {_listed(rules.dtypes)}"
            yield "dtypes", dtypes[dtype], what
    if rules.schedulers is not None:
        scheduler = model.scheduler.class_name if model.scheduler else OWN
        if scheduler not in rules.schedulers:
            said = "the model's own scheduler" if scheduler == OWN else f"the scheduler {scheduler}"
            what = f"{said} is none of {_listed(rules.schedulers)}"
            yield "schedulers", ("model", "scheduler"), what


def _of_call(rules: PolicySection, call: Mapping[str, JsonValue]) -> Iterator[Deviation]:
    if rules.sizes is not None:
        size = f"{call.get('width')}x{call.get('height')}"
        place = ("call", "width" if "width" in call else "height")
        if not {"width", "height"} <= call.keys():
            yield "sizes", place, f"it does not say its width and height, {_ABSENT}"
        elif size not in rules.sizes:
            yield "sizes", place, f"the size {size} is none of {_listed(rules.sizes)}"
    for rule, argument, limits in (
        ("steps", "num_inference_steps", rules.steps),
        ("guidance", "guidance_scale", rules.guidance),
    ):
        if limits is None:
            continue
        value, place = call.get(argument), ("call", argument)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield from _within(rule, place, argument, limits, (value,))
        else:
            yield rule, place, f"it does not say its `{argument}`, {_ABSENT}"
    if rules.negative_prompt is not None:
        yield from _of_negative(rules.negative_prompt, call.get("negative_prompt"))
    for argument, wanted in (rules.call or {}).items():
        if argument not in call or canonical_json(call[argument]) != canonical_json(wanted):
            found = shown(call[argument]) if argument in call else "not said"
            what = f"`{argument}` is {found}, {shown(wanted)} is needed"
            yield "call", ("call", argument), what


def _of_negative(needed: Sequence[str], negative: JsonValue) -> Iterator[Deviation]:
    place = ("call", "negative_prompt")
    texts = negative if isinstance(negative, list) else [negative]
    for each in needed:
        if not texts or not all(isinstance(text, str) and each in text for text in texts):
            yield "negative_prompt", place, f"the negative prompt does not hold {shown(each)}"


def _of_prompts(rules: PolicySection, template: Template) -> Iterator[Deviation]:
    if rules.prompts is None:
        return
    for name, prompt in template.prompts.items():
        place: Place = ("prompt",) if name is None else ("prompts", name)
        for text in texts_of(prompt) or (prompt if isinstance(prompt, tuple) else (prompt,)):
            if text is None:
                yield "prompts", place, "it has no prompt"
            elif not isinstance(text, str):
                yield "prompts", place, "a language model writes the prompt, which no template does"
            elif not rules.prompts.makes(text):
                what = f"the prompt {shown(text)} is made by no template"
                yield "prompts", place, what


def _within(
    rule: str, place: Place, name: str, limits: Range | SeedRule, values: Sequence[float]
) -> Iterator[Deviation]:
    for value in dict.fromkeys(values):
        if limits.min is not None and value < limits.min:
            yield (
                rule,
                place,
                f"{name} is {_plain(value)}, at least {_plain(limits.min)} is allowed",
            )
        elif limits.max is not None and value > limits.max:
            yield rule, place, f"{name} is {_plain(value)}, at most {_plain(limits.max)} is allowed"


def _plain(value: float) -> str:
    """Write a number with all its digits, so that it is not the limit that it breaks."""
    return repr(value).removesuffix(".0")


def _fits(names: Sequence[str], patterns: Sequence[str]) -> bool:
    literal = [each.replace("[", "[[]") for each in patterns]
    return any(fnmatch.fnmatchcase(name, each) for name in names for each in literal)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "the allowed ones: none is"
