"""What the schema cannot tell: ids that repeat, arguments in the wrong place, impossible sizes.

These checks read the file's plain data and pass over whatever the schema already refuses, so that
all problems of a file can be said at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.answers import answer_faults
from goldenseed.suite.document import Document, Problem
from goldenseed.suite.factory import source_or_factory_fault
from goldenseed.suite.inputs import each_item, input_fault
from goldenseed.suite.masking import mask_fault
from goldenseed.suite.model import (
    DIFFUSERS,
    adapter_fault,
    beside,
    folder_fault,
    noise_fault,
    source_fault,
)
from goldenseed.suite.nodes import number
from goldenseed.suite.part_faults import check_parts, narrow_dtype
from goldenseed.suite.pipelines import BELONGS, NUMBERS
from goldenseed.suite.postprocess import check_steps
from goldenseed.suite.prompts import prompt_faults
from goldenseed.suite.sections import LARGEST_SEED, MOST_CASES, count_of_images, name_fault
from goldenseed.suite.server import server_faults
from goldenseed.suite.sizes import multiple_of_sizes
from goldenseed.suite.wording import name_of, shown

_Path = tuple[str | int, ...]
KINDS = frozenset({"file", "between", "at"})
MODELS = frozenset({"model", "source", "factory", "server"})
"""Axes of ``vary`` whose alternatives may make images of other sizes."""


def check(document: Document) -> Iterator[Problem]:
    """Find every problem of ``document`` that its schema cannot express."""
    data = document.data
    if not isinstance(data, dict):
        return
    checks = _Checks(document)
    yield from checks.name(("suite",), data.get("suite"), is_suite=True)
    yield from checks.lock(data.get("lock"))
    yield from checks.content(("content",), data.get("content"))
    yield from checks.mask(("mask",), data.get("mask"))
    multiple = multiple_of_sizes(document)
    yield from check_beside_cases(document, multiple)
    yield from checks.cases(data.get("cases"), multiple)


def check_beside_cases(document: Document, multiple: int | None) -> Iterator[Problem]:
    """Find the problems of what decides pixels beside the cases; sizes are of ``multiple``."""
    data, checks = _mapping(document.data), _Checks(document)
    yield from checks.model(_mapping(data.get("model")))
    yield from checks.portable(data)
    yield from checks.noise(("noise",), data.get("noise"))
    yield from check_steps(document, ("postprocess",), data.get("postprocess"))
    defaults = _mapping(data.get("defaults"))
    yield from checks.call(("defaults", "call"), defaults, multiple)
    yield from checks.inputs(("defaults",), defaults)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class _Checks:
    document: Document

    def at(self, place: _Path, what: str, fix: str) -> Problem:
        return Problem(self.document.line_of(place), what, fix)

    def at_key(self, place: _Path, what: str, fix: str) -> Problem:
        return Problem(self.document.key_line_of(place), what, fix)

    def name(self, place: _Path, name: object, *, is_suite: bool = False) -> Iterator[Problem]:
        fault = name_fault(name, is_suite=is_suite) if isinstance(name, str) else None
        if fault:
            yield self.at_key(place, f"{name_of(place)}: {shown(name)} {fault}", "choose another")

    def model(self, model: dict[str, Any]) -> Iterator[Problem]:
        if "server" in model:
            for place, what, fix in server_faults(model):
                yield self.at(("model", *place), what, fix)
            return
        if model and (found := source_or_factory_fault(self.document.path, model)):
            yield self.at(("model", found[0]) if found[0] else ("model",), found[1], found[2])
        source, ours = model.get("source"), model.get("backend", DIFFUSERS) == DIFFUSERS
        if isinstance(source, str) and source and ours:
            fault = source_fault(self.document.path, source, model.get("revision"))
            yield from [self.at(("model", fault[0]), fault[1], fault[2])] if fault else []
        yield from self.adapters(("model",), model)
        yield from check_parts(self.document, ("model",), model)

    def adapters(self, place: _Path, model: dict[str, Any]) -> Iterator[Problem]:
        adapters = model.get("adapters")
        if not isinstance(adapters, list):
            return
        allowed = _mapping(_mapping(self.document.data).get("model")).get("allow_pickle")
        for index, adapter in enumerate(adapters):
            source = _mapping(adapter).get("source")
            if isinstance(source, str) and source:
                fault = adapter_fault(self.document.path, source, allowed)
                if fault:
                    yield self.at((*place, "adapters", index, "source"), *fault)

    def lock(self, lock: object) -> Iterator[Problem]:
        if isinstance(lock, str) and lock:
            try:
                beside(self.document.path, lock)
            except GoldenseedError as error:
                yield self.at(("lock",), error.what, "put the lock into the suite's folder")

    def portable(self, suite: dict[str, Any]) -> Iterator[Problem]:
        """Check that a portable suite asks for nothing that depends on the machine."""
        if suite.get("determinism") != "portable":
            return
        backend = _mapping(suite.get("model")).get("backend", DIFFUSERS)
        if backend != DIFFUSERS:
            what = f"`determinism` is portable, which the back end {shown(backend)} cannot promise"
            yield self.at(("determinism",), what, "remove it, or let diffusers make the images")
        if narrow := narrow_dtype(_mapping(suite.get("model")).get("dtype")):
            what = f"`model.dtype` is {shown(narrow)}, and `determinism: portable` needs float64"
            yield self.at(("model", "dtype"), what, "remove `dtype`, or write float64")
        cases = suite.get("cases")
        places: list[_Path] = [("noise",)]
        places += [("cases", index, "noise") for index in range(len(_list(cases)))]
        for place, holder in zip(places, [suite, *_list(cases)], strict=True):
            noise = _mapping(holder).get("noise")
            if noise in ("cpu", "device"):
                what = f"{name_of(place)} is {shown(noise)}, whose numbers depend on the machine"
                fix = "write portable or a file, or remove it: `determinism` is portable"
                yield self.at(place, what, fix)

    def noise(self, place: _Path, noise: object) -> Iterator[Problem]:
        if isinstance(noise, dict) and noise.keys() & KINDS not in ({"file"}, {"between", "at"}):
            what = f"{name_of(place)} is neither stored nor between two seeds"
            yield self.at(place, what, "write `{file: FILE}`, or `{between: [1, 2], at: 0.25}`")
        file = _mapping(noise).get("file")
        if isinstance(file, str) and file and (fault := noise_fault(self.document.path, file)):
            yield self.at((*place, "file"), *fault)

    def mask(self, place: _Path, mask: object) -> Iterator[Problem]:
        fault = mask_fault(self.document.path, mask) if isinstance(mask, str) and mask else None
        if fault:
            yield self.at(place, *fault)

    def content(self, place: _Path, content: object) -> Iterator[Problem]:
        for name, limit in _mapping(content).items():
            model = _mapping(limit).get("model")
            fault = folder_fault(self.document.path, model) if isinstance(model, str) else None
            if fault:
                yield self.at((*place, name, "model"), *fault)
        answers = _mapping(content).get("answers")
        yield from answer_faults(self.document, (*place, "answers"), answers)

    def call(self, place: _Path, holder: dict[str, Any], multiple: int | None) -> Iterator[Problem]:
        """Check the ``call`` in ``holder``."""
        for name, value in _mapping(holder.get("call")).items():
            argument = (*place, name)
            if name in BELONGS:
                what = f"`{name}` is no argument for `call`"
                yield self.at_key(argument, what, f"it belongs under {BELONGS[name]}")
            elif name == "num_images_per_prompt" and (type(value) is not int or value < 1):
                what = f"{name_of(argument)} is {shown(value)}, a whole number from 1 is needed"
                yield self.at_key(argument, what, "write how many images one call makes")
            elif name in NUMBERS and isinstance(value, str):
                what = f"{name_of(argument)} is the text {shown(value)}, a number is needed"
                yield self.at(argument, what, f"write {_unquoted(value)}")
            elif name in {"height", "width"} and multiple:
                yield from self.size(argument, value, multiple)

    def inputs(self, place: _Path, holder: dict[str, Any]) -> Iterator[Problem]:
        """Check the ``inputs`` in ``holder``, and that ``call`` names none of them too."""
        given = _mapping(holder.get("inputs"))
        for name, value in given.items():
            here = (*place, "inputs", name)
            if name in BELONGS:
                what = f"`{name}` is no argument for `inputs`"
                yield self.at_key(here, what, f"it belongs under {BELONGS[name]}")
            elif name in _mapping(holder.get("call")):
                what = f"`{name}` stands under `call` and under `inputs`"
                yield self.at_key(here, what, "keep one of the two")
            for where, item in each_item(here, value):
                fault = input_fault(self.document.path, item)
                if fault is not None:
                    yield self.at(where, *fault)

    def size(self, place: _Path, value: object, multiple: int) -> Iterator[Problem]:
        if value is None or (type(value) is int and value > 0 and value % multiple == 0):
            return
        if type(value) is not int:
            what = f"{name_of(place)} is {shown(value)}, a whole number of pixels is needed"
            yield self.at(place, what, f"use a multiple of {multiple}")
            return
        below = max(value // multiple, 0) * multiple
        nearest = f"{below} or {below + multiple}" if below else str(multiple)
        what = f"{name_of(place)} is {value}, and this model makes multiples of {multiple}"
        yield self.at(place, what, f"use {nearest}")

    def cases(self, cases: object, multiple: int | None) -> Iterator[Problem]:
        if not isinstance(cases, list):
            return
        first_of: dict[str, tuple[str, int]] = {}
        total = 0
        inherited = _mapping(_mapping(self.document.data).get("defaults")).get("vary")
        for index, case in enumerate(cases):
            if not isinstance(case, dict):
                continue
            place: _Path = ("cases", index)
            yield from self.case_id((*place, "id"), case.get("id"), index, first_of)
            yield from self.prompts(place, case)
            yield from self.seeds((*place, "seeds"), case.get("seeds"))
            vary = _mapping(case.get("vary", inherited))
            yield from self.of_case(place, case, None if MODELS & vary.keys() else multiple)
            before, total = total, total + count_of_images(case, vary)
            if before <= MOST_CASES < total:
                what = f"the suite has more than {MOST_CASES:,} cases from here on"
                yield self.at(place, what, "split it into several suites")

    def of_case(
        self, place: _Path, case: dict[str, Any], multiple: int | None
    ) -> Iterator[Problem]:
        """Check what a case has of the keys that the suite has too."""
        if "call" in case:
            yield from self.call((*place, "call"), case, multiple)
        if "inputs" in case:
            yield from self.inputs(place, case)
        for key, of in (("noise", self.noise), ("mask", self.mask), ("content", self.content)):
            if key in case:
                yield from of((*place, key), case[key])
        yield from check_steps(self.document, (*place, "postprocess"), case.get("postprocess"))
        if "model" in case:
            yield from self.adapters((*place, "model"), _mapping(case["model"]))

    def case_id(
        self, place: _Path, name: object, index: int, first_of: dict[str, tuple[str, int]]
    ) -> Iterator[Problem]:
        if not isinstance(name, str):
            return
        yield from self.name(place, name)
        first, where = first_of.setdefault(name.casefold(), (name, index))
        if where == index:
            return
        line = self.document.line_of(("cases", where, "id"))
        what = f"the id `{name}` stands here and on line {line}"
        if first != name:
            what = f"the ids `{name}` here and `{first}` on line {line} differ by letter case only"
        yield self.at(place, what, "rename one of the two")

    def prompts(self, place: _Path, case: dict[str, Any]) -> Iterator[Problem]:
        one, several = case.get("prompt"), case.get("prompts")
        if one is not None and several is not None:
            what = f"{name_of(place)} has both `prompt` and `prompts`"
            yield self.at_key((*place, "prompts"), what, "write one of the two")
        yield from prompt_faults(self.document, (*place, "prompt"), one)
        first_of: dict[str, str] = {}
        for name, prompt in _mapping(several).items():
            here = (*place, "prompts", name)
            yield from self.name(here, name)
            yield from prompt_faults(self.document, here, prompt)
            first = first_of.setdefault(name.casefold(), name)
            if first != name:
                line = self.document.key_line_of((*place, "prompts", first))
                what = f"the keys `{name}` here and `{first}` on line {line} differ by case only"
                yield self.at_key(here, what, "rename one of the two")

    def seeds(self, place: _Path, seeds: object) -> Iterator[Problem]:
        if isinstance(seeds, list) and len(seeds) > 1:
            first_of: dict[int, int] = {}
            for index, seed in enumerate(seeds):
                if type(seed) is int and first_of.setdefault(seed, index) != index:
                    what = f"the seed {seed} stands more than once in {name_of(place)}"
                    yield self.at((*place, index), what, "keep one of them")
        elif isinstance(seeds, dict):
            start, count = seeds.get("start"), seeds.get("count")
            if not (isinstance(start, int) and isinstance(count, int)):
                return
            if start <= LARGEST_SEED < start + count - 1:
                what = f"{name_of(place)} ends at {start + count - 1}"
                yield self.at(place, what, f"the last seed can be {LARGEST_SEED}")


def _unquoted(text: str) -> str:
    try:
        plain = number(text.strip())
    except ValueError:
        return "a number"
    return "a number" if isinstance(plain, str) else f"{text.strip()} without quotes"
