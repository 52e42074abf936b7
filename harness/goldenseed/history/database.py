"""The file of the history: its tables, its version, and what is done where it is damaged."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.history.points import GENERATE, LOAD, Environment, Point, Series
from goldenseed.history.renames import Rename, follow, named_now
from goldenseed.history.rows import (
    POINTS,
    TABLES,
    columns,
    compact,
    fingerprint_of,
    key,
    point,
    stamp,
)
from goldenseed.runs.record import RunRecord

VERSION: Final = 1
"""What ``PRAGMA user_version`` says; raised when a reader of this release would be misled."""
_APPLICATION: Final = 0x676F6C64
"""What ``PRAGMA application_id`` says, so that no other program's file is taken for ours."""
_BUSY_SECONDS: Final = 10.0
"""How long one writer waits for another."""
_NO_DAMAGE: Final = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_AUTH,
    }
)
"""What keeps a sound file from being read or written. Anything else is the file's own fault: a page
or a schema that is none, a table that is not there, text that is no JSON or not UTF-8."""
_AT_ONCE: Final = 500
"""How many series one query is for; SQLite has a limit on its variables."""


class DamagedError(Exception):
    """The file is no database any more, or not the one that was written."""


class History:
    """An open history; ``opened`` makes one."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def runs(self) -> frozenset[str]:
        """Return the ids of the runs that are in it, those without a point among them."""
        return frozenset(run for (run,) in self._connection.execute("SELECT run FROM runs"))

    def add(
        self,
        run: RunRecord,
        points: Sequence[tuple[Series, Point]],
        environments: Mapping[str, Environment],
    ) -> None:
        """Put a run in, in the place of what was in of the same id: all of it, or nothing.

        Raises:
            DamagedError, GoldenseedError: as ``opened``; what is in can then still be read.

        """
        with _told(self._path), self._writing() as cursor:
            cursor.execute(
                "DELETE FROM points WHERE run IN (SELECT id FROM runs WHERE run = ?)", (run.run_id,)
            )
            now = named_now(cursor, run.started)
            named = [(key(now(series)), point) for series, point in points]
            commit = points[0][1].commit if points else None
            cursor.execute(
                "INSERT INTO runs (run, at, commit_id) VALUES (?, ?, ?)"
                " ON CONFLICT (run) DO UPDATE SET at = excluded.at, commit_id = excluded.commit_id",
                (run.run_id, stamp(run.started), commit),
            )
            (row,) = cursor.execute("SELECT id FROM runs WHERE run = ?", (run.run_id,))
            cursor.executemany(
                "INSERT OR IGNORE INTO environments (sha256, keys) VALUES (?, ?)",
                ((digest, compact(keys)) for digest, keys in environments.items()),
            )
            cursor.executemany(
                "INSERT OR IGNORE INTO series (suite, case_id, profile) VALUES (?, ?, ?)",
                (name for name, _ in named),
            )
            cursor.executemany(
                "INSERT OR REPLACE INTO points VALUES"
                " ((SELECT id FROM series WHERE suite = ? AND case_id = ? AND profile = ?), ?,"
                " ?, ?, ?, ?, ?, ?, ?, (SELECT id FROM environments WHERE sha256 = ?),"
                " ?, ?, ?, ?, ?, ?, ?)",
                ((*name, row[0], *columns(point)) for name, point in named),
            )

    def follow(self, renames: Iterable[Rename]) -> None:
        """Let the points of cases go on under their new names; errors as of ``add``."""
        with _told(self._path), self._writing() as cursor:
            follow(cursor, renames)

    def series(self) -> dict[Series, int]:
        """Return every series with its number in the file, in the order of their names."""
        rows = self._connection.execute("SELECT id, suite, case_id, profile FROM series")
        with _sound():
            return dict(sorted((Series(*map(str, names)), int(number)) for number, *names in rows))

    def measures(self, number: int) -> tuple[str, ...]:
        """Return the names of what was ever measured of a series, sorted."""
        rows = self._connection.execute(
            "SELECT DISTINCT json_each.key FROM points, json_each(points.measures)"
            " WHERE points.series = ?",
            (number,),
        )
        return tuple(sorted(str(name) for (name,) in rows))

    def points(
        self, numbers: Sequence[int], measures: Sequence[str], since: datetime | None = None
    ) -> dict[int, list[Point]]:
        """Return the points of some series in the order of time, with some of their measures."""
        found: dict[int, list[Point]] = {number: [] for number in numbers}
        if odd := next((each for each in measures if set(each) & set('"\\')), None):
            raise GoldenseedError(f"nothing that is measured is called {odd!r}")
        asked = [each for each in measures if each not in {LOAD, GENERATE}]
        paths = [f"$.{json.dumps(each)}" for each in asked]
        columns = ", ".join("json_extract(measures, ?)" for _ in asked) or "NULL"
        for start in range(0, len(numbers), _AT_ONCE):
            part = numbers[start : start + _AT_ONCE]
            query = POINTS.format(measures=columns, series=", ".join("?" * len(part)))
            since_text = stamp(since) if since else ""
            rows = self._connection.execute(query, (*paths, *part, since_text))
            with _sound():
                for number, *row in rows:
                    found[number].append(point(row, asked))
        return found

    def seconds(self, runs: int) -> list[tuple[str, str, str, float | None, float | None]]:
        """Return suite, case, profile, and the seconds of loading and generating, in the last runs.

        ``runs`` is how many; the order is that of the names.
        """
        rows = self._connection.execute(
            "SELECT suite, case_id, profile, load_seconds, generate_seconds FROM points"
            " JOIN series ON series.id = points.series WHERE points.run IN"
            " (SELECT id FROM runs ORDER BY at DESC, run DESC LIMIT ?)"
            " ORDER BY suite, case_id, profile, points.run",
            (runs,),
        )
        with _sound():
            return [
                (str(suite), str(case), str(profile), load and float(load), make and float(make))
                for suite, case, profile, load, make in rows
            ]

    def start_of(self, number: int, count: int) -> datetime | None:
        """Return when the last ``count`` runs of a series began; None of one with fewer."""
        rows = self._connection.execute(
            "SELECT at FROM runs WHERE id IN (SELECT run FROM points WHERE series = ?)"
            " ORDER BY at DESC LIMIT 1 OFFSET ?",
            (number, count - 1),
        )
        with _sound():
            return next((datetime.fromisoformat(at) for (at,) in rows), None)

    def environments(self, digests: frozenset[str]) -> dict[str, Environment]:
        """Return fingerprints by their digests."""
        found: dict[str, Environment] = {}
        for digest in sorted(digests):
            row = self._connection.execute(
                "SELECT keys FROM environments WHERE sha256 = ?", (digest,)
            ).fetchone()
            with _sound():
                found[digest] = fingerprint_of(row[0])
        return found

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Cursor]:
        """Do all that follows, or nothing; waits for another writer.

        Where the disk is full, SQLite has rolled back itself: the connection knows whether it has.
        """
        with self._connection:
            yield self._connection.execute("BEGIN IMMEDIATE")

    def prepare(self) -> None:
        """Make the tables of a new file; refuse another program's and a newer release's."""
        version, application, tables = self._kind()
        if (version, application, tables) == (0, 0, 0):
            with self._writing() as cursor:
                if self._kind() == (0, 0, 0):  # another process may have made them by now
                    for statement in filter(str.strip, TABLES.split(";")):
                        cursor.execute(statement)
                    cursor.execute(f"PRAGMA application_id = {_APPLICATION}")
                    cursor.execute(f"PRAGMA user_version = {VERSION}")
            version, application, tables = self._kind()
        if application != _APPLICATION:
            raise GoldenseedError(
                "is another program's database",
                path=self._path,
                fix="move it away: the history of the runs is kept under this name",
            )
        if version > VERSION:
            raise GoldenseedError(
                f"was written by a newer release: it has version {version}, and this one reads "
                f"{VERSION}",
                path=self._path,
                fix="read it with that release, or move it away and run `goldenseed history "
                "--rebuild`, which reads the runs that are still there",
            )

    def _kind(self) -> tuple[int, int, int]:
        """Return version, application and number of tables, as they were at one moment."""
        ((version, application, tables),) = self._connection.execute(
            "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)"
            " FROM pragma_user_version, pragma_application_id"
        )
        return int(version), int(application), int(tables)


@contextmanager
def opened(path: Path) -> Iterator[History]:
    """Open the history at ``path``, which is made where there is none.

    Raises:
        DamagedError: it cannot be read as what it should be.
        GoldenseedError: it is another program's or a newer release's, cannot be read or written,
            or another process kept it busy.

    """
    with _told(path):
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    with closing(connection), _told(path):
        connection.execute("PRAGMA synchronous = NORMAL")
        history = History(path, connection)
        history.prepare()
        yield history


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as ours."""
    try:
        yield
    except UnicodeDecodeError as error:  # what SQLite says of a broken file quotes it
        raise DamagedError(f"its structure is no text ({error.reason})") from error
    except (sqlite3.ProgrammingError, sqlite3.NotSupportedError):
        raise
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", -1) & 0xFF not in _NO_DAMAGE:
            raise DamagedError(str(error)) from error
        raise GoldenseedError(
            f"the history cannot be kept or read: {error}",
            path=path,
            fix="see that the folder can be written and the disk is not full; no run needs it, and "
            "`goldenseed history` reads later what is missing",
        ) from error


@contextmanager
def _sound() -> Iterator[None]:
    """Take what no release wrote for damage."""
    try:
        yield
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        raise DamagedError(str(error)) from error
