"""Gates: how far a metric may go before a picture counts as another one, in pairs and in sets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.metric import Metric
from goldenseed.images.metrics import (
    METRICS,
    advice,
    look_up,
    offered,
)

if TYPE_CHECKING:
    from goldenseed.suite.cases import (
        Kind,
        Limit,
        SetSpec,
        Side,
    )


Direction = Literal["min", "max"]
"""On which side of a value its limit lies."""


def within(value: float, direction: Direction, limit: float) -> bool:
    """Whether ``value`` is on the right side of ``limit``; at the limit is, NaN never is."""
    return value >= limit if direction == "min" else value <= limit


@dataclass(frozen=True)
class Gate:
    """A metric and the side on which its limit lies."""

    metric: str
    direction: Direction

    @property
    def name(self) -> str:
        """The gate as suites write it: ``min_ssim``."""
        return f"{self.direction}_{self.metric}"

    def passes(self, value: float, limit: float) -> bool:
        """Whether ``value`` is on the right side of ``limit``: see ``within``."""
        return within(value, self.direction, limit)


@dataclass(frozen=True)
class GateResult:
    """What one gate made of one comparison."""

    gate: str
    metric: str
    value: float
    limit: float
    source: str
    passed: bool


def gate_names() -> tuple[str, ...]:
    """Return the name of every gate on a built-in metric, in the metrics' order."""
    return tuple(metric.gate for metric in METRICS.values())


def default_limits() -> Mapping[str, Limit]:
    """Return what is in force where a suite sets no gate.

    One level of 255: nothing beyond the noise of float32 passes.
    """
    from goldenseed.suite.cases import Limit

    return {"max_peak_difference": Limit(1.0, "default")}


def parse_gate(name: str) -> Gate:
    """Read a gate's name: ``min_<metric>`` where more is better, ``max_<metric>`` where less is.

    A metric of another package is loaded only when its name stands in a gate.

    Raises:
        GoldenseedError: an unknown gate (the message names the nearest ones), one that would pass
            the worst images and fail the best, such as ``max_ssim``, or one on another package's
            metric that cannot be loaded.

    """
    direction, _, rest = name.partition("_")
    if direction not in {"min", "max"} or (rest not in METRICS and rest not in offered()):
        raise GoldenseedError(f"there is no gate {name!r}", fix=advice(name, gate_names()))
    metric = look_up(rest)
    if name != metric.gate:
        raise GoldenseedError(
            f"the gate {name!r} would fail the images that are most alike", fix=f"use {metric.gate}"
        )
    return Gate(metric.name, "min" if metric.higher_is_better else "max")


def parse_limit(gate: Gate, value: object) -> float:
    """Return a gate's limit as a float, if the metric can have that value at all.

    ``max_changed_fraction: 30`` (a percentage?) would never fail and ``min_ssim: 95`` never pass.

    Raises:
        GoldenseedError: no number, NaN or infinite, or outside the metric's range.

    """
    metric = look_up(gate.metric)
    low, high = sorted((metric.worst, metric.best))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise GoldenseedError(
            f"the limit of {gate.name} is {value!r}, not a number", fix=_range(metric, low, high)
        )
    try:
        limit = float(value)
    except OverflowError:
        limit = math.inf
    if not (math.isfinite(limit) and low <= limit <= high):
        raise GoldenseedError(
            f"the limit of {gate.name} is {limit:g}, which {metric.name} never reaches",
            fix=_range(metric, low, high),
        )
    return limit


def _range(metric: Metric, low: float, high: float) -> str:
    upper = f"to {high:g}" if math.isfinite(high) else "upwards"
    return f"use a number from {low:g} {upper}{f' ({metric.unit})' if metric.unit else ''}"


def check(metrics: Mapping[str, float], limits: Mapping[str, Limit]) -> tuple[GateResult, ...]:
    """Hold measured values against limits, keyed by the gate's name; one result a gate, in order.

    Raises:
        GoldenseedError: a gate that ``parse_gate`` refuses.
        KeyError: a gate on a metric that was not measured.

    """
    return tuple(_check_one(parse_gate(name), metrics, limit) for name, limit in limits.items())


def _check_one(gate: Gate, metrics: Mapping[str, float], limit: Limit) -> GateResult:
    value = metrics[gate.metric]
    return GateResult(
        gate=gate.name,
        metric=gate.metric,
        value=value,
        limit=limit.value,
        source=limit.source,
        passed=gate.passes(value, limit.value),
    )


_OPPOSITE = {"min": "max", "max": "min"}
_SHARED = 2


def parse_set_limit(kind: Kind, side: Side, name: str) -> Gate:
    """Read the name of a limit.

    Where images have to be alike (``within`` of a consistent set) it is a gate's:
    ``max_phash_distance``, ``min_ssim``. Where they have to differ (``between`` sets, and in a
    diverse set) it is the opposite: ``min_phash_distance``, ``max_ssim``.

    Raises:
        GoldenseedError: an unknown metric (the message names the nearest ones), or a direction
            that asks for the opposite of what the place is for.

    """
    if kind == "consistency" and side == "within":
        return parse_gate(name)
    direction, _, rest = name.partition("_")
    if direction not in _OPPOSITE or (rest not in METRICS and rest not in offered()):
        names = [_opposite(each) for each in gate_names()]
        raise GoldenseedError(f"there is no limit {name!r}", fix=advice(name, names))
    metric = look_up(rest)
    expected = _opposite(metric.gate)
    if name != expected:
        raise GoldenseedError(
            f"the limit {name!r} would fail the images that are farthest apart, and these have to "
            "differ",
            fix=f"use {expected}",
        )
    return Gate(metric.name, "max" if metric.higher_is_better else "min")


def check_sets(sets: Sequence[SetSpec]) -> None:
    """Check every limit: its name and value, that it can fail, and that no other excludes it.

    Raises:
        GoldenseedError: the first fault, with its line; the path is for the caller to add.

    """
    for each in sets:
        for side, name, limit in _limits(each):
            try:
                gate = parse_set_limit(each.kind, side, name)
                _refuse_without_effect(gate, parse_limit(gate, limit.value))
            except GoldenseedError as error:
                raise GoldenseedError(error.what, line=limit.line, fix=error.fix) from None
    for alike, apart in product(_of_kind(sets, "consistency"), _of_kind(sets, "diversity")):
        _check_together(alike, apart)


def _refuse_without_effect(gate: Gate, limit: float) -> None:
    metric = look_up(gate.metric)
    wrong = metric.best if gate.name != metric.gate else metric.worst
    if gate.passes(wrong, limit):
        raise GoldenseedError(
            f"the limit {gate.name} {limit:g} never fails", fix="tighten it, or remove it"
        )


def _limits(each: SetSpec) -> Iterator[tuple[Side, str, Limit]]:
    for name, limit in each.within.items():
        yield "within", name, limit
    for name, limit in each.between.items():
        yield "between", name, limit


def _of_kind(sets: Sequence[SetSpec], kind: Kind) -> list[SetSpec]:
    return [each for each in sets if each.kind == kind and each.statistic == "worst"]


def _check_together(alike: SetSpec, apart: SetSpec) -> None:
    """Refuse a pair of cases that has to be both more alike and farther apart than possible.

    Only limits on the worst pair bind every pair; a mean binds none.
    """
    members = set(alike.cases)
    if not any(len(members & set(group)) >= _SHARED for group in apart.groups):
        return
    for name, limit in alike.within.items():
        other = apart.within.get(_opposite(name))
        if other is None:
            continue
        if not parse_gate(name).passes(other.value, limit.value):
            raise GoldenseedError(
                f"{_opposite(name)} {other.value:g} of the set `{apart.id}` excludes {name} "
                f"{limit.value:g} of `{alike.id}` on line {limit.line}: both hold for the same "
                "pairs",
                line=other.line,
                fix="change one of the two limits, or the cases of one of the two sets",
            )


def _opposite(name: str) -> str:
    direction, _, rest = name.partition("_")
    return f"{_OPPOSITE[direction]}_{rest}"
