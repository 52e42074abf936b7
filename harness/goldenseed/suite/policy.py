"""``policy:``: what cases of a suite may ask for, held against them before a model is loaded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Suite, Template
from goldenseed.suite.document import COUNTED, Document, Problem, failure, moved, read_document
from goldenseed.suite.model import is_file
from goldenseed.suite.policy_rules import Place, deviations
from goldenseed.suite.policy_schema import FILE, PilotSpec, PolicySection
from goldenseed.suite.schema import SuiteFile
from goldenseed.suite.sections import Section
from goldenseed.suite.wording import schema_problems, shown


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules, and where they stand."""

    rules: PolicySection
    document: Document
    place: Place
    """Of the rules in the document."""
    file: Path | None
    """Of rules that stand in a file of their own, absolute."""

    def line_of(self, *rule: str) -> int:
        """Return the line of a rule, or of a key in it."""
        return self.document.key_line_of((*self.place, *rule))

    def at(self, rule: str) -> str:
        """Say where a rule stands: ```steps``, policy.yaml:3``."""
        line = self.line_of(rule)
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
        return _checked(Policy(given, document, ("policy",), None))
    line = document.line_of(("policy",))
    if not re.fullmatch(FILE, Path(given).name) or Path(given).is_absolute():
        raise GoldenseedError(
            f"`policy` is {shown(given)}, which is no policy's file",
            path=document.path,
            line=line,
            fix="name a file that ends in `policy.yaml`, by its way from the suite's folder",
        )
    file = Path(os.path.normpath(document.path.parent.absolute() / given))
    if not is_file(file):
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
    own = read_document(file, beginning="a policy begins with a rule, as `models: […]`")
    whole = moved(own, {"policy": own.data}, at=(), of=("policy",))
    problems = list(own.problems)
    try:
        rules = _File.model_validate({"policy": own.data}).policy
    except ValidationError as error:
        problems += schema_problems(error, whole)
    if problems:
        raise failure(file, problems)
    return _checked(Policy(rules, whole, ("policy",), file))


def _checked(policy: Policy) -> Policy:
    """Refuse rules that can hold for nothing, or that hold for nothing by a slip of the pen."""
    problems = []
    for rule in ("steps", "guidance", "seeds"):
        limits = getattr(policy.rules, rule)
        if limits and None not in (limits.min, limits.max) and limits.min > limits.max:
            what = f"`{rule}` is at least {limits.min:g} and at most {limits.max:g}: nothing is"
            problems.append(Problem(policy.line_of(rule), what, "exchange the two"))
    prompts = policy.rules.prompts
    for name in sorted(prompts.words.keys() - prompts.placeholders) if prompts else ():
        what = f"no template has a place `{{{name}}}`, so its words hold for nothing"
        fix = f"write `{{{name}}}` where it belongs, or remove the words"
        problems.append(Problem(policy.line_of("prompts", "words", name), what, fix))
    if problems:
        raise failure(policy.document.path, problems)
    return policy


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


def _line(document: Document, index: int | None, template: Template, place: Place) -> int | None:
    """Return the line of what deviates: in the case, in its alternative, or in what it inherits."""
    data: Any = document.data
    case: Place = () if index is None else ("cases", index)
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


def _below(axis: str, place: Place) -> Place | None:
    """Return where ``place`` of a case lies in alternatives of an axis; None where not in them."""
    keys = tuple(axis.split("."))
    for head in (keys, ("model", *keys)):
        if place[: len(head)] == head:
            return place[len(head) :]
    return None


def _there(data: Any, place: Place) -> bool:
    for part in place:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True
