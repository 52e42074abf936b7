"""The shift of a flow-matching schedule, read off two tables of sigmas by their sketches alone.

Shifted by ``s``, a sigma becomes ``s sigma / (1 + (s - 1) sigma)``: its odds, which are
``sigma / (1 - sigma)``, are ``s`` times as large (P. Esser et al., "Scaling rectified flow
transformers for high-resolution image synthesis", 2024, section 5.3.2; diffusers'
``FlowMatchEulerDiscreteScheduler``). So two tables that differ in the shift alone have one ratio of
odds throughout.
"""

from __future__ import annotations

import math
from statistics import median
from typing import Final

from goldenseed.trace.sketch import values_alone
from goldenseed.trace.stages import StageRecord

_THOUSAND: Final = 1000.0
"""Timesteps of flow matching are a thousand times their sigmas."""
_LEAST_TIME: Final = 100.0
"""A table whose largest value lies between is of neither: sigmas of other samplers go up to 15."""
_ALIKE: Final = 0.1
"""How far a ratio may lie from the median, as a share of the shift itself (of their logarithms):
the ends of a table are shifted along, and sigmas that are scaled have no one ratio."""
_MOST: Final = 0.75
"""Which share of the ratios has to be alike."""
_FEWEST: Final = 2
_NO_SHIFT: Final = 1e-3


def shift_between(before: StageRecord, now: StageRecord) -> float | None:
    """Return how many times as large the shift is ``now``; None if it is not the shift."""
    if before.shape != now.shape:
        return None
    old, new = values_alone(before), values_alone(now)
    largest = max((abs(each) for each in (*old.values(), *new.values())), default=0.0)
    if not (largest <= 1 or _LEAST_TIME < largest <= _THOUSAND):
        return None
    scale = 1.0 if largest <= 1 else _THOUSAND
    pairs = [(a / scale, new[index] / scale) for index, a in old.items()]
    ratios = [_log_odds(b) - _log_odds(a) for a, b in pairs if 0 < a < 1 and 0 < b < 1]
    if len(ratios) < _FEWEST:
        return None
    found = median(ratios)
    alike = sum(abs(each - found) <= _ALIKE * abs(found) for each in ratios)
    return math.exp(found) if alike >= _MOST * len(ratios) and abs(found) > _NO_SHIFT else None


def _log_odds(sigma: float) -> float:
    return math.log(sigma) - math.log1p(-sigma)
