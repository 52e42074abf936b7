"""The history on a terminal: a list of cases, or one case's plot and change points."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from goldenseed.core.changes import changed
from goldenseed.environment.fingerprint import KeyDifference
from goldenseed.environment.keys import Kind
from goldenseed.history.asked import Past
from goldenseed.history.changes import Certainty, Change
from goldenseed.history.points import SECONDS
from goldenseed.history.stability import LEAST_PAIRS, Stability
from goldenseed.images.metrics import METRICS
from goldenseed.reporting.diagnosis import IMPLIED_BY_TORCH
from goldenseed.reporting.numbers import number, seconds
from goldenseed.reporting.words import count_of

_HEIGHT = 12
_WIDEST = 100
_BESIDE = 14
"""Columns that the plot's labels take."""
_KEYS = 4
"""How many keys a line names."""
_DECADES = 100.0
"""From which ratio of the values on a plot is logarithmic."""
_TINY = 0.01
"""Below which values are drawn in a power of ten."""
_COMMIT = 10
"""How many digits of a commit are shown."""

Values = Sequence[tuple[datetime, float]]


def list_lines(told: Sequence[Past]) -> Iterator[str]:
    """Yield one line a case and profile: last verdict, stability, last change of its image."""
    rows = [("case", "profile", "last", "runs", "stability", "last change")]
    for each in told:
        change = next(reversed(each.changes), None)
        rows.append(
            (
                each.series.name,
                each.series.profile,
                str(each.last.verdict),
                f"{len(each.points):,}",
                stability_in_words(each.stability),
                f"{_day(change.point.at)} {change_in_words(change, commits=False)}"
                if change
                else "-",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def series_lines(told: Past, measures: Sequence[str]) -> Iterator[str]:
    """Yield what is told of one case in one profile, with a plot for each measure."""
    first, last = told.points[0], told.last
    yield f"{told.series.name}  {told.series.profile}"
    yield (
        f"  {count_of(len(told.points), 'run')}, {_day(first.at)} to {_day(last.at)}; "
        f"last: {last.verdict}{f', parts at {last.divergence}' if last.divergence else ''}"
    )
    yield f"  stability: {stability_in_words(told.stability)}"
    for measure in measures:
        values = [(p.at, v) for p in told.points if (v := p.value(measure)) is not None]
        marks = [each.point.at for each in told.changes]
        yield ""
        yield from plot_lines(measure, values, marks, of=len(told.points))
    yield ""
    if not told.changes:
        yield "  no change points"
    for change in told.changes:
        yield f"  {_minute(change.point.at)}  {change_in_words(change)}  ({change.point.run})"


def plot_lines(
    measure: str, values: Values, marks: Iterable[datetime] = (), *, of: int
) -> Iterator[str]:
    """Yield a plot over time, with a line at each of ``marks``; of values that are one, a sentence.

    ``of`` is how many runs there are; those without a value are counted in the title.
    """
    unit = f" ({_unit(measure)})" if _unit(measure) else ""
    if not values:
        yield f"  {measure}: measured in none of {count_of(of, 'run')}"
        return
    least, most = min(v for _, v in values), max(v for _, v in values)
    lacking = f", {of - len(values):,} without" if len(values) < of else ""
    if least == most:
        runs = f"all {len(values):,} runs" if len(values) > 1 else "one run"
        yield f"  {measure}{unit}: {value_in_words(measure, least)} in {runs}{lacking}"
        return
    above = [v for _, v in values if v > 0]
    logarithmic = least >= 0 and max(above) >= _DECADES * min(above)
    floor = min(above) / 10 if logarithmic else 0.0
    zeros = least == 0 and logarithmic
    # The plot's labels have few digits and no exponent.
    tiny = not logarithmic and 0 < most < _TINY
    power = math.floor(math.log10(most)) if tiny else 0
    scale = 10.0**-power
    yield (
        f"  {measure}{unit}, {value_in_words(measure, least)} to "
        f"{value_in_words(measure, most)}{lacking}"
        f"{f'; drawn in 1e{power:03d}' if tiny else ''}"
        f"{'; 0 is drawn at the bottom of a logarithmic scale' if zeros else ''}"
    )
    drawn = [(at, (v if v > 0 or not logarithmic else floor) * scale) for at, v in values]
    yield from _drawn(drawn, marks, logarithmic=logarithmic)


def _drawn(values: Values, marks: Iterable[datetime], *, logarithmic: bool) -> Iterator[str]:
    import numpy as np
    from uniplot import plot_to_string

    def time(at: datetime) -> np.datetime64:
        return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "s")

    width = min(_WIDEST, shutil.get_terminal_size((80, 24)).columns) - _BESIDE
    text = plot_to_string(
        xs=np.array([time(at) for at, _ in values]),
        ys=np.array([value for _, value in values]),
        x_gridlines=[time(at) for at in marks],
        y_gridlines=[],
        y_as_log=logarithmic,
        character_set="braille",
        color=False,
        width=max(20, width),
        height=_HEIGHT,
    )
    yield from (f"  {line}".rstrip() for line in text.splitlines())


def stability_in_words(stability: Stability) -> str:
    """Return ``100 % of 33 pairs (at least 92 %)``, or why it is not known."""
    if stability.score is None or stability.at_least is None:
        flickers = f", {stability.flickers} differ" if stability.flickers else ""
        return f"unknown ({count_of(stability.pairs, 'pair')} of {LEAST_PAIRS}{flickers})"
    share = 100 * stability.score
    whole = "100" if not stability.flickers else f"{min(share, 99.9):.1f}"
    least = int(100 * stability.at_least)
    return f"{whole} % of {stability.pairs:,} pairs (at least {least} %)"


def change_in_words(change: Change, *, commits: bool = True) -> str:
    """Return ``image, certain: diffusers 0.41.0 → 0.42.1, commit 1a2b3c → 5d6e7f``."""
    level = ""
    if change.old is not None and change.new is not None:
        level = (
            f" {value_in_words(change.of, change.old)} → {value_in_words(change.of, change.new)}"
        )
    if change.certainty is Certainty.CREEPING:
        return f"{change.of}{level}, creeping over {count_of(change.runs, 'run')} from here on"
    parts = ["the recipe"] if change.recipe else []
    if change.differences is None:
        parts.append("where it was made is not on record")
    parts += _keys_in_words(change.differences or ())
    if commits and change.commits:
        old, new = (_commit(each) for each in change.commits)
        parts.append(f"commit {old} → {new}")
    if change.certainty is Certainty.UNEXPLAINED:
        found = f" ({', '.join(parts)})" if parts else ""
        return f"{change.of}{level}, with no cause on record{found}"
    said = f": {', '.join(parts)}" if parts else ""
    return f"{change.of}{level}, {change.certainty}{said}"


def _keys_in_words(differences: Sequence[KeyDifference]) -> list[str]:
    """Name the keys that differ: packages first, then what moves pixels, then the rest."""
    names = {each.key for each in differences}
    if "package.torch" in names:
        differences = [each for each in differences if not each.key.startswith(IMPLIED_BY_TORCH)]
    ordered = sorted(
        differences,
        key=lambda each: (
            not each.key.startswith("package."),
            each.kind not in {Kind.IDENTITY, Kind.NUMERIC},
            each.key,
        ),
    )
    words = [changed(each.key.removeprefix("package."), each.old, each.new) for each in ordered]
    more = [f"{len(words) - _KEYS} more"] if len(words) > _KEYS else []
    return words[:_KEYS] + more


def _unit(measure: str) -> str:
    return METRICS[measure].unit if measure in METRICS else ""


def value_in_words(measure: str, value: float) -> str:
    """Write a measure's value, seconds with their unit."""
    if measure in SECONDS:
        return seconds(value)
    if measure.endswith("]"):
        return f"{value:.1e}" if value else "0"
    return number(measure.removeprefix("content."), value)


def _commit(commit: str | None) -> str:
    if commit is None:
        return "none"
    return commit[:_COMMIT] + ("+" if commit.endswith("+") else "")


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
