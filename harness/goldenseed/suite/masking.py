"""Which pixels of a case count: its mask and the regions it ignores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

from pydantic import Field

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.model import beside

if TYPE_CHECKING:
    from goldenseed.suite.document import Document

_Offset = Annotated[int, Field(ge=0)]
_Side = Annotated[int, Field(ge=1)]
_Region = Annotated[tuple[_Offset, _Offset, _Side, _Side], Field(strict=False)]


MaskFile = Annotated[
    str | None,
    Field(
        min_length=1,
        description="An image of the pictures' size, white where pixels count and black where they "
        "do not; relative to the suite file and inside its folder.",
    ),
]
Ignore = Annotated[
    tuple[_Region, ...] | None,
    Field(
        strict=False,
        description="Regions that do not count, each left, top, width and height in pixels.",
    ),
]


class Masked(Protocol):
    """A section that can say of pixels that they do not count."""

    @property
    def mask(self) -> str | None: ...  # noqa: D102 - as in the sections

    @property
    def ignore(self) -> tuple[tuple[int, int, int, int], ...] | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class MaskSpec:
    """The mask of a case; no part of its recipe, since it decides no pixel."""

    source: str | None
    """The mask's file as the suite writes it."""
    file: Path | None
    """The same, absolute."""
    ignore: tuple[tuple[int, int, int, int], ...]
    """Left, top, width and height of each region."""
    path: Path
    """The suite file."""
    line: int
    """Where it says so."""


def mask_spec(
    document: Document, place: tuple[str | int, ...], section: Masked, below: MaskSpec | None
) -> MaskSpec | None:
    """Return what ``section`` masks, key by key in place of what is ``below`` it."""
    if section.mask is None and section.ignore is None:
        return below
    key = "mask" if section.mask is not None else "ignore"
    source, file, ignore = (below.source, below.file, below.ignore) if below else (None, None, ())
    if section.mask is not None:
        source, file = section.mask, beside(document.path, section.mask)
    if section.ignore is not None:
        ignore = section.ignore
    if file is None and not ignore:
        return None
    line = document.key_line_of((*place, key))
    return MaskSpec(source, file, ignore, document.path, line)


def mask_fault(suite: Path, mask: str) -> tuple[str, str] | None:
    """Say what is wrong with a mask's file, and the fix."""
    try:
        path = beside(suite, mask)
    except GoldenseedError as error:
        return error.what, "put the mask into the suite's folder"
    try:
        there = path.is_file()
    except OSError as error:  # the system's own limit on names
        return f"`{mask[:100]}` cannot be a file: {error.strerror}", "give the mask a shorter name"
    if not there:
        return f"there is no file `{mask}` beside the suite file", f"put the mask at {path}"
    return None
