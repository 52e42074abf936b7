"""What the files that a call returned say of their origin, beside what was expected of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from goldenseed.content.provenance import said_by_itself
from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting.numbers import scalar
from goldenseed.reporting.words import count_of, shortened
from goldenseed.runs.parts import ProvenanceRecord
from goldenseed.runs.provenance import stored_file
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import CONTENT

_LONGEST: Final = 4_000
_BEGINS: Final = "provenance: "
_VALID: Final = frozenset({"valid", "trusted"})


def origin_document(case: CaseRecord, folder: Path | None) -> dict[str, Any] | None:
    """Return what the page shows of a case's provenance; None where there is nothing of it.

    The files are read in the run's ``folder``. What the record says was found stands in place of
    what is read now, which nobody held against anything.
    """
    if not case.returned and case.provenance is None:
        return None
    faults = [
        (each.detail or "").removeprefix(_BEGINS)
        for each in case.reasons
        if each.code == CONTENT and (each.detail or "").startswith(_BEGINS)
    ]
    said, unread = _said(case, folder) if folder else ({}, [])
    rows = list(_rows(said, case.provenance))
    return {
        "summary": _summary(case.provenance, len(rows), len(faults)),
        "files": [[each.name or "", each.file, each.sha256] for each in case.returned],
        "faults": [*faults, *unread],
        "rows": rows,
    }


def _said(case: CaseRecord, folder: Path) -> tuple[dict[str, str], list[str]]:
    """Read each file; return what they say by name, and why some cannot be read."""
    said: dict[str, str] = {}
    unread = []
    for each in case.returned:
        before = f"{each.name}." if each.name else ""
        try:
            found = said_by_itself(stored_file(folder, each))
        except (GoldenseedError, OSError) as error:
            unread.append(str(error))
            continue
        said |= {f"{before}{name}": text for name, text in found.items()}
    return said, unread


def _rows(said: Mapping[str, str], held: ProvenanceRecord | None) -> Iterator[list[Any]]:
    """Yield name, what is said, what is expected, and whether that is so, None if nothing is."""
    found = held.found if held else {}
    for name in dict.fromkeys((*found, *said)):
        kind, _, key = _without_element(name).partition(".")
        expected = _expected(held, kind, key) if name in found else None
        text = found[name] if kind == "c2pa" and name in found else said.get(name, found.get(name))
        yield [
            name,
            shortened(text or "", _LONGEST),
            "" if expected is None else expected or "any",
            None if expected is None else _holds(kind, expected, text or ""),
        ]


def _without_element(name: str) -> str:
    """Return ``png_text.parameters`` for ``images[1].png_text.parameters``."""
    starts = [at for kind in ("c2pa", "png_text.", "exif.") if (at := name.find(kind)) >= 0]
    return name[min(starts) :] if starts else name


def _expected(held: ProvenanceRecord | None, kind: str, key: str) -> str | None:
    """Return what was expected of one thing in words; "" for any, None where it was not asked."""
    asked = held.expected.get(kind) if held else None
    if not isinstance(asked, dict):
        return None if asked is None else scalar(asked if isinstance(asked, str) else str(asked))
    if kind == "c2pa":
        return ", ".join(f"{name} {value}" for name, value in asked.items())
    return str(asked[key] or "") if key in asked else None


def _holds(kind: str, expected: str, text: str) -> bool:
    if kind == "c2pa":
        return text in _VALID
    return text != "none" and expected in text


def _summary(held: ProvenanceRecord | None, rows: int, faults: int) -> str:
    if held is None:
        return count_of(rows, "statement of the file", "statements of the file")
    return count_of(faults, "fault") if faults else "as expected"
