"""Keeping the history: a run added as it ends, the others read from their folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.history.points import environments_of, is_of_images, points_of
from goldenseed.runs.folder import JOURNAL, RECORD, load_run
from goldenseed.runs.record import RunRecord

if TYPE_CHECKING:
    from goldenseed.history.asked import Past
    from goldenseed.history.database import History
    from goldenseed.history.renames import Rename

T = TypeVar("T")

FILE: Final = "history.sqlite"
_BESIDE = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside its file, which belongs to the damaged one."""
_NAMED = 3


@dataclass(slots=True)
class ReadIn:
    """What became of reading runs into the history."""

    added: int = 0
    notes: list[str] = field(default_factory=list)


def remember(run: RunRecord, reports: Path) -> str | None:
    """Add a run that has ended to the history in ``reports``; return what is to be said of it.

    A shard is left to the run that it is merged into. Raises GoldenseedError where it cannot be
    kept; the run itself is as good as ever.
    """
    if run.shard is not None:
        return None
    try:
        _, said = with_history(reports, lambda history: _add(history, run))
    except ValueError as error:  # text of a test's own that is not Unicode
        raise GoldenseedError(f"the history cannot be kept: {error}", path=reports) from None
    return said and f"{said}; `goldenseed history` reads the earlier runs from their folders"


def recall(run: RunRecord, reports: Path) -> Mapping[tuple[str, str], Past]:
    """Tell of the cases of a run, as its page shows them; nothing where no history is kept.

    Raises GoldenseedError where there is one that cannot be read.
    """
    from goldenseed.history.asked import recent

    if not (reports / FILE).exists() or not is_of_images(run):
        return {}
    return with_history(reports, lambda history: recent(history, run))[0]


def follow(reports: Path, renames: Sequence[Rename]) -> str | None:
    """Let the history in ``reports``, if there is one, go on under the new names of cases.

    Returns what is to be said of a damaged one; raises GoldenseedError as ``with_history``.
    """
    if not (reports / FILE).exists():
        return None
    return with_history(reports, lambda history: history.follow(renames))[1]


def with_history(reports: Path, work: Callable[[History], T]) -> tuple[T, str | None]:
    """Do ``work`` on the history in ``reports``; of a damaged one it is done again on a new one.

    Returns what it returns, and a sentence on the damage where there was any.

    Raises:
        GoldenseedError: as ``goldenseed.history.database.opened``, or this Python has no SQLite.

    """
    try:
        from goldenseed.history.database import DamagedError, opened
    except ImportError as error:
        raise GoldenseedError(
            f"no history is kept: this Python was built without SQLite ({error})",
            fix="use a Python that has the module sqlite3",
        ) from None
    path = reports / FILE
    before = _inode(path)
    try:
        with opened(path) as history:
            return work(history), None
    except DamagedError as error:
        said = _put_aside(path, before, str(error))
    try:
        with opened(path) as history:
            return work(history), said
    except DamagedError as error:
        raise GoldenseedError(
            f"is damaged again as soon as it was made anew: {error}",
            path=path,
            fix="see that the disk is sound and that SQLite can lock files on it",
        ) from error


def read_in(history: History, reports: Path, *, anew: bool = False) -> ReadIn:
    """Add the runs of ``reports`` that the history lacks; with ``anew`` all, as they are now.

    Runs whose folders are gone keep their points. Runs that have not ended are left for later.
    """
    known = frozenset() if anew else history.runs()
    folders = [
        each
        for each in sorted(reports.iterdir())
        if each.name not in known and (each / RECORD).is_file() and not each.is_symlink()
    ]
    return add_runs(history, [each for each in folders if not (each / JOURNAL).exists()])


def add_runs(history: History, folders: Iterable[Path]) -> ReadIn:
    """Add runs from their folders, wherever these lie; one that is in already is replaced."""
    done = ReadIn()
    broken: list[str] = []
    for folder in folders:
        try:
            run = load_run(folder)
        except (GoldenseedError, OSError) as error:
            what = error.what if isinstance(error, GoldenseedError) else str(error)
            broken.append(f"{folder.name} ({what})")
            continue
        try:
            done.added += _add(history, run)
        except GoldenseedError as error:
            done.notes.append(f"the history was not brought up to date: {error}")
            break
    if broken:
        done.notes.append(f"not read, since their records cannot be: {first_of(broken, _NAMED)}")
    return done


def _add(history: History, run: RunRecord) -> bool:
    """Add a run; of one that made no images itself only that it was looked at.

    A shard counts once it is merged: the cut of the next one must not depend on it.
    """
    counts = is_of_images(run) and run.shard is None
    points = tuple(points_of(run)) if counts else ()
    history.add(run, points, environments_of(run) if counts else {})
    return counts


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _put_aside(path: Path, inode: int | None, why: str) -> str:
    """Move a damaged file away, unless another process did; say so."""
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    if inode is not None and _inode(path) != inode:
        return f"{path.name} was damaged ({why}), and is being made anew by another process"
    for suffix in _BESIDE:
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.replace(aside.with_name(aside.name + suffix))
    path.replace(aside)
    return (
        f"{path.name} was damaged ({why}) and is made anew from the runs in {path.parent}; the old "
        f"file is {aside.name}, and what only it knew, runs whose folders are gone, is lost"
    )
