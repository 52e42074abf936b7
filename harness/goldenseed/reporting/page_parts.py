"""The page's data beside it: parts that its scripts load one by one, or all within the page.

A part is JSON under a name. Within the page it is a ``script`` element that is never run; beside it
a file ``data/<name>.js`` that hands it over, since a page opened from disk may read nothing else.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, open_regular, write_atomically
from goldenseed.core.finite_json import finite_json
from goldenseed.reporting.links import Picture
from goldenseed.reporting.page_data import case_document, rows_document
from goldenseed.reporting.view import CaseView, RunView

FOLDER = "data"
PER_PART = 50
"""Cases whose details lie together."""
PIXELS_BYTES = 64 << 20
"""How many bytes of pictures the data hold; what is left out is said on the page."""
_PIXEL_PART_BYTES = 1 << 20
_INLINE_BYTES = 1 << 20
"""Rows of more than that lie beside the page."""


@dataclass(frozen=True, slots=True)
class Parts:
    """All parts of a page by name, as JSON that is safe inside of HTML and of a script."""

    inline: Mapping[str, str]
    beside: Mapping[str, str]
    left_out: int
    """Cases with pictures whose bytes no part holds."""

    def write(self, folder: Path) -> None:
        """Write what lies beside the page, and delete what an earlier page had there."""
        data = folder / FOLDER
        if data.is_dir() and not data.is_symlink():
            for old in data.glob("*.js"):
                if old.stem not in self.beside:
                    old.unlink(missing_ok=True)
        for name, text in self.beside.items():
            script = f'goldenseed.part("{name}",{text});\n'
            write_atomically(data / f"{name}.js", script.encode(), durable=False)


def parts_of(run: RunView, folder: Path | None, *, single: bool) -> Parts:
    """Lay out the data of a page; with ``single`` all of it, with the pictures, within the page.

    The bytes of the pictures come along because a script may not read them from disk. Those of
    identical cases are left out, unless there is no other copy.
    """
    cases = sorted(run.cases, key=lambda each: not each.loud)
    wanted = [_wanted(case, single=single) for case in cases]
    numbers, pixels = _pixels(wanted, folder)
    inline: dict[str, str] = {}
    beside: dict[str, str] = {}
    rows = as_json(rows_document(run, list(zip(cases, numbers, strict=True)), PER_PART))
    (inline if single or len(rows) <= _INLINE_BYTES else beside)["rows"] = rows
    for number, start in enumerate(range(0, len(cases), PER_PART)):
        several = [case_document(case, run, folder) for case in cases[start : start + PER_PART]]
        text = as_json(several)
        (inline if single or (number == 0 and len(text) <= _INLINE_BYTES) else beside)[
            f"cases-{number:03}"
        ] = text
    for number, each in enumerate(pixels):
        (inline if single else beside)[f"pixels-{number:03}"] = as_json(each)
    left_out = sum(bool(each) and number < 0 for each, number in zip(wanted, numbers, strict=True))
    return Parts(inline, beside, left_out)


def as_json(document: Any) -> str:
    """Write JSON in ASCII in which nothing ends a script element or begins a comment.

    What is no finite number, as the distance of a stage that holds NaN, is written as a word.
    """
    text = finite_json(document, _in_words, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _in_words(number: float) -> str:
    """Name what is no finite number: the page shows it."""
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _wanted(case: CaseView, *, single: bool) -> list[Picture]:
    """Return the pictures whose bytes the page needs, each once."""
    both = [case.baseline, case.current]
    elements = case.elements.shown if case.elements else ()
    if single:
        both += [picture for _, picture in case.inputs]
        both += [picture for each in elements for picture in (each.current, each.baseline)]
    elif not case.comparable or case.record.pixels_sha256 == _accepted(case):
        return []
    return list({each.path: each for each in both if each and each.found}.values())


def _accepted(case: CaseView) -> str | None:
    return case.record.baseline.pixels_sha256 if case.record.baseline else None


def _pixels(
    wanted: Sequence[Iterable[Picture]], folder: Path | None
) -> tuple[list[int], list[dict[str, str]]]:
    """Pack pictures as data URIs, and return the number of each case's part, -1 for none."""
    numbers: list[int] = []
    parts: list[dict[str, str]] = []
    total = filled = 0
    for pictures in wanted:
        sizes = sum(_size(folder, each) for each in pictures) if folder else 0
        if not folder or not sizes or total + sizes > PIXELS_BYTES:
            numbers.append(-1)
            continue
        if not parts or filled > _PIXEL_PART_BYTES:
            parts.append({})
            filled = 0
        parts[-1] |= dict(_encoded(folder, pictures))
        numbers.append(len(parts) - 1)
        filled += sizes
        total += sizes
    return numbers, parts


def _size(folder: Path, picture: Picture) -> int:
    try:
        return inside(folder, picture.path).stat().st_size
    except (OSError, GoldenseedError):
        return 0


def _encoded(folder: Path, pictures: Iterable[Picture]) -> Iterator[tuple[str, str]]:
    for each in pictures:
        if (uri := data_uri(folder, each)) is not None:
            yield each.path, uri


def data_uri(folder: Path, picture: Picture) -> str | None:
    """Return a picture's file as a ``data:`` address; None where it cannot be read."""
    try:
        with open_regular(inside(folder, picture.path)) as file:
            kind = "webp" if picture.path.endswith(".webp") else "png"
            return f"data:image/{kind};base64,{base64.b64encode(file.read()).decode()}"
    except (OSError, GoldenseedError):
        return None
