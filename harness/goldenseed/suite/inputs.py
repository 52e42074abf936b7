"""Inputs of a case: pictures and tensors that its pipeline is given, by its own keyword."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, JsonValue

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.tensor_files import SUFFIXES as TENSORS
from goldenseed.core.tensor_files import Tensor
from goldenseed.suite.decoding import PICTURES, described, read_picture, read_tensor
from goldenseed.suite.model import absent_fault, beside
from goldenseed.suite.sections import (
    CHOICE,
    CHOICE_OR_LIST,
    LIST,
    PLAIN,
    SECTION,
    NonEmpty,
    Section,
)

if TYPE_CHECKING:
    from PIL.Image import Image


class InputSection(Section):
    """A picture or a tensor with how it is read."""

    file: NonEmpty | None = None
    """A `.png`, `.jpg` or `.webp` picture, or a `.safetensors` or `.npy` file of a tensor; relative
    to the suite file and inside its folder."""
    case: NonEmpty | None = None
    """Another case, whose accepted image is given: `red-apple[seed=1]`, of another suite
    `shapes::red-apple[seed=1]`."""
    mode: Literal["L", "RGB", "RGBA"] | None = None
    """What a picture is converted to: grey, colour, or colour with alpha. By default `RGB`, which a
    picture with alpha has to ask for."""
    key: NonEmpty | None = None
    """The tensor's name in a `.safetensors` file; needed where it holds several."""


_Item = Annotated[Annotated[NonEmpty | None, PLAIN] | Annotated[InputSection, SECTION], CHOICE]
_Row = Annotated[tuple[_Item, ...], Field(strict=False, min_length=1)]
_ItemOrRow = Annotated[
    Annotated[NonEmpty | None, PLAIN] | Annotated[InputSection, SECTION] | Annotated[_Row, LIST],
    CHOICE_OR_LIST,
]
_Rows = Annotated[tuple[_ItemOrRow, ...], Field(strict=False, min_length=1)]
Input = Annotated[
    Annotated[NonEmpty, PLAIN] | Annotated[InputSection, SECTION] | Annotated[_Rows, LIST],
    CHOICE_OR_LIST,
]
Inputs = dict[NonEmpty, Input]


@dataclass(frozen=True, eq=False)
class InputFile:
    """A file that a pipeline is given what is in."""

    source: str
    """As the suite writes it."""
    path: Path
    """The same, absolute."""
    mode: str | None
    key: str | None
    suite: Path
    line: int
    """Where the suite names it."""

    def read(self) -> Image | Tensor:
        """Decode the file: a Pillow image of mode L, RGB or RGBA, or a tensor of finite numbers.

        Raises:
            GoldenseedError: it cannot be read, or only with a doubt that the suite leaves open.

        """
        if self.path.suffix.lower() in TENSORS:
            return read_tensor(self.path, self.key)
        return read_picture(self.path, self.mode)

    def read_as_recorded(self) -> Image | Tensor:
        """Decode the file once more; raises ``GoldenseedError`` if it is not what it was."""
        value = self.read()
        if described(value) != self.description:
            raise GoldenseedError(
                "changed while the run went on", path=self.path, fix="run the suite again"
            )
        return value

    @cached_property
    def description(self) -> dict[str, JsonValue]:
        """What the recipe says of it: the digest of the decoded values, and their kind."""
        return described(self.read())


@dataclass(frozen=True, eq=False)
class InputCase:
    """The accepted image of another case, which whoever has the baselines looks up."""

    source: str
    """As the suite writes it: ``red-apple[seed=1]``, or ``shapes::red-apple[seed=1]``."""
    mode: str | None
    suite: Path
    line: int
    """Where the suite names it."""

    @property
    def of_suite(self) -> str | None:
        """The name of the case's suite; None where it is this one."""
        name, apart, _ = self.source.rpartition("::")
        return name if apart else None

    @property
    def case(self) -> str:
        """The case's id."""
        return self.source.rpartition("::")[2]

    @property
    def description(self) -> dict[str, JsonValue]:
        """What the recipe says of it until its image is looked up."""
        return {"case": self.source}


InputValue = InputFile | InputCase | tuple["InputValue | None", ...]
"""A place in a list may be empty."""


def input_values(
    suite: Path, given: Mapping[str, Any], lines: Mapping[str, int]
) -> dict[str, InputValue]:
    """Return a section's ``inputs``, which are checked, by argument; nothing is read yet."""

    def value(of: Any, line: int) -> InputValue:
        if isinstance(of, tuple):
            return tuple(None if each is None else value(each, line) for each in of)
        section = of if isinstance(of, InputSection) else InputSection(file=of)
        if section.file is None:
            return InputCase(section.case or "", section.mode, suite, line)
        path = beside(suite, section.file)
        return InputFile(section.file, path, section.mode, section.key, suite, line)

    return {name: value(each, lines[name]) for name, each in given.items()}


def input_files(
    inputs: Mapping[str, InputValue],
) -> Iterator[tuple[str, InputFile | InputCase]]:
    """Yield every file or case with the argument it is of: ``image``, ``control_image[1]``."""

    def files(name: str, value: InputValue) -> Iterator[tuple[str, InputFile | InputCase]]:
        if not isinstance(value, tuple):
            yield name, value
            return
        for number, each in enumerate(value):
            if each is not None:
                yield from files(f"{name}[{number}]", each)

    for name, value in inputs.items():
        yield from files(name, value)


def describe_inputs(inputs: Mapping[str, InputValue]) -> dict[str, JsonValue]:
    """Return what the recipe says of all inputs; ``GoldenseedError`` where one cannot be read."""

    def of(value: InputValue | None) -> JsonValue:
        if isinstance(value, tuple):
            return [of(each) for each in value]
        return None if value is None else value.description

    return {name: of(value) for name, value in inputs.items()}


def input_fault(suite: Path, item: object) -> tuple[str, str] | None:
    """Say what is wrong with one of ``inputs`` as the suite writes it, and the fix."""
    section = item if isinstance(item, dict) else {"file": item}
    file, case, key = section.get("file"), section.get("case"), section.get("key")
    if (file is None) == (case is None):
        return "an input is one of `file` and `case`", "write one of the two"
    if case is not None and key is not None:
        return "an input that is a case's image has no key", "remove `key`"
    if not isinstance(file, str) or not file:
        return None  # a case, or the schema says so
    absent = absent_fault(suite, file, "put the file into the suite's folder", "put the file at {}")
    return absent or _fault_of_link(suite, file) or _fault_of_kind(file, section.get("mode"), key)


def _fault_of_link(suite: Path, file: str) -> tuple[str, str] | None:
    """Refuse a link that leads out: what is given is copied into the run, where others read it."""
    if beside(suite, file).resolve().is_relative_to(suite.parent.resolve()):
        return None
    return f"`{file}` is a link that leads out of the suite's folder", "put the file itself there"


def _fault_of_kind(file: str, mode: object, key: object) -> tuple[str, str] | None:
    suffix = Path(file).suffix.lower()
    if suffix not in (*PICTURES, *TENSORS):
        known = ", ".join((*PICTURES, *TENSORS))
        return f"`{file}` is none of {known}", "save it as one of these"
    if suffix in TENSORS and mode is not None:
        return f"`{file}` is a tensor, which has no mode", "remove `mode`"
    if suffix != ".safetensors" and key is not None:
        return f"`{file}` holds one thing, which has no key", "remove `key`"
    return None


def each_item(
    place: tuple[str | int, ...], value: object
) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Yield what stands in lists of lists at ``place`` of a suite's data, each with its place."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            if each is not None:
                yield from each_item((*place, index), each)
    else:
        yield place, value
