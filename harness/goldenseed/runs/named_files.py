"""The files that a run's record names, and how they come into another run's folder."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import TEMPORARY_PREFIX, inside
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.relation_record import RelationRecord


def files_of_run(run: RunRecord) -> Iterator[str]:
    """Yield every file that a run's record names, once, relative to the run's folder."""
    places = dict.fromkeys(place for case in run.cases for place in places_of(case))
    places |= dict.fromkeys(place for each in run.relations for place in places_of_relation(each))
    yield from places | dict.fromkeys(each.file for each in run.attached)


def places_of(case: CaseRecord) -> Iterator[str]:
    """Yield every file that a case's record names, relative to the run's folder."""
    elements = (place for each in case.elements for place in (each.file, each.baseline))
    tries = (place for each in case.tries for place in (each.image, each.difference))
    found = (
        case.image,
        case.difference,
        case.masked and case.masked.image,
        case.baseline and case.baseline.image,
        case.trace_file,
        case.layers_file,
        *(each.file for each in case.inputs),
        *(each.file for each in case.returned),
        *elements,
        *tries,
    )
    yield from filter(None, found)


def places_of_relation(found: RelationRecord) -> Iterator[str]:
    """Yield every file that the record of a relation names, relative to the run's folder."""
    for made in filter(None, (found.reference, found.candidate)):
        yield from filter(None, (made.image, made.trace_file))
        yield from filter(None, (each.file for each in made.elements))
    yield from filter(None, (found.difference, found.exact_trace))


def link_files(places: Iterable[str], source: Path, target: Path) -> None:
    """Let files of one run's folder be in another's too, by hard links where the disk has them.

    What is there already stays: a file is named by what is in it. Nobody writes into a file of a
    run, so that one may belong to several.

    Raises:
        GoldenseedError: a file is not there, or cannot be linked and not be copied either.

    """
    folders: set[Path] = set()
    for place in places:
        old, new = inside(source, place), inside(target, place)
        if new.parent not in folders:
            new.parent.mkdir(parents=True, exist_ok=True)
            folders.add(new.parent)
        _link(old, new)


def thumb_place(pixels_sha256: str) -> str:
    """Return where the small picture of an image of a sweep lies in its run's folder."""
    return f"thumbs/{pixels_sha256}.jpg"


def _link(old: Path, new: Path) -> None:
    try:
        if not stat.S_ISREG(old.lstat().st_mode):
            raise GoldenseedError("is no regular file", path=old, fix="copy the run's folder again")
        os.link(old, new, follow_symlinks=False)
    except FileExistsError:
        return
    except FileNotFoundError:
        raise GoldenseedError(
            "is not there, and the record of its run names it",
            path=old,
            fix="copy the run's folder again from where it was made, or run it again",
        ) from None
    except OSError:
        _copy(old, new)


def _copy(old: Path, new: Path) -> None:
    """Copy a file where it cannot be linked: to another disk, or on one without links."""
    temporary = new.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
    try:
        shutil.copyfile(old, temporary, follow_symlinks=False)
        temporary.replace(new)
    except OSError as error:
        raise GoldenseedError(
            f"cannot be copied from {old}: {error.strerror or error}",
            path=new,
            fix="see that there is room on the disk and that both folders can be read and written",
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
