"""The history as the page's scripts are given it: by columns, so that it takes little room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from goldenseed.history.asked import Past, whole
from goldenseed.history.points import DEFAULT_MEASURE, GENERATE, Point
from goldenseed.reporting.history import change_in_words, stability_in_words

_DIGITS = 4


def case_history(past: Past | None) -> list[Any]:
    """Return what the page plots of a case; nothing where there are fewer than two runs.

    Seconds since 1970, verdicts, mean differences, seconds to generate, a value a run, None where
    there is none; the change points, each with the place of its run, and the stability in words.
    """
    if past is None or len(past.points) < 2:  # noqa: PLR2004 - one point is no history
        return []
    places = {point.run: place for place, point in enumerate(past.points)}
    return [
        [int(point.at.timestamp()) for point in past.points],
        _few([point.verdict.value for point in past.points]),
        _few(_column(past.points, DEFAULT_MEASURE)),
        _few(_column(past.points, GENERATE)),
        [[places[each.point.run], change_in_words(each)] for each in past.changes],
        stability_in_words(past.stability),
    ]


def suite_histories(pasts: Iterable[Past]) -> list[list[Any]]:
    """Return the same of each suite: its name, times, the worst difference, all seconds, failures.

    Suites of which a single run is known are left out.
    """
    suites: dict[str, list[Past]] = {}
    for each in pasts:
        suites.setdefault(each.series.suite, []).append(each)
    found = []
    for suite, cases in suites.items():
        runs = sorted({(point.at, point.run) for each in cases for point in each.points})
        if len(runs) < 2:  # noqa: PLR2004 - one point is no history
            continue
        fails = dict.fromkeys(runs, 0)
        for point in (point for each in cases for point in each.points):
            fails[point.at, point.run] += not point.passed
        columns = [dict(whole(cases, measure)) for measure in (DEFAULT_MEASURE, GENERATE)]
        found.append(
            [
                suite,
                [int(at.timestamp()) for at, _ in runs],
                *([_short(column.get(at)) for at, _ in runs] for column in columns),
                list(fails.values()),
            ]
        )
    return found


def _column(points: Sequence[Point], measure: str) -> list[float | None]:
    return [_short(point.value(measure)) for point in points]


def _few(values: list[Any]) -> list[Any]:
    """Write a column that has one value once."""
    return values[:1] if len(set(values)) == 1 else values


def _short(value: float | None) -> float | None:
    if value is None:
        return None
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() else short
