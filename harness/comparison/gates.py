"""Gates: how far a metric may go before a picture counts as another one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.comparison.metric import Metric
from harness.comparison.names import METRICS, advice, look_up, offered
from harness.errors import GoldenseedError

if TYPE_CHECKING:
    from harness.suites.expansion import Limit


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
    from harness.suites.expansion import Limit

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
