"""The seeds whose images look most like one, by vectors in a file that is mapped into memory."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import write_atomically
from goldenseed.seeds.library import Found, Library
from goldenseed.seeds.wanted import Wanted

if TYPE_CHECKING:
    import numpy.typing as npt

_PART: Final = 10_000
"""Vectors that are written at a time."""


def alike(
    library: Library, kind: str, vector: npt.NDArray[np.float32], wanted: Wanted, *, limit: int
) -> list[Found]:
    """Return the seeds whose vectors have the greatest cosine with ``vector``, greatest first.

    All that is ``wanted`` holds for them too. The vectors are kept beside the library as one file
    that is mapped into memory: 100,000 of 512 numbers take 200 MB of disk and milliseconds.
    """
    rows = _rows(library, kind, len(vector))
    if not len(rows):
        return []
    likeness = rows["vector"] @ vector
    if wanted != Wanted():
        held = np.array(library.numbers(wanted), np.int64)
        likeness[~np.isin(rows["number"], held, kind="table")] = -np.inf
    # More than wanted: seeds that were taken out of the library since are still in the file.
    several = min(len(rows), limit + len(rows) - library.kinds().get(kind, 0))
    best = np.argpartition(-likeness, several - 1)[:several]
    ordered = best[np.lexsort((rows["number"][best], -likeness[best]))]
    pairs = [
        (int(rows["number"][i]), float(likeness[i])) for i in ordered if np.isfinite(likeness[i])
    ]
    return list(islice(library.numbered(pairs), limit))


def _rows(library: Library, kind: str, length: int) -> npt.NDArray[Any]:
    """Map the file of a kind's vectors, with what was added to the library since it was written."""
    form = np.dtype([("number", "<i8"), ("vector", "<f4", (length,))])
    path = _folder(library) / f"{library.token}-{kind}.vectors"
    rows = _mapped(path, form)
    last = int(rows["number"][-1]) if len(rows) else 0
    there = np.array(library.numbers_of_kind(kind), np.int64)
    if not np.isin(there[there <= last], rows["number"]).all():
        rows, last = rows[:0], 0  # an older seed was given its vector since: write all anew
    new = [
        np.array([(number, np.frombuffer(data, "<f4"))], form)
        for number, data in library.vectors(kind, last)
        if len(data) == 4 * length
    ]
    if not new:
        return rows
    added = np.concatenate(new)
    parts = (
        part for each in (rows, added) for part in np.array_split(each, len(each) // _PART + 1)
    )
    try:
        write_atomically(path, (part.tobytes() for part in parts), durable=False)
    except GoldenseedError:  # where nobody may write, each search reads them from the library
        return np.concatenate([rows, added])
    return _mapped(path, form)


def _mapped(path: Path, form: np.dtype[Any]) -> npt.NDArray[Any]:
    if not path.is_file() or not os.access(path, os.R_OK):
        return np.zeros(0, form)
    whole = path.stat().st_size // form.itemsize
    return np.memmap(path, form, "r", shape=(whole,)) if whole else np.zeros(0, form)


def _folder(library: Library) -> Path:
    """Return where vectors are kept: beside a library's file, else with the user's caches."""
    if "://" not in library.place:
        return Path(f"{library.place}.vectors")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "goldenseed" / "seeds"
