"""How many pixels a tiny change of the decoded image carries over the edge between two levels.

A value that is off by d levels, d far below 1, lands on the other side of an edge with probability
d, wherever the edges lie; of normal errors of standard deviation s the mean of d is
``s sqrt(2 / pi)``. How many values do so is then a Poisson number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.generation.sketch import relative_distance
from harness.generation.stages import Stage, Trace
from harness.verdict.noise import PEAK

_LEVELS = 255
_BEYOND = 0.00135
"""The probability of a normal number beyond three standard deviations, on one side."""


@dataclass(frozen=True, slots=True)
class Picture:
    """How many values there are that count."""

    pixels: int
    channels: int


def float_error(accepted: Trace, present: Trace) -> float | None:
    """Return the root mean square difference of two float images, of which white is 1.

    Estimated from the sketches; None where a trace has no float image.
    """
    pair = [
        next((each for each in trace if each.stage is Stage.FLOAT_IMAGE), None)
        for trace in (accepted, present)
    ]
    before, now = pair
    distance = relative_distance(before, now) if before and now else None
    if distance is None or before is None:
        return None
    return distance * (before.norm or 0.0) / math.sqrt(math.prod(before.shape))


def moved_pixels(error: float, picture: Picture) -> Mapping[str, float]:
    """Return the limits on pixels of images whose floats are off by ``error``.

    Args:
        error: the root mean square difference of the float images, of which white is 1.
        picture: how many values there are.

    Returns:
        ``peak_difference`` and ``mean_difference`` in levels, ``changed_fraction`` 0…1: at most one
        image in 700 goes beyond them by rounding.

    """
    from scipy.stats import poisson

    spread = error * _LEVELS
    values = picture.pixels * picture.channels
    expected = values * min(1.0, spread * math.sqrt(2 / math.pi))
    changed = float(poisson.isf(_BEYOND, expected))
    peak = 1.0 + math.floor(PEAK * spread)
    return {
        "peak_difference": peak,
        "mean_difference": peak * changed / values,
        "changed_fraction": min(1.0, changed / picture.pixels),
    }
