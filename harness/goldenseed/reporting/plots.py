"""Plots for readers without scripts: where the lines and points of a drawing lie.

A drawing has the size ``WIDTH`` by ``HEIGHT`` and the place 0, 0 at its upper left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from goldenseed.history.asked import Past, whole
from goldenseed.history.points import DEFAULT_MEASURE, GENERATE
from goldenseed.reporting.history import change_in_words, stability_in_words, value_in_words
from goldenseed.reporting.words import count_of

WIDTH, HEIGHT = 640, 150
_LEFT, _RIGHT, _EDGE = 56, 10, 8
_LOWEST, _HIGHEST = -9.0, 0.3
"""Powers of ten at the ends of the scale of distances; 0 lies at the bottom."""
_LABELLED = (-8, -6, -4, -2, 0)
_LEAST_REACH = 6.0
"""How far a limit is drawn to each side of its stage, at least."""
_TITLES = {DEFAULT_MEASURE: "mean difference", GENERATE: "generated in"}
_TITLES_OF_SUITES = {DEFAULT_MEASURE: "worst mean difference", GENERATE: "all cases generated in"}


@dataclass(frozen=True, slots=True)
class Plot:
    """One drawing, and what it shows in words."""

    words: str
    line: str = ""
    """The data of an SVG path; empty where words say it all."""
    dots: tuple[tuple[float, float, str], ...] = ()
    """Where each value lies, and what it is."""
    levels: tuple[tuple[float, str], ...] = ()
    """Heights at which a line goes across, with their values."""
    limits: tuple[tuple[float, float, float, str], ...] = ()
    """From where to where a limit goes, at which height, and what it says."""
    marks: tuple[float, ...] = ()
    """Where something changed."""


@dataclass(frozen=True, slots=True)
class Course:
    """What a page without scripts tells of a history."""

    name: str
    span: str
    plots: tuple[Plot, ...]
    changes: tuple[tuple[str, str], ...] = ()
    """Day and what changed."""
    stability: str | None = None


def stage_plot(
    points: Sequence[tuple[str, float]], limits: Sequence[tuple[int, float]]
) -> Plot | None:
    """Draw the relative distance at each stage on a logarithmic scale; None of fewer than two.

    ``limits`` says how far rounding may go, by the place of a stage among the points.
    """
    if len(points) < 2:  # noqa: PLR2004 - a line needs two
        return None
    across = _across(len(points))
    reach = max((across(1) - across(0)) / 2, _LEAST_REACH)
    dots = [
        (across(place), _of_power(distance), f"{stage}: {_distance(distance)}")
        for place, (stage, distance) in enumerate(points)
    ]
    return Plot(
        words=f"Relative distance to the accepted image at {len(points)} stages",
        line=_path(dots),
        dots=tuple(dots),
        levels=tuple((_of_power(10.0**power), f"1e{power}") for power in _LABELLED),
        limits=tuple(
            (
                round(across(place) - reach, 1),
                round(across(place) + reach, 1),
                _of_power(limit),
                f"rounding may reach {_distance(limit)} at {points[place][0]}",
            )
            for place, limit in limits
        ),
    )


def course_of(past: Past | None) -> Course | None:
    """Tell of a case's history; None where fewer than two runs are known."""
    if past is None or len(past.points) < 2:  # noqa: PLR2004 - one point is no history
        return None
    points = past.points
    runs = [each.run for each in points]
    places = [runs.index(each.point.run) for each in past.changes]
    plots = [
        _over_runs(measure, title, [each.value(measure) for each in points], places)
        for measure, title in _TITLES.items()
    ]
    return Course(
        name=past.series.name,
        span=f"{count_of(len(points), 'run')} from {points[0].at:%Y-%m-%d}",
        plots=tuple(filter(None, plots)),
        changes=tuple((f"{c.point.at:%Y-%m-%d}", change_in_words(c)) for c in past.changes),
        stability=stability_in_words(past.stability),
    )


def courses_of_suites(pasts: Sequence[Past]) -> Iterator[Course]:
    """Tell of the suites' histories; nothing of one of which a single run is known."""
    by_suite = sorted(pasts, key=lambda each: each.series.suite)
    for suite, several in groupby(by_suite, lambda each: each.series.suite):
        cases = list(several)
        runs = sorted({point.at for each in cases for point in each.points})
        if len(runs) < 2:  # noqa: PLR2004 - as above
            continue
        plots = [
            _over_runs(measure, title, [value for _, value in whole(cases, measure)], ())
            for measure, title in _TITLES_OF_SUITES.items()
        ]
        span = f"{count_of(len(runs), 'run')} from {runs[0]:%Y-%m-%d}"
        yield Course(suite, span, tuple(filter(None, plots)))


def _over_runs(
    measure: str, title: str, values: Sequence[float | None], changes: Sequence[int]
) -> Plot | None:
    """Draw a value a run, with a line at each change; one that never moved is only told."""
    known = [each for each in values if each is not None and math.isfinite(each)]
    if not known:
        return None
    least, most = min(known), max(known)
    unit = " levels" if measure == DEFAULT_MEASURE else ""
    low, high, last = (value_in_words(measure, each) for each in (least, most, known[-1]))
    if least == most:
        return Plot(f"{title}: {low}{unit} in each of {count_of(len(known), 'run')}")
    across = _across(len(values))

    def height(value: float) -> float:
        return _at((value - least) / (most - least))

    dots = [
        (across(place), height(value), f"{value_in_words(measure, value)}{unit}")
        for place, value in enumerate(values)
        if value is not None and math.isfinite(value)
    ]
    return Plot(
        words=f"{title}: {low} to {high}{unit}, last {last}",
        line=_path(dots),
        dots=tuple(dots),
        levels=((height(least), low), (height(most), high)),
        marks=tuple(across(place) for place in changes),
    )


def _across(count: int) -> Callable[[int], float]:
    """Return where the places of so many points lie, from left to right."""
    step = (WIDTH - _LEFT - _RIGHT) / max(count - 1, 1)
    return lambda place: round(_LEFT + place * step, 1)


def _of_power(distance: float) -> float:
    """Return the height of a distance; what is no number lies as far off as anything can."""
    power = math.log10(distance) if distance > 0 else _LOWEST
    if not math.isfinite(distance):
        power = _HIGHEST
    return _at((min(max(power, _LOWEST), _HIGHEST) - _LOWEST) / (_HIGHEST - _LOWEST))


def _at(share: float) -> float:
    return round(HEIGHT - _EDGE - share * (HEIGHT - 2 * _EDGE), 1)


def _path(dots: Sequence[tuple[float, float, str]]) -> str:
    return "M" + " L".join(f"{x:g} {y:g}" for x, y, _ in dots)


def _distance(distance: float) -> str:
    return f"{distance:.1e}" if distance else "identical"
