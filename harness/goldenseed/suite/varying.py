"""``vary``: named alternatives that a case expands over, as over prompts and seeds.

An alternative is checked and read as a suite that has it at one place, so that every rule of
``model``, ``noise``, ``call`` and ``inputs`` holds there as well, whatever keys these have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice
from typing import Any

from pydantic import Field, ValidationError

from goldenseed.core.files import canonical_json
from goldenseed.core.names import name_problem
from goldenseed.suite.checks import MODELS, check_beside_cases
from goldenseed.suite.document import COUNTED, Document, Problem, moved
from goldenseed.suite.model_schema import ModelSection
from goldenseed.suite.schema import DefaultsSection
from goldenseed.suite.sections import NoiseChoice, Section, name_fault
from goldenseed.suite.sizes import multiple_of_sizes
from goldenseed.suite.step_schema import Steps
from goldenseed.suite.wording import schema_problems

_Place = tuple[str | int, ...]
_Axes = dict[str, dict[str, Any]]

_ARGUMENTS = ("call", "inputs")
_WHOLE = ("noise", "postprocess")
"""Axes whose alternatives are taken as a whole."""
_NOT_IN_RECIPE = ("device", "allow_pickle")
"""Keys of ``model`` that decide no pixels."""


def is_of_model(axis: str) -> bool:
    """Whether the alternatives of an axis are other models: ``model``, or one of its keys."""
    return axis == "model" or axis in ModelSection.model_fields


# Shared, since pydantic copies a default deeply.
_OWN_MODEL, _NO_DEFAULTS = ModelSection(), DefaultsSection()


class AlternativeSection(Section):
    """What a suite has with an alternative in place."""

    model: ModelSection = Field(default_factory=lambda: _OWN_MODEL)
    defaults: DefaultsSection = Field(default_factory=lambda: _NO_DEFAULTS)
    noise: NoiseChoice | None = None
    postprocess: Steps | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """One alternative of an axis, as the file has it."""

    axis: str
    name: str
    line: int
    sets: frozenset[str]
    """What it decides, in words: ``the argument `strength```, ```model.adapters```."""
    document: Document
    """The suite with the alternative in place."""

    def read(self) -> AlternativeSection:
        """Take its shape; raises pydantic's ``ValidationError`` where that is wrong."""
        data = _mapping(self.document.data)
        fields = AlternativeSection.model_fields
        return AlternativeSection.model_validate({key: data[key] for key in fields if key in data})


def alternatives(document: Document, place: _Place) -> dict[str, tuple[Alternative, ...]]:
    """Return the alternatives by axis of what stands at ``place``, which has a usable ``vary``."""
    holder: Any = document.data
    for part in place:
        holder = holder[part]
    return {
        axis: tuple(
            _alternative(document, (*place, "vary", axis, name), named[name]) for name in named
        )
        for axis, named in _axes(holder.get("vary")).items()
        if _axis_fault(axis) is None
    }


def _alternative(document: Document, at: _Place, value: Any) -> Alternative:
    *_, axis, name = map(str, at)
    suite = _mapping(document.data)
    head, _, argument = axis.partition(".")
    of: _Place
    case: dict[str, Any]
    data: dict[str, Any]
    if head in _ARGUMENTS:
        of = ("defaults", head, *([argument] if argument else []))
        case = {head: {argument: value} if argument else value}
        data = {"defaults": case}
    elif axis in _WHOLE:
        of, case = (axis,), {axis: value}
        data = case
    else:
        of = ("model",) if axis == "model" else ("model", axis)
        case = {"model": value if axis == "model" else {axis: value}}
        merged = {**_mapping(suite.get("model")), **_mapping(case["model"])}
        data = {"model": merged if isinstance(case["model"], dict) else value}
    if "determinism" in suite:
        data = {**data, "determinism": suite["determinism"]}
    return Alternative(
        axis, name, document.key_line_of(at), decided(case), moved(document, data, at=at, of=of)
    )


def decided(holder: Mapping[str, Any]) -> frozenset[str]:
    """Return what a case, or an alternative as one, decides: in words."""
    found = [f"the argument `{name}`" for key in _ARGUMENTS for name in _mapping(holder.get(key))]
    found += [f"`model.{key}`" for key in _mapping(holder.get("model"))]
    return frozenset([*found, *(f"`{key}`" for key in _WHOLE if holder.get(key) is not None)])


def check_vary(document: Document) -> Iterator[Problem]:
    """Find what is wrong with every ``vary`` of a suite file, but for its outermost shape."""
    data = _mapping(document.data)
    defaults = _mapping(data.get("defaults"))
    cases = data.get("cases")
    cases = cases if isinstance(cases, list) else []
    multiple = multiple_of_sizes(document)
    inherited: dict[str, tuple[Alternative, ...]] = {}
    if _axes(defaults.get("vary")):
        inherited = alternatives(document, ("defaults",))
        yield from _check(document, ("defaults",), defaults, inherited, call={}, multiple=multiple)
    for index, each in enumerate(cases):
        case, place = _mapping(each), ("cases", index)
        if "vary" in case and _axes(case["vary"]):
            own = alternatives(document, place)
            yield from _check(
                document, place, case, own, call=_mapping(defaults.get("call")), multiple=multiple
            )
        elif "vary" not in case and inherited:
            yield from _check_of_case(document, place, case, inherited)


def _check(
    document: Document,
    place: _Place,
    holder: Mapping[str, Any],
    found: Mapping[str, tuple[Alternative, ...]],
    *,
    call: Mapping[str, Any],
    multiple: int | None,
) -> Iterator[Problem]:
    """Check axes, names and each alternative of the ``vary`` at ``place``."""
    for axis in _axes(holder.get("vary")):
        if unknown := _axis_fault(axis):
            yield Problem(document.key_line_of((*place, "vary", axis)), *unknown)
    for each in (each for axis in found.values() for each in axis):
        if fault := name_fault(each.name):
            yield Problem(
                each.line, f"the alternative `{each.name}` {fault}", "choose another name"
            )
        if no_effect := each.sets & {f"`model.{key}`" for key in _NOT_IN_RECIPE}:
            what = f"`{each.name}` sets {min(no_effect)}, which decides no pixels"
            yield Problem(each.line, what, "set it in the suite's `model`, or on the command line")
        sizes = None if MODELS & found.keys() else multiple
        yield from _by_its_name(islice(check_beside_cases(each.document, sizes), COUNTED))
    yield from _same(found, {**call, **_mapping(holder.get("call"))})
    yield from _both(found)
    yield from _same_names({}, found)
    if place[0] == "cases":
        yield from _check_of_case(document, place, holder, found)


def _check_of_case(
    document: Document,
    place: _Place,
    case: Mapping[str, Any],
    found: Mapping[str, tuple[Alternative, ...]],
) -> Iterator[Problem]:
    """Check what a case has besides the alternatives it expands over."""
    own = decided(case)
    inherited = "vary" not in case
    for each in (each for axis in found.values() for each in axis if each.sets & own):
        what = f"{min(each.sets & own)} is set by the case and by its alternative `{each.name}`"
        line = document.line_of(place) if inherited else each.line
        yield Problem(line, what, "keep one of the two" + _LEAVE_OUT * inherited)
    prompts = _mapping(case.get("prompts"))
    yield from _same_names(prompts, found)
    if isinstance(case.get("id"), str):
        longest = [max(map(len, prompts), default=0)] if prompts else []
        longest += [max(len(each.name) for each in axis) for axis in found.values()]
        name = f"{case['id']}[{','.join('x' * size for size in longest)},seed={_longest(case)}]"
        if fault := name_problem(name):
            what = f"the longest id that {case['id']} expands to {fault}"
            yield Problem(document.line_of(place), what, "shorten the names")


_LEAVE_OUT = "; `vary: {}` in the case leaves the defaults' alternatives out"


def _axis_fault(axis: str) -> tuple[str, str] | None:
    head, dot, argument = axis.partition(".")
    if axis in _WHOLE or is_of_model(axis) or (head in _ARGUMENTS and (argument or not dot)):
        return None
    known = [*_ARGUMENTS, *_WHOLE, "model", *ModelSection.model_fields]
    known = [each for each in known if each not in _NOT_IN_RECIPE]
    near = get_close_matches(axis, known, n=1)
    listed = ", ".join(f"`{each}`" for each in (*_ARGUMENTS, *_WHOLE, "model"))
    other = f"vary {listed}, an argument as `call.strength`, or a key of `model`"
    return f"there is no axis `{axis}` to vary", f"write `{near[0]}`" if near else other


def _by_its_name(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Say `call.strength` of what stands as if under ``defaults``."""
    for each in problems:
        yield replace(each, what=each.what.replace("`defaults.", "`"))


def _same(
    found: Mapping[str, tuple[Alternative, ...]], call: Mapping[str, Any]
) -> Iterator[Problem]:
    """Check the shape of each alternative, and find those of an axis that decide the same."""
    for axis in found.values():
        first_of: dict[bytes, str] = {}
        for each in axis:
            try:
                section = each.read()
            except ValidationError as error:
                yield from _by_its_name(schema_problems(error, each.document))
                continue
            given = section.model_dump(mode="json")
            given["defaults"]["call"] = {**call, **given["defaults"]["call"]}
            first = first_of.setdefault(canonical_json(given), each.name)
            if first != each.name:
                what = f"the alternatives `{first}` and `{each.name}` of `{each.axis}` are the same"
                yield Problem(each.line, f"{what}: one recipe twice", "remove one of the two")


def _both(found: Mapping[str, tuple[Alternative, ...]]) -> Iterator[Problem]:
    """Find what the alternatives of two axes set both."""
    first_of: dict[str, str] = {}
    for axis, each in ((axis, each) for axis, several in found.items() for each in several):
        for what in sorted(each.sets):
            other = first_of.setdefault(what, axis)
            if other != axis:
                both = (
                    f"{what} is set by alternatives of `{other}` and by `{each.name}` of `{axis}`"
                )
                yield Problem(each.line, both, "keep one of the two")


def _same_names(
    prompts: Mapping[str, Any],
    found: Mapping[str, tuple[Alternative, ...]],
) -> Iterator[Problem]:
    """Find names that an id, a pattern or ``-k`` could not tell apart."""
    first_of = {name.casefold(): (name, "prompts") for name in prompts}
    for axis, each in ((axis, each) for axis, several in found.items() for each in several):
        name, other = first_of.setdefault(each.name.casefold(), (each.name, axis))
        if (name, other) != (each.name, axis) and (prompts == {}) != (other == "prompts"):
            what = f"`{name}` of `{other}` and `{each.name}` of `{axis}` are one name in an id"
            yield Problem(each.line, what, "rename one of the two")


def _longest(case: Mapping[str, Any]) -> int:
    seeds = case.get("seeds")
    if isinstance(seeds, dict):
        start, count = seeds.get("start"), seeds.get("count")
        return start + count if isinstance(start, int) and isinstance(count, int) else 0
    return max((each for each in seeds if isinstance(each, int)), default=0) if seeds else 0


def _axes(vary: object) -> _Axes:
    """Return the axes of a ``vary`` that have named alternatives; the schema says the rest."""
    return {
        axis: {name: value for name, value in named.items() if isinstance(name, str)}
        for axis, named in _mapping(vary).items()
        if isinstance(axis, str) and isinstance(named, dict) and named
    }


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
