"""Where things stand: a case's fragment in the report, and the images that lie beside it."""

from __future__ import annotations

import hashlib
import re
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, open_regular
from goldenseed.runs.record import CaseRecord

_PLAIN = re.compile(r"(?P<name>[a-z0-9_]+(?:-[a-z0-9_]+)*)\[seed=(?P<seed>\d+)\]")
_PLAIN_SUITE = re.compile(r"[a-z0-9_-]+")
_NAMES = re.compile(r"(?<![a-z_])[a-z_]++=")
"""``seed=``; possessive and from a word's beginning, so that no length of it takes long."""
_LONGEST = 80
_PNG_HEAD = struct.Struct(">8sI4sII")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELATED_UP_TO = 256
"""Pictures no larger than this (pixels, longer side) are enlarged with their pixels in sight."""


def case_slug(case_id: str) -> str:
    """Return the short name of a case id: ``red-apple-1024`` for ``red-apple[seed=1024]``.

    An id of another form gets some digits of its digest: no two ids share a slug.
    """
    plain = _PLAIN.fullmatch(case_id)
    if plain and len(case_id) <= _LONGEST:
        return f"{plain['name']}-{plain['seed']}"
    return _with_digest(_NAMES.sub("", case_id), case_id)


def case_anchor(case: CaseRecord) -> str:
    """Return the fragment of a case in ``index.html``: ``shapes.red-apple-1024``."""
    suite = case.suite if _PLAIN_SUITE.fullmatch(case.suite) else _with_digest(case.suite)
    return f"{suite}.{case_slug(case.id)}"


def anchors(cases: Sequence[CaseRecord]) -> list[tuple[str, str | None]]:
    """Return for each case its unique anchor, and its bare slug where that is unique in the run.

    A case that is there twice (a record put together by hand) gets ``~2``.
    """
    slugs = Counter(case_slug(case.id) for case in cases)
    seen: Counter[str] = Counter()
    result: list[tuple[str, str | None]] = []
    for case in cases:
        anchor, slug = case_anchor(case), case_slug(case.id)
        seen[anchor] += 1
        unique = anchor if seen[anchor] == 1 else f"{anchor}~{seen[anchor]}"
        result.append((unique, slug if slugs[slug] == 1 else None))
    return result


def _with_digest(readable: str, identity: str | None = None) -> str:
    digest = hashlib.sha256((identity or readable).encode(errors="surrogatepass")).hexdigest()
    slug = re.sub(r"[^a-z0-9_]+", "-", readable.lower()).strip("-")[:_LONGEST]
    return f"{slug}-{digest[:6]}" if slug else digest[:6]


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of a case; ``width`` is None where there is no picture to show."""

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


def picture_of(role: str, relative: str | None, folder: Path | None) -> Picture | None:
    """Look at one image of a record, if it has it; a path out of the folder counts as missing."""
    if relative is None or folder is None:
        return None
    try:
        size = _size_of(inside(folder, relative))
    except GoldenseedError:
        size = None
    if size is None:
        return Picture(role, relative)
    return Picture(role, relative, quote(relative), *size)


def _size_of(path: Path) -> tuple[int, int] | None:
    """Return width and height of a PNG, or of a library's thumbnail, which is WebP."""
    if path.suffix != ".webp":
        return _png_size(path)
    from PIL import Image

    try:
        with open_regular(path) as file, Image.open(file, formats=("WEBP",)) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, GoldenseedError, Image.DecompressionBombError):
        return None


def _png_size(path: Path) -> tuple[int, int] | None:
    """Width and height from a PNG's first 24 bytes (PNG specification, 11.2.1 IHDR), or None."""
    try:
        with open_regular(path) as file:
            head = file.read(_PNG_HEAD.size)
    except (OSError, GoldenseedError):
        return None
    if len(head) < _PNG_HEAD.size:
        return None
    signature, _, kind, width, height = _PNG_HEAD.unpack(head)
    return (width, height) if signature == _PNG_SIGNATURE and kind == b"IHDR" else None
