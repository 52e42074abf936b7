"""One thing measured along two traces, and what every measure is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from goldenseed.tolerance.mixtures import EPS
from goldenseed.trace.sketch import relative_distance
from goldenseed.trace.stages import Stage, StageRecord, Trace

ROUNDED_ONCE = 12**-0.5
"""The root mean square of rounding to the nearest number, in units of the numbers' spacing."""
SKETCHED = 1.5
"""Two distances are estimated, each with a standard deviation of 4.4 %: 4.5 of both."""
HALF_PRECISION = frozenset({"float16", "bfloat16"})

Pairs = Mapping[Stage, list[tuple[StageRecord, StageRecord]]]


@dataclass(frozen=True, slots=True)
class TraceMeasure:
    """One thing measured along two traces, and how much of it rounding explains."""

    metric: str
    value: float
    limit: float
    detail: str | None = None
    source: str | None = None
    """Where the limit comes from, if not from the noise."""

    @property
    def explained(self) -> bool:
        """Whether rounding explains it; a value that is not finite is not explained."""
        return self.value <= self.limit


def unexplained(metric: str, detail: str) -> TraceMeasure:
    """Return a measure that no rounding explains, and why."""
    return TraceMeasure(metric, 1.0, 0.0, detail)


def by_stage(accepted: Trace, present: Trace) -> Pairs:
    """Return the records that both traces have, in the accepted order."""
    now = {each.key: each for each in present}
    found: dict[Stage, list[tuple[StageRecord, StageRecord]]] = {stage: [] for stage in Stage}
    for each in accepted:
        if each.key in now:
            found[each.stage].append((each, now[each.key]))
    return found


def distance(a: StageRecord, b: StageRecord) -> float:
    """Return the relative distance of two records; infinite where it cannot be told."""
    found = relative_distance(a, b)
    return math.inf if found is None else found


def worst(pairs: Pairs, *stages: Stage) -> float:
    """Return the greatest relative distance at some stages; 0 without any."""
    return max((distance(*pair) for stage in stages for pair in pairs[stage]), default=0.0)


def error_of_one_operation(dtype: str) -> float:
    """Return the relative error that one operation of a network is taken to make in ``dtype``."""
    return EPS[dtype] * (ROUNDED_ONCE if dtype in HALF_PRECISION else 1.0)
