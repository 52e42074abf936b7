"""Cases that are called otherwise by now: their points go on under the present name."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from goldenseed.baselines.store import BaselineStore
from goldenseed.history.points import Series
from goldenseed.history.rows import stamp

Rename = tuple[tuple[str, str], tuple[str, str], datetime]
"""A case's suite and id before and after, and when it was renamed."""
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS renames (
    suite TEXT NOT NULL, case_id TEXT NOT NULL, at TEXT NOT NULL, new_suite TEXT NOT NULL,
    new_case TEXT NOT NULL, PRIMARY KEY (suite, case_id, at)
)
"""
"""A file of an earlier release has no such table."""


def renames_of(store: BaselineStore) -> Iterator[Rename]:
    """Yield every rename that the entries of the baselines tell of.

    Raises GoldenseedError for an entry that cannot be read.
    """
    for suite in store.suites():
        for case in store.cases(suite):
            entry = store.entry(suite, case)
            olds = sorted(entry.renamed if entry else (), key=lambda each: each.renamed_at)
            names = [*((each.suite, each.case) for each in olds), (suite, case)]
            for place, each in enumerate(olds):
                yield names[place], names[place + 1], each.renamed_at


def follow(cursor: sqlite3.Cursor, renames: Iterable[Rename]) -> None:
    """Give the points of each old name to the new one, of runs from before the case was renamed.

    It is remembered, so that a run that is read in later goes by it as well.
    """
    cursor.execute(_TABLE)
    for old, new, at in renames:
        cursor.execute(
            "INSERT OR REPLACE INTO renames VALUES (?, ?, ?, ?, ?)", (*old, stamp(at), *new)
        )
        olds = cursor.execute(
            "SELECT id, profile FROM series WHERE suite = ? AND case_id = ?", old
        ).fetchall()
        for number, profile in olds:
            cursor.execute(
                "INSERT OR IGNORE INTO series (suite, case_id, profile) VALUES (?, ?, ?)",
                (*new, profile),
            )
            cursor.execute(
                "UPDATE OR IGNORE points SET series = (SELECT id FROM series WHERE suite = ? AND"
                " case_id = ? AND profile = ?) WHERE series = ? AND run IN"
                " (SELECT id FROM runs WHERE at < ?)",
                (*new, profile, number, stamp(at)),
            )
            cursor.execute(
                "DELETE FROM series WHERE id = ? AND id NOT IN (SELECT series FROM points)",
                (number,),
            )


def named_now(cursor: sqlite3.Cursor, at: datetime) -> Callable[[Series], Series]:
    """Return what gives a series of a run of that time the name that its case has by now."""
    cursor.execute(_TABLE)
    rows = cursor.execute(
        "SELECT suite, case_id, new_suite, new_case FROM renames WHERE at > ? ORDER BY at",
        (stamp(at),),
    ).fetchall()

    def now(series: Series) -> Series:
        for suite, case, new_suite, new_case in rows:
            if (series.suite, series.case) == (suite, case):
                series = Series(str(new_suite), str(new_case), series.profile)
        return series

    return now
