"""The images of a run as the report's page shows them: found or missing, with their size."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside
from goldenseed.reporting.text import visible

_PNG_HEAD = struct.Struct(">8sI4sII")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELATED_UP_TO = 256
"""Pictures no larger than this (pixels, longer side) are enlarged with their pixels in sight."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of a case; ``width`` is None where there is no PNG file to show."""

    role: str
    path: str
    url: str = ""
    width: int | None = None
    height: int | None = None

    @property
    def found(self) -> bool:
        """Whether there is a picture to show."""
        return self.width is not None

    @property
    def small(self) -> bool:
        """Whether the picture is enlarged rather than shrunk on the page."""
        return max(self.width or 0, self.height or 0) <= _PIXELATED_UP_TO


def picture_of(role: str, relative: str | None, folder: Path) -> Picture | None:
    """Look at one image of a record; a path that leaves the folder counts as missing."""
    if relative is None:
        return None
    shown = visible(relative, lines=False)
    try:
        size = _png_size(inside(folder, relative))
    except GoldenseedError:
        size = None
    if size is None:
        return Picture(role, shown)
    return Picture(role, shown, quote(relative), *size)


def _png_size(path: Path) -> tuple[int, int] | None:
    """Width and height from a PNG's first 24 bytes (PNG specification, 11.2.1 IHDR), or None."""
    try:
        with path.open("rb") as file:
            head = file.read(_PNG_HEAD.size)
    except OSError:
        return None
    if len(head) < _PNG_HEAD.size:
        return None
    signature, _, kind, width, height = _PNG_HEAD.unpack(head)
    return (width, height) if signature == _PNG_SIGNATURE and kind == b"IHDR" else None
