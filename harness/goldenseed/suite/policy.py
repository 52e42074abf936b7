"""``policy:``: what cases of a suite may ask for, held against them before a model is loaded."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import JsonValue, ValidationError

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import canonical_json
from goldenseed.suite.between import texts_of
from goldenseed.suite.cases import Suite, Template
from goldenseed.suite.document import COUNTED, Document, Problem, failure, moved, read_document
from goldenseed.suite.model import ModelSpec
from goldenseed.suite.policy_schema import FILE, OWN, PilotSpec, PolicySection, Range
from goldenseed.suite.schema import SuiteFile
from goldenseed.suite.sections import Section
from goldenseed.suite.wording import schema_problems, shown

_Place = tuple[str | int, ...]
_Deviation = tuple[str, _Place, str]
"""The rule, the place in a case of what deviates, and how."""
_ABSENT = "which the policy limits"


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules, and where they stand."""

    rules: PolicySection
    document: Document
    place: _Place
    """Of the rules in the document."""
    file: Path | None
    """Of rules that stand in a file of their own, absolute."""

    def at(self, rule: str) -> str:
        """Say where a rule stands: ```steps``, policy.yaml:3``."""
        line = self.document.key_line_of((*self.place, rule))
        where = f"line {line}" if self.file is None else f"{self.file.name}:{line}"
        return f"`{rule}`, {where}"


class _File(Section):
    """A policy's file, as if it stood in a suite."""

    policy: PolicySection


def policy_of(document: Document, given: PolicySection | str | None) -> Policy | None:
    """Return the rules of a suite, read from their file where it names one.

    Raises:
        GoldenseedError: the file cannot be read, or is no policy.

    """
    if given is None:
        return None
    if not isinstance(given, str):
        return Policy(given, document, ("policy",), None)
    line = document.line_of(("policy",))
    if not re.fullmatch(FILE, Path(given).name) or Path(given).is_absolute():
        raise GoldenseedError(
            f"`policy` is {shown(given)}, which is no policy's file",
            path=document.path,
            line=line,
            fix="name a file that ends in `policy.yaml`, by its way from the suite's folder",
        )
    file = Path(os.path.normpath(document.path.parent.absolute() / given))
    if not file.is_file():
        what, fix = f"there is no file `{given}`", f"put the policy at {file}"
        raise GoldenseedError(what, path=document.path, line=line, fix=fix)
    return _read(file)


def with_rules(document: Document, section: SuiteFile, suite: Suite) -> Suite:
    """Return the suite with its pilot and its policy's file, once it keeps to that policy.

    Raises:
        GoldenseedError: as ``policy_of``; or a case deviates: every deviation with line and rule.

    """
    policy = policy_of(document, section.policy)
    if policy is not None:
        found = list(islice(check_policy(document, suite, policy), COUNTED))
        if found:
            raise failure(document.path, found)
        suite = replace(suite, policy=policy.file)
    if section.pilot is None:
        return suite
    line = document.key_line_of(("pilot",))
    pilot = PilotSpec(section.pilot.cases, section.pilot.require, line)
    return replace(suite, pilot=pilot)


def _read(file: Path) -> Policy:
    own = read_document(file)
    whole = moved(own, {"policy": own.data}, at=(), of=("policy",))
    problems = list(own.problems)
    try:
        rules = _File.model_validate({"policy": own.data}).policy
    except ValidationError as error:
        problems += schema_problems(error, whole)
    if problems:
        raise failure(file, problems)
    return Policy(rules, whole, ("policy",), file)


def check_policy(document: Document, suite: Suite, policy: Policy) -> Iterator[Problem]:
    """Find every case of a suite that deviates from its policy."""
    index_of = {line: n for n, line in enumerate(document.item_lines("cases"))}
    for template, model in zip(suite.templates, suite.models, strict=True):
        for rule, place, what in deviations(policy.rules, template, model):
            line = _line(document, index_of.get(template.line), template, place)
            yield Problem(
                line or template.line,
                f"`{template.id}`: {what} ({policy.at(rule)})",
                "change the case, or have the policy changed",
            )


def deviations(rules: PolicySection, template: Template, model: ModelSpec) -> Iterator[_Deviation]:
    """Yield what an entry has that the rules do not allow: the rule, the place, and how."""
    yield from _of_model(rules, model)
    yield from _of_call(rules, template.call)
    yield from _of_prompts(rules, template)
    if rules.seeds is not None:
        place, seeds = ("seeds",), template.seeds
        yield from _within("seeds", place, "the seed", rules.seeds, (min(seeds), max(seeds)))
        if rules.seeds.at_least is not None and len(seeds) < rules.seeds.at_least:
            what = f"has {len(seeds)} seeds a prompt, at least {rules.seeds.at_least} are needed"
            yield "seeds", place, what


def _of_model(rules: PolicySection, model: ModelSpec) -> Iterator[_Deviation]:
    named = f"{model.source}@{model.revision}" if model.revision else model.source
    if rules.models is not None and not _fits((model.source, named), rules.models):
        what = f"the model {shown(named)} is none of {_listed(rules.models)}"
        yield "models", ("model", "source"), what
    if rules.dtypes is not None:
        dtypes = {model.dtype, *(each for _, each in model.dtypes)}
        for dtype in sorted(dtypes - {*rules.dtypes}):
            what = f"the dtype {dtype} is none of {_listed(rules.dtypes)}"
            yield "dtypes", ("model", "dtype"), what
    if rules.schedulers is not None:
        scheduler = model.scheduler.class_name if model.scheduler else OWN
        if scheduler not in rules.schedulers:
            said = "the model's own scheduler" if scheduler == OWN else f"the scheduler {scheduler}"
            what = f"{said} is none of {_listed(rules.schedulers)}"
            yield "schedulers", ("model", "scheduler"), what
    if rules.adapters is not None:
        for adapter in model.adapters:
            if not _fits((adapter.source,), rules.adapters):
                what = f"the adapter {shown(adapter.source)} is none of {_listed(rules.adapters)}"
                yield "adapters", ("model", "adapters"), what


def _of_call(rules: PolicySection, call: Mapping[str, JsonValue]) -> Iterator[_Deviation]:
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


def _of_negative(needed: Sequence[str], negative: JsonValue) -> Iterator[_Deviation]:
    place = ("call", "negative_prompt")
    texts = negative if isinstance(negative, list) else [negative]
    for each in needed:
        if not all(isinstance(text, str) and each in text for text in texts):
            yield "negative_prompt", place, f"the negative prompt does not hold {shown(each)}"


def _of_prompts(rules: PolicySection, template: Template) -> Iterator[_Deviation]:
    if rules.prompts is None:
        return
    known = [re.compile(each) for each in rules.prompts.patterns]
    for name, prompt in template.prompts.items():
        place: _Place = ("prompt",) if name is None else ("prompts", name)
        for text in texts_of(prompt) or (prompt if isinstance(prompt, tuple) else (prompt,)):
            if text is None:
                yield "prompts", place, "it has no prompt"
            elif not isinstance(text, str):
                yield "prompts", place, "a language model writes the prompt, which no template does"
            elif not any(each.fullmatch(text) for each in known):
                what = f"the prompt {shown(text)} is made by no template"
                yield "prompts", place, what


def _within(
    rule: str, place: _Place, name: str, limits: Range, values: Sequence[float]
) -> Iterator[_Deviation]:
    for value in dict.fromkeys(values):
        if limits.min is not None and value < limits.min:
            yield rule, place, f"{name} is {value:g}, at least {limits.min:g} is allowed"
        elif limits.max is not None and value > limits.max:
            yield rule, place, f"{name} is {value:g}, at most {limits.max:g} is allowed"


def _fits(names: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, each) for name in names for each in patterns)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "the allowed ones: none is"


def _line(document: Document, index: int | None, template: Template, place: _Place) -> int | None:
    """Return the line of what deviates: in the case, in its alternative, or in what it inherits."""
    data: Any = document.data
    case: _Place = () if index is None else ("cases", index)
    if index is not None:
        for axis, name in template.alternatives.items():
            own = "vary" in data["cases"][index]
            at = (*(case if own else ("defaults",)), "vary", axis, name)
            within = _below(axis, place)
            if within is not None and _there(data, (*at, *within)):
                return document.line_of((*at, *within))
    inherited = ("defaults",) if place[0] == "call" else ()
    for at in ((*case, *place), (*inherited, *place)):
        if _there(data, at):
            return document.line_of(at)
    return None


def _below(axis: str, place: _Place) -> _Place | None:
    """Return where ``place`` of a case lies in alternatives of an axis; None where not in them."""
    keys = tuple(axis.split("."))
    for head in (keys, ("model", *keys)):
        if place[: len(head)] == head:
            return place[len(head) :]
    return None


def _there(data: Any, place: _Place) -> bool:
    for part in place:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True
