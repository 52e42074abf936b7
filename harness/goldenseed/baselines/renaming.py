"""Moving what is kept of a case to the name that it has now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from goldenseed.baselines.candidate import Signature
from goldenseed.baselines.changes import entry_text
from goldenseed.baselines.contents import Name
from goldenseed.baselines.entry import BaselineEntry, Renamed
from goldenseed.baselines.places import Places, writing
from goldenseed.baselines.reading import read_entry
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import write_all
from goldenseed.core.removing import remove_empty, remove_files


def rename(
    places: Places,
    pairs: Sequence[tuple[Name, Name]],
    signature: Signature,
    run_id: str,
    *,
    dry_run: bool = False,
) -> tuple[Path, ...]:
    """Move the entry of each old name to the new one, with all that it says, and add what it was.

    Returns the files that this changes. Everything is checked before the first write. The new entry
    is whole before the old one goes, so that a process killed at any moment leaves what is accepted
    under one of the names, or both; the same move, made again, ends it. A dry run checks
    the same, and locks and writes nothing.

    Raises:
        GoldenseedError: an entry is not there, cannot be read or lies behind a symbolic link, the
            new name has an entry in one of the profiles, or the folder cannot be written.

    """
    paths = [(places.entry(*old), places.entry(*new)) for old, new in pairs]
    both = tuple(path for pair in paths for path in pair)
    with nullcontext() if dry_run else writing(places, both):
        written: dict[Path, bytes] = {}
        for (old, new), (_, path) in zip(pairs, paths, strict=True):
            entry = _moved(places, old, new, signature, run_id)
            if entry is not None:
                written[path] = entry_text(entry)
        if not dry_run:
            write_all(written)
            remove_files(old for old, _ in paths)
            remove_empty(old.parent for old, _ in paths)
    return both


def _moved(
    places: Places, old: Name, new: Name, signature: Signature, run_id: str
) -> BaselineEntry | None:
    """Return the entry under its new name; None where it is there already."""
    before = read_entry(places.entry(*old), suite=old[0], case=old[1])
    if before is None:
        raise GoldenseedError(
            f"nothing is accepted for {'::'.join(old)} any more",
            path=places.entry(*old),
            fix="run this again: somebody moved or deleted it meanwhile",
        )
    there = read_entry(places.entry(*new), suite=new[0], case=new[1])
    if there is not None and moved(there, before):
        return None
    both = sorted(set(before.profiles) & set(there.profiles if there else ()))
    if both:
        raise GoldenseedError(
            f"{'::'.join(new)} has an entry of its own in {', '.join(both)}",
            path=places.entry(*new),
            fix="decide which of the two is right, and delete the other",
        )
    was = Renamed(
        suite=old[0],
        case=old[1],
        run_id=run_id,
        renamed_at=signature.at,
        renamed_by=signature.by,
        reason=signature.reason,
    )
    return BaselineEntry(
        suite=new[0],
        case=new[1],
        profiles={**(there.profiles if there else {}), **before.profiles},
        renamed=(*(there.renamed if there else ()), *before.renamed, was),
    )


def moved(entry: BaselineEntry, old: BaselineEntry) -> bool:
    """Whether ``entry`` has all of ``old`` already: a move that was killed before its last step."""
    known = any((each.suite, each.case) == (old.suite, old.case) for each in entry.renamed)
    return known and all(entry.profiles.get(name) == each for name, each in old.profiles.items())
