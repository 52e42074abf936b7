"""Which cases are shown where there is no room for all: the worst of every verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from goldenseed.images.metrics import METRICS
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Reason

if TYPE_CHECKING:
    from goldenseed.reporting.view import CaseView

_BY_PIXELS = ("ssim", "mean_difference", "peak_difference")
"""What tells cases apart that are beyond no gate, or equally far: the first that differs does."""


def worst_of_each(cases: Iterable[CaseView], most: int) -> list[CaseView]:
    """Choose at most ``most`` of the cases of a view, of each verdict in turn, failing ones first.

    No verdict hides another, however many cases have it. They come back verdict by verdict, each
    in the order given.
    """
    groups: dict[tuple[int, str], list[CaseView]] = {}
    for case in cases:
        groups.setdefault((_rank(case), case.record.verdict), []).append(case)
    ordered = sorted(groups, key=lambda each: each[0])
    taken = dict.fromkeys(groups, 0)
    for rank in sorted({rank for rank, _ in groups}):
        _share(most - sum(taken.values()), [key for key in groups if key[0] == rank], groups, taken)
    return [case for key in ordered for case in groups[key][: taken[key]]]


def _rank(case: CaseView) -> int:
    """Put what fails before what fails as expected, and that before what passes."""
    if case.record.passed:
        return 2
    return 0 if case.record.xfail is None else 1


def _share(
    room: int,
    keys: Sequence[tuple[int, str]],
    groups: dict[tuple[int, str], list[CaseView]],
    taken: dict[tuple[int, str], int],
) -> None:
    """Hand out room to groups in turn, until none is left or all are shown."""
    while room > 0 and (waiting := [key for key in keys if taken[key] < len(groups[key])]):
        for key in waiting[:room]:
            taken[key] += 1
        room -= len(waiting[:room])


def badness(case: CaseRecord) -> tuple[float, ...]:
    """Return what sorts cases, the greatest first: how far beyond their gates, then by pixels.

    Each number is the share of a metric's whole way from its limit (or best value) to its worst.
    """
    beyond = (_beyond(each) for each in case.reasons if each.code == "gate")
    pixels = (_way(name, case.metrics.get(name)) for name in _BY_PIXELS)
    return (max(beyond, default=0.0), *pixels)


def _beyond(reason: Reason) -> float:
    return _way(reason.metric or "", reason.value, reason.limit)


def _way(name: str, value: float | str | None, start: float | str | None = None) -> float:
    """Return how far ``value`` is from ``start``, or the best, as a share of the way to the worst.

    Of a metric that goes on for ever, or is another package's, the way to twice its start is half.
    """
    metric = METRICS.get(name)
    best, worst = (metric.best, metric.worst) if metric else (0.0, math.inf)
    try:
        at, begin = (best if each is None else float(each) for each in (value, start))
    except ValueError:
        return 0.0
    if at == begin:
        return 0.0
    gone, way = abs(at - begin), abs(worst - begin)
    if not math.isfinite(gone):
        return 1.0
    if not math.isfinite(way):
        return gone / (gone + max(abs(begin), 1.0))
    return min(gone / way, 1.0) if way else 1.0
