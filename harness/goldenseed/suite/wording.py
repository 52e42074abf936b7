"""pydantic's findings in this project's words, with the line of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from goldenseed.suite.between import BetweenSection
from goldenseed.suite.document import COUNTED, Problem
from goldenseed.suite.model_schema import ModelSection
from goldenseed.suite.nodes import number
from goldenseed.suite.section_places import SECTIONS
from goldenseed.suite.sections import LARGEST_SEED
from goldenseed.suite.step_schema import STEPS, section_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from goldenseed.suite.document import Document

Location = tuple[str | int, ...]

_NEEDED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}
_PATTERNS = {
    "id": "letters, digits, `.`, `_` and `-`, a letter or digit first, at most 100",
    "revision": "the 40 hexadecimal digits of a commit, in lower case",
    "marks": "a pytest mark: letters, digits and `_`, without brackets",
    "class": "the name of a class in diffusers",
    "pipeline": "the name of a class in diffusers, or `package.module.Class`",
    "factory": "`package.module:function`",
    "step": f"one of {', '.join(STEPS)}, or your own `package.module:function`",
    "sizes": "`512x512`, width first",
    "colour": "`#rrggbb`, in lower case and in quotes",
    "device": "`auto`, or a device of torch: cpu, cuda, cuda:1, mps, xpu",
}
_INSTEAD: Mapping[tuple[str, ...], str] = {
    ("quantization", "backend", "gguf"): "name the file, which is quantised already, in place of "
    "the part: `components: {transformer: weights.gguf}`",
}
"""What to write where a value stands that belongs elsewhere."""


def schema_problems(error: ValidationError, document: Document) -> list[Problem]:
    """Return the findings of ``error``, at most ``COUNTED``, as problems of ``document``."""
    found = error.errors(include_url=False, include_context=True)
    own = [finding for finding in found if not _only_follows(finding)]
    return [_problem(finding, document) for finding in own[:COUNTED]]


def _only_follows(finding: ErrorDetails) -> bool:
    """Whether the finding follows from others: a list is short since its items were refused."""
    return finding["type"] == "too_short" and bool(finding["input"])


def _problem(finding: ErrorDetails, document: Document) -> Problem:
    is_key = finding["loc"][-1:] == ("[key]",)
    location = _place_in_file(finding["loc"])
    kind = finding["type"]
    if kind == "extra_forbidden":
        what, fix = _unknown_key(location, _step_of(finding["loc"]))
        return Problem(document.key_line_of(location), what, fix)
    if kind == "missing":
        what, fix = _missing_key(location)
        return Problem(document.line_of(location[:-1]), what, fix)
    line = document.key_line_of(location) if is_key else document.line_of(location)
    what, fix = _wrong_value(finding, location, is_key=is_key)
    return Problem(line, what, fix)


def _place_in_file(location: Location) -> Location:
    """``location`` without what pydantic adds: which of two kinds a value is, and ``[key]``."""
    return tuple(
        part
        for part in location
        if part not in {"[key]", "<section>", "<plain>", "<list>", "<between>"}
        and not section_of(part)
    )


def _step_of(location: Location) -> type[BaseModel] | None:
    """Return the section that ``location`` leads through, where its place alone does not say it.

    That of a step of post-processing, or of a prompt between two.
    """
    if "<between>" in location:
        return BetweenSection
    return next(filter(None, map(section_of, location)), None)


def name_of(location: Sequence[str | int]) -> str:
    """``cases[2].seeds[0]`` for what stands there, ``the suite`` for the whole file."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return f"`{text.removeprefix('.')}`" if text else "the suite"


def shown(value: object) -> str:
    """``value`` as the file might write it, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"  # noqa: PLR2004


def _keys_at(location: Location) -> list[str]:
    words = tuple(part for part in location if isinstance(part, str))
    section = SECTIONS.get(words) or SECTIONS.get((*words[:-1], "*"))
    return _keys(section) if section else []


def _keys(section: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()]


def _unknown_key(location: Location, step: type[BaseModel] | None) -> tuple[str, str]:
    *parent, key = location
    words = [part for part in parent if isinstance(part, str)]
    known = _keys(step) if step else _keys_at(tuple(parent))
    what = f"unknown key `{key}` in {name_of(parent)}"
    if words == ["cases", "model"] and key in _keys(ModelSection):
        fix = (
            f"let it vary, as `vary: {{{key}: {{one: …}}}}`, or put it under the suite's `model`; "
            "only `scheduler` and `adapters` stand here"
        )
    elif near := get_close_matches(str(key), known, n=1):
        fix = f"write `{near[0]}`"
    else:
        fix = "the keys here are " + ", ".join(f"`{each}`" for each in known)
        if words in (["cases"], ["defaults"], []):
            fix += "; an argument of the pipeline belongs under `call`"
        if words in (["gates"], ["cases", "gates"]):
            fix += "; gates belong under `fail`"
    return what, fix


def _missing_key(location: Location) -> tuple[str, str]:
    *parent, key = location
    what = f"{name_of(parent)} has no `{key}`"
    if key == "seeds":
        return what, "add for example `seeds: [0]`: a golden needs a fixed seed"
    return what, f"add `{key}: …`"


def _wrong_value(finding: ErrorDetails, location: Location, *, is_key: bool) -> tuple[str, str]:
    kind, value = finding["type"], finding["input"]
    context: dict[str, Any] = finding.get("ctx", {})
    name = name_of(location[:-1]) if is_key else name_of(location)
    if kind == "dict_type" and location[-2:-1] == ("vary",):
        what = f"the alternatives of {name} have no names"
        found = what, f"write `{location[-1]}: {{one: …, other: …}}`, with names of your choice"
    elif kind in _NEEDED:
        found = _wrong_type(name, value, _NEEDED[kind])
    elif kind == "string_pattern_mismatch":
        key = "id" if is_key else next(p for p in reversed(location) if isinstance(p, str))
        what = f"{name} {'has the key' if is_key else 'is'} {shown(value)}"
        found = what, "write " + _PATTERNS.get(key, _PATTERNS["id"])
    elif kind in {"greater_than_equal", "less_than_equal"}:
        found = _out_of_range(name, location, value, context)
    elif kind == "literal_error" and (
        instead := _INSTEAD.get((*map(str, location[-2:]), str(value)))
    ):
        found = f"{name} is {shown(value)}", instead
    elif kind == "literal_error":
        allowed = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        near = get_close_matches(str(value), allowed.split(", "), n=1)
        found = f"{name} is {shown(value)}", f"write {near[0] if near else f'one of {allowed}'}"
    elif kind in {"too_short", "string_too_short"}:
        found = f"{name} is empty", "write at least one item, or remove the key"
    elif kind == "too_long":
        found = f"{name} has more than {context['max_length']:,} items", "split the suite"
    else:
        what = f"{name} is {shown(value)}, which is not accepted here: {finding['msg']}"
        found = what, "see the page on the suite file for what may stand here"
    return found


def _wrong_type(name: str, value: object, needed: str) -> tuple[str, str]:
    if value is None:
        return f"{name} is empty, {needed} is needed", "write a value, or remove the key"
    if isinstance(value, str):
        what = f"{name} is the text {shown(value)}, {needed} is needed"
        unquoted = _unquoted(value)
        if unquoted is not None and needed in {"a number", "a whole number", "true or false"}:
            return what, f"write {unquoted} without quotes"
    elif isinstance(value, bool | int | float):
        what = f"{name} is {shown(value)}, {needed} is needed"
        if needed == "text":
            return what, f'write "{shown(value)}" in quotes if this is meant'
    else:
        kind = "a list" if isinstance(value, list) else "a mapping"
        what = f"{name} is {kind}, {needed} is needed"
    if needed == "a list":
        return what, f"write [{shown(value)}]" if isinstance(value, int | str) else "write [ … ]"
    return what, f"write {needed}"


def _unquoted(text: str) -> str | None:
    """``text`` if it would be a number or a truth value without its quotes."""
    try:
        plain = text in {"true", "false"} or not isinstance(number(text.strip()), str)
    except ValueError:
        return None
    return text.strip() if plain else None


def _out_of_range(
    name: str, location: Location, value: object, context: dict[str, Any]
) -> tuple[str, str]:
    if location[2:3] == ("seeds",) and location[-1:] != ("count",):
        if value == -1:
            what = f"{name} is -1, which stands for a random seed: a golden needs a fixed seed"
        else:
            what = f"{name} is {value}, beyond the seeds that every generator takes"
        return what, f"write a whole number from 0 to {LARGEST_SEED}"
    limit = context.get("ge", context.get("le"))
    side = "at least" if "ge" in context else "at most"
    return f"{name} is {value}, it can be {side} {limit:,}", f"write {side} {limit:,}"


def number_without_quotes(text: str) -> str:
    """Return what to write in place of a text that stands for a number."""
    try:
        plain = number(text.strip())
    except ValueError:
        return "a number"
    return "a number" if isinstance(plain, str) else f"{text.strip()} without quotes"
