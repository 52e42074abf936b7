"""What is decided of a run and kept of all runs: files of decisions, and the history's database."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from fuzz.mutations import VALUES, Changes, as_json, edited_bytes, put
from fuzz.records import a_run, few_cases
from goldenseed.history.asked import pasts_of
from goldenseed.history.database import History
from goldenseed.history.document import series_document
from goldenseed.history.keeping import FILE, with_history
from goldenseed.history.points import environments_of, points_of
from goldenseed.review.decisions import marked, read_decisions
from goldenseed.runs.record import RunRecord


def decisions(changes: Changes, folder: Path) -> None:
    """Read decisions and hold them against the run that they were made looking at."""
    record = few_cases(changes)
    document = {
        "format": "goldenseed-decisions",
        "version": 1,
        "run": record["run_id"],
        "decisions": [
            {
                "suite": case["path"],
                "case": case["id"],
                "pixels_sha256": case["pixels_sha256"] or "0" * 64,
                "decision": "accept",
                "reason": "as it should be",
            }
            for case in record["cases"]
        ],
    }
    file = put(folder, "decisions.json", as_json(document, changes))
    run = RunRecord.model_validate(a_run())
    found = read_decisions(file)
    marked(found, run, file)
    found.to_bytes()


@cache
def a_history() -> bytes:
    with tempfile.TemporaryDirectory() as place:
        run = RunRecord.model_validate(a_run())
        with_history(
            Path(place), lambda each: each.add(run, tuple(points_of(run)), environments_of(run))
        )
        with closing(sqlite3.connect(Path(place) / FILE)) as connection:
            connection.execute("VACUUM")
        return (Path(place) / FILE).read_bytes()


def _asked(history: History) -> Any:
    series = history.series()
    return [
        series_document(each) for each in pasts_of(history, series, ("ssim", "peak_difference"))
    ]


def history(changes: Changes, folder: Path) -> None:
    """Read all that a history tells, of a file with bytes or with single values edited."""
    if changes[-1][1] % 2:
        put(folder, FILE, edited_bytes(a_history(), changes))
    else:
        _with_other_values(put(folder, FILE, a_history()), changes)
    with_history(folder, _asked)


_PLACES = (
    *(("points", name) for name in ("verdict", "pixels", "in_force", "divergence", "measures")),
    *(("points", name) for name in ("code", "environment", "load_seconds", "pairs", "trace")),
    *(("runs", "at"), ("runs", "run"), ("environments", "keys"), ("series", "case_id")),
)


def _with_other_values(file: Path, changes: Changes) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for where, what, value in changes:
            table, column = _PLACES[where % len(_PLACES)]
            old = connection.execute(f"SELECT {column} FROM {table}").fetchone()[0]
            new = VALUES[value % len(VALUES)]
            if what % 2 or not isinstance(new, str | float | None):
                new = as_json(new, [(where, what, value)]).decode(errors="replace")
            connection.execute(
                f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {column} IS ?", (new, old)
            )
        connection.commit()
