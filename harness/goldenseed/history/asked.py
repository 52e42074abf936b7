"""What is asked of the history: series with their points, how stable they are, what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from goldenseed.history.changes import Change, changes_of
from goldenseed.history.points import (
    DEFAULT_MEASURE,
    GENERATE,
    SECONDS,
    Point,
    Series,
    is_of_a_set,
    points_of,
)
from goldenseed.history.stability import Records, Stability, stability_of
from goldenseed.images.metrics import METRICS
from goldenseed.runs.record import RunRecord
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from goldenseed.history.database import History

MOST_RUNS: Final = 100
LEAST_RUNS: Final = 10
MOST_POINTS: Final = 100_000
"""How many runs of each case, and points of all, a page gets."""
MOST_LEVELS: Final = 200
"""In the numbers of how many cases a page looks for levels and creeps."""


@dataclass(frozen=True, slots=True)
class Past:
    """A series and what is to be told of it."""

    series: Series
    points: tuple[Point, ...]
    """In the order of time; at least one."""
    stability: Stability
    changes: tuple[Change, ...]
    """Oldest first."""
    measures: tuple[str, ...] = ()
    """Everything that was ever measured of it; empty where that was not asked for."""

    @property
    def last(self) -> Point:
        """The newest point."""
        return self.points[-1]


def chosen(history: History, choose: Callable[[Series], bool]) -> dict[Series, int]:
    """Return the series that ``choose`` takes, with their numbers in the file, sorted."""
    return {each: number for each, number in history.series().items() if choose(each)}


def pasts_of(
    history: History,
    series: Mapping[Series, int],
    measures: Sequence[str] = (),
    *,
    since: datetime | None = None,
    closely: bool = True,
    levels: bool = True,
) -> tuple[Past, ...]:
    """Tell of some series; of one without a point since ``since`` nothing is told.

    ``measures`` are read for each point. ``closely`` lists all that was measured, and ``levels``
    looks for changes of level and creeps in the measures and the seconds; without it, only images
    are looked at.
    """
    asked = tuple(dict.fromkeys(measures))
    found = history.points(list(series.values()), asked, since)
    digests = {point.environment for points in found.values() for point in points}
    records = Records(history.environments(frozenset(filter(None, digests))))
    looked_through = dict.fromkeys((*asked, GENERATE)) if levels else ()
    said = []
    for each, number in series.items():
        if points := found[number]:
            points = _with_equal_traces(points, asked)
            said.append(
                Past(
                    series=each,
                    points=tuple(points),
                    stability=stability_of(points, records),
                    changes=changes_of(points, records, looked_through),
                    measures=(*history.measures(number), *SECONDS) if closely else (),
                )
            )
    return tuple(said)


def recent(history: History, run: RunRecord) -> dict[tuple[str, str], Past]:
    """Tell of the cases of a run, by suite and id, in the profile in which each was made.

    Of a run of many cases the last few runs of each, so that a page of them stays small.
    """
    own = {series for series, _ in points_of(run)}
    wanted = chosen(history, own.__contains__)
    firsts: dict[str, int] = {}
    for series, number in wanted.items():
        firsts.setdefault(series.suite, number)
    count = min(MOST_RUNS, max(LEAST_RUNS, MOST_POINTS // max(1, len(wanted))))
    starts = [history.start_of(number, count) for number in firsts.values()]
    since = None if None in starts else min(filter(None, starts), default=None)
    found = pasts_of(
        history,
        wanted,
        [DEFAULT_MEASURE],
        since=since,
        closely=False,
        levels=len(wanted) <= MOST_LEVELS,
    )
    return {(each.series.suite, each.series.case): each for each in found}


def _with_equal_traces(points: Sequence[Point], asked: Iterable[str]) -> list[Point]:
    """Put stages at 0 in the points of identical images whose trace is the accepted one.

    A record of an identical image has no distances. The trace of the accepted image is known where
    every run that made these pixels has the same.
    """
    stages = [each for each in asked if each.endswith("]") and each not in METRICS]
    if not stages:
        return list(points)
    traces: dict[str | None, set[str | None]] = {}
    for each in points:
        traces.setdefault(each.pixels, set()).add(each.trace)
    nothing = dict.fromkeys(stages, 0.0)
    return [
        replace(each, values={**nothing, **each.values})
        if each.verdict is Verdict.IDENTICAL and each.trace and len(traces[each.pixels]) == 1
        else each
        for each in points
    ]


def whole(told: Sequence[Past], measure: str) -> tuple[tuple[datetime, float], ...]:
    """Return one value for each run over many series: of seconds the sum, else the worst.

    In the order of time; runs in which nothing has the measure are left out. Sets do not count:
    how far their images are apart is not how far any moved.
    """
    found: dict[tuple[datetime, str], list[float]] = {}
    for each in (each for each in told if not is_of_a_set(each.series.case)):
        for point in each.points:
            if (value := point.value(measure)) is not None:
                found.setdefault((point.at, point.run), []).append(value)
    best = METRICS[measure].higher_is_better if measure in METRICS else False
    gather = sum if measure in SECONDS else min if best else max
    return tuple((at, float(gather(found[at, run]))) for at, run in sorted(found))
