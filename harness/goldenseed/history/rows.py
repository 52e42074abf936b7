"""The tables of the history, and how a point is written into a row of them and read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from goldenseed.history.points import GENERATE, LOAD, Point, Series
from goldenseed.verdict.model import Verdict

TABLES: Final = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, at TEXT NOT NULL, commit_id TEXT
);
CREATE TABLE series (
    id INTEGER PRIMARY KEY, suite TEXT NOT NULL, case_id TEXT NOT NULL, profile TEXT NOT NULL,
    UNIQUE (suite, case_id, profile)
);
CREATE TABLE environments (
    id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, keys TEXT NOT NULL
);
CREATE TABLE points (
    series INTEGER NOT NULL REFERENCES series, run INTEGER NOT NULL REFERENCES runs,
    verdict TEXT NOT NULL, passed INTEGER NOT NULL, pixels, trace, accepted, recipe,
    code INTEGER NOT NULL, environment INTEGER REFERENCES environments, in_force TEXT,
    divergence TEXT, pairs INTEGER NOT NULL, flickers INTEGER NOT NULL, load_seconds REAL,
    generate_seconds REAL, measures TEXT NOT NULL,
    PRIMARY KEY (series, run)
) WITHOUT ROWID;
CREATE INDEX points_of_run ON points (run);
"""

POINTS: Final = """
SELECT points.series, runs.run, runs.at, runs.commit_id, verdict, passed, pixels, trace, accepted,
       recipe, code, environments.sha256, in_force, divergence, pairs, flickers, load_seconds,
       generate_seconds, {measures}
FROM points JOIN runs ON runs.id = points.run
            LEFT JOIN environments ON environments.id = points.environment
WHERE points.series IN ({series}) AND runs.at >= ? ORDER BY runs.at, runs.run
"""


def key(series: Series) -> tuple[str, str, str]:
    """Return what a series is found by."""
    return series.suite, series.case, series.profile


def columns(point: Point) -> tuple[object, ...]:
    """Return what stands of a point behind its series and run."""
    values = dict(point.values)
    load, generate = values.pop(LOAD, None), values.pop(GENERATE, None)
    return (
        point.verdict.value,
        int(point.passed),
        *map(_packed, (point.pixels, point.trace, point.accepted, point.recipe)),
        int(point.code),
        point.environment,
        compact(point.in_force) if point.in_force else None,
        point.divergence,
        point.pairs,
        point.flickers,
        load,
        generate,
        compact(values),
    )


def point(row: Sequence[Any], asked: Sequence[str]) -> Point:
    """Make a point of what ``POINTS`` returns behind the series; ``asked`` are its measures.

    Raises ValueError or TypeError for what no release wrote.
    """
    run, at, commit, verdict, passed, *packed, code, environment = row[:11]
    pixels, trace, accepted, recipe = map(_unpacked, packed)
    in_force, divergence, pairs, flickers, load, generate, *measured = row[11:]
    values = {LOAD: load, GENERATE: generate, **dict(zip(asked, measured, strict=False))}
    if not 0 <= flickers <= pairs <= _MOST_PAIRS:
        raise ValueError(f"{flickers} flickers of {pairs} pairs")
    texts = (commit, environment, divergence, pixels, trace, accepted, recipe)
    if not all(each is None or isinstance(each, str) for each in texts):
        raise TypeError("a number where there should be a text")
    return Point(
        run=str(run),
        at=datetime.fromisoformat(at),
        commit=commit,
        verdict=Verdict(verdict),
        passed=bool(passed),
        pixels=pixels,
        trace=trace,
        accepted=accepted,
        recipe=recipe or "",
        code=bool(code),
        environment=environment,
        in_force=fingerprint_of(in_force) if in_force else {},
        divergence=divergence,
        pairs=int(pairs),
        flickers=int(flickers),
        values={name: float(value) for name, value in values.items() if value is not None},
    )


_MOST_PAIRS: Final = 2**31
_PLAIN: Final = (bool, int, float, str, type(None))


def fingerprint_of(text: str) -> dict[str, Any]:
    """Parse keys and their plain values; ValueError or TypeError for anything else."""
    found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(each, _PLAIN) for each in found.values()):
        raise TypeError("no keys with plain values")
    return found


def stamp(at: datetime) -> str:
    """Write a time so that texts sort as times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _packed(digest: str | None) -> bytes | str | None:
    """Keep a digest in half the room; an altered record's is kept as it is."""
    try:
        return digest and bytes.fromhex(digest)
    except ValueError:
        return digest


def _unpacked(kept: bytes | str | None) -> str | None:
    return kept.hex() if isinstance(kept, bytes) else kept


def compact(document: Mapping[str, object]) -> str:
    """Write JSON in as little room as it takes."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True)
