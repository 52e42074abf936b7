"""Gates: how far a metric may go before a picture counts as another one, in pairs and in sets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.offers import advice
from goldenseed.images.metrics import METRICS, OFFERS, Metric, look_up

if TYPE_CHECKING:
    from goldenseed.suite.cases import Kind, Limit, SetSpec, Side


Direction = Literal["min", "max"]


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

    @classmethod
    def named(cls, name: str) -> Gate | None:
        """Read a gate's name by its form alone, as records have it; None if it has another form."""
        direction, _, metric = name.partition("_")
        if direction == "min" and metric:
            return cls(metric, "min")
        return cls(metric, "max") if direction == "max" and metric else None

    @property
    def opposite(self) -> Gate:
        """The same metric's limit on the other side."""
        return Gate(self.metric, "max" if self.direction == "min" else "min")

    def passes(self, value: float, limit: float) -> bool:
        """Whether ``value`` is on the right side of ``limit``: see ``within``."""
        return within(value, self.direction, limit)


@dataclass(frozen=True)
class GateResult:
    """What one gate made of one comparison."""

    metric: str
    direction: Direction
    value: float
    limit: float
    source: str
    passed: bool

    @property
    def gate(self) -> str:
        """The gate's name."""
        return Gate(self.metric, self.direction).name


def gate_of(metric: Metric) -> Gate:
    """Return the gate on ``metric``, on the side where images are less alike."""
    return Gate(metric.name, "min" if metric.higher_is_better else "max")


DEFAULT = "default"
"""The source of a limit that no suite set."""


def default_limits() -> Mapping[str, Limit]:
    """Return what is in force where a suite sets no gate: the tolerance of float32."""
    from goldenseed.suite.cases import Limit

    return {"max_peak_difference": Limit(1.0, DEFAULT)}


def parse_gate(name: str) -> Gate:
    """Read a gate's name: ``min_<metric>`` where more is better, ``max_<metric>`` where less is.

    Raises GoldenseedError for an unknown one, one that would fail the best images, such as
    ``max_ssim``, and one on another package's metric that cannot be loaded.
    """
    asked = _asked(name, what="gate", known=[gate_of(metric).name for metric in METRICS.values()])
    gate = gate_of(look_up(asked.metric))
    if asked != gate:
        raise GoldenseedError(
            f"the gate {name!r} would fail the images that are most alike", fix=f"use {gate.name}"
        )
    return gate


def _asked(name: str, *, what: str, known: Iterable[str]) -> Gate:
    asked = Gate.named(name)
    if asked is None or not OFFERS.has(asked.metric):
        raise GoldenseedError(f"there is no {what} {name!r}", fix=advice(name, known))
    return asked


def parse_limit(gate: Gate, value: object) -> float:
    """Return a gate's limit as a float; raises GoldenseedError outside the metric's range.

    ``max_changed_fraction: 30`` (a percentage?) would never fail and ``min_ssim: 95`` never pass.
    """
    metric = look_up(gate.metric)
    low, high = metric.range
    upper = f"to {high:g}" if math.isfinite(high) else "upwards"
    fix = f"use a number from {low:g} {upper}{f' ({metric.unit})' if metric.unit else ''}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise GoldenseedError(f"the limit of {gate.name} is {value!r}, not a number", fix=fix)
    try:
        limit = float(value)
    except OverflowError:
        limit = math.inf
    if not (math.isfinite(limit) and low <= limit <= high):
        what = f"the limit of {gate.name} is {limit:g}, which {metric.name} never reaches"
        raise GoldenseedError(what, fix=fix)
    return limit


def check(metrics: Mapping[str, float], limits: Mapping[str, Limit]) -> tuple[GateResult, ...]:
    """Hold measured values against limits, keyed by the gate's name; one result a gate, in order.

    Raises GoldenseedError for a gate that ``parse_gate`` refuses, and KeyError for one on a metric
    that was not measured.
    """
    found = []
    for name, limit in limits.items():
        gate = parse_gate(name)
        value = metrics[gate.metric]
        passed = gate.passes(value, limit.value)
        found.append(
            GateResult(gate.metric, gate.direction, value, limit.value, limit.source, passed)
        )
    return tuple(found)


_SHARED = 2


def parse_set_limit(kind: Kind, side: Side, name: str) -> Gate:
    """Read the name of a limit; raises GoldenseedError for an unknown one, or the wrong direction.

    Where images have to be alike (``within`` of a consistent set) it is a gate's:
    ``max_phash_distance``, ``min_ssim``. Where they have to differ (``between`` sets, and in a
    diverse set) it is the opposite: ``min_phash_distance``, ``max_ssim``.
    """
    if kind == "consistency" and side == "within":
        return parse_gate(name)
    opposites = [gate_of(metric).opposite.name for metric in METRICS.values()]
    asked = _asked(name, what="limit", known=opposites)
    limit = gate_of(look_up(asked.metric)).opposite
    if asked != limit:
        raise GoldenseedError(
            f"the limit {name!r} would fail the images that are farthest apart, and these have to "
            "differ",
            fix=f"use {limit.name}",
        )
    return limit


def check_sets(sets: Sequence[SetSpec]) -> None:
    """Check every limit: its name and value, that it can fail, and that no other excludes it.

    Raises GoldenseedError for the first fault, with its line; the path is for the caller to add.
    """
    for each in sets:
        limits: list[tuple[Side, str, Limit]] = [
            *(("within", name, limit) for name, limit in each.within.items()),
            *(("between", name, limit) for name, limit in each.between.items()),
        ]
        for side, name, limit in limits:
            try:
                gate = parse_set_limit(each.kind, side, name)
                refuse_without_effect(gate, parse_limit(gate, limit.value))
            except GoldenseedError as error:
                raise GoldenseedError(error.what, line=limit.line, fix=error.fix) from None
    for alike, apart in product(_of_kind(sets, "consistency"), _of_kind(sets, "diversity")):
        _check_together(alike, apart)


def refuse_without_effect(gate: Gate, limit: float) -> None:
    """Raise GoldenseedError for a limit that the most wrong images keep."""
    metric = look_up(gate.metric)
    wrong = metric.worst if gate == gate_of(metric) else metric.best
    if gate.passes(wrong, limit):
        raise GoldenseedError(
            f"the limit {gate.name} {limit:g} never fails", fix="tighten it, or remove it"
        )


def _of_kind(sets: Sequence[SetSpec], kind: Kind) -> list[SetSpec]:
    """Return the sets whose limits bind every pair: a mean binds none."""
    return [each for each in sets if each.kind == kind and each.statistic == "worst"]


def _check_together(alike: SetSpec, apart: SetSpec) -> None:
    """Refuse a pair of cases that has to be both more alike and farther apart than possible."""
    members = set(alike.cases)
    if not any(len(members & set(group)) >= _SHARED for group in apart.groups):
        return
    for name, limit in alike.within.items():
        gate = parse_gate(name)
        opposite = gate.opposite.name
        other = apart.within.get(opposite)
        if other is not None and not gate.passes(other.value, limit.value):
            raise GoldenseedError(
                f"{opposite} {other.value:g} of the set `{apart.id}` excludes {name} "
                f"{limit.value:g} of `{alike.id}` on line {limit.line}: both hold for the same "
                "pairs",
                line=other.line,
                fix="change one of the two limits, or the cases of one of the two sets",
            )
