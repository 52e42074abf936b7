"""Our own rules: the pixels alone, the trace, and portable mode."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache

import numpy as np
from pairs import LabelledPair
from rules import Rule

from goldenseed.tolerance.rounding import TraceMeasure, trace_measures
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.trace.distances import (
    aligned,
    either,
    same,
    stage_distance,
)
from goldenseed.trace.stages import Stage

_WEIGHTS = re.compile(r"model\.([^.]+)\.sha256")
NOISE = assumed_tolerance("float32")
"""What rounding explains where nothing was measured."""


@cache
def measures_of(pair: LabelledPair) -> tuple[TraceMeasure, ...]:
    """Measure a pair's traces as the verdict does."""
    return trace_measures(pair.plain.trace, pair.made.trace, "float32")


def unmeasured_rules() -> list[Rule]:
    """Return the rules by which float32 images are judged where nothing was measured."""
    return [
        Rule("ours, pixels only", "pixels", _beyond_pixels, "ours"),
        Rule("ours, without the trace", "pixels, weights", _beyond_pixels_and_weights, "ours"),
        Rule("ours, with the trace", "trace", _beyond_trace, "ours"),
    ]


def _beyond_pixels(pair: LabelledPair) -> bool:
    return not pair.identical and not NOISE.explains(pair.metrics)


def _beyond_pixels_and_weights(pair: LabelledPair) -> bool:
    """Whether the verdict would be worse than ``match`` where no traces tell."""
    return _beyond_pixels(pair) or (not pair.identical and bool(other_weights(pair)))


def other_weights(pair: LabelledPair) -> tuple[str, ...]:
    """Name the components whose loaded weights differ, where both fingerprints tell of them."""
    old, new = pair.plain.environment, pair.made.environment
    known = ((_WEIGHTS.fullmatch(key), key) for key in sorted(old.keys() & new.keys()))
    return tuple(match[1] for match, key in known if match and old[key] != new[key])


def hidden_by_equal_pixels(found: Sequence[LabelledPair]) -> list[LabelledPair]:
    """Return harmless pairs that would be false alarms, had a pixel of them moved.

    What a file's round trip makes of the float image is no rounding, and left out.
    """
    return [
        pair
        for pair in found
        if pair.change.harmless
        and pair.identical
        and "round trip" not in pair.change.name
        and not all(each.explained for each in measures_of(pair))
    ]


def _beyond_trace(pair: LabelledPair) -> bool:
    """Whether the verdict would be worse than ``match``.

    An image whose pixels are equal is ``identical`` without a look at its trace.
    """
    return not pair.identical and not NOISE.explains(pair.metrics, measures_of(pair))


def portable_rules() -> list[Rule]:
    """Return the rules in portable mode, where the harmless changes nothing."""
    return [
        Rule("equal pixels", "pixels", lambda pair: not pair.identical, "ours"),
        Rule("equal up to the pixels, to 1e-12", "trace", _beyond_float64, "ours"),
    ]


def _beyond_float64(pair: LabelledPair) -> bool:
    """Whether any stage moved by more than float64's rounding, which moves no pixel.

    The float image is left out: a file's round trip rounds it to levels and leaves the pixels.
    """
    distances = (
        0.0 if same(each) else stage_distance(each).distance
        for each in aligned(pair.plain.trace, pair.made.trace)
        if either(each).stage is not Stage.FLOAT_IMAGE
    )
    return any(distance is None or distance > 1e-12 for distance in distances)


def share_of_noise(pair: LabelledPair) -> float:
    """Return how near a pair comes to what rounding explains: above 1 is beyond it.

    The greatest share of a limit among all that is held against one, of the trace and the pixels.
    """
    if pair.identical:
        return 0.0
    measures = measures_of(pair)
    shares = [each.value / each.limit if each.limit else math.inf for each in measures]
    limits = NOISE.pixel_limits(measures)
    return max([*shares, *(pair.metrics[name] / limit for name, limit in limits.items())])


def least_rounding(pair: LabelledPair) -> float:
    """Return the least error of the float picture, in levels, that explains the changed levels.

    Of values that are off by e levels, e far below 1, a share of ``|e|`` lands on the other side of
    an edge: a Poisson count. What explains it is the lower end of its confidence interval
    (F. Garwood, Biometrika 28, 1936) at three standard deviations. Being two levels apart takes an
    error of one.
    """
    from scipy.stats import chi2, norm

    moved = int(np.count_nonzero(pair.plain.array != pair.made.array))
    if not moved:
        return 0.0
    expected = chi2.ppf(norm.sf(3), 2 * moved) / 2
    return max(float(expected) / pair.plain.array.size, pair.metrics["peak_difference"] - 1)


def trace_distance(pair: LabelledPair) -> float | None:
    """Return the relative distance of the pictures before they become levels, or of the latents.

    The greater of the two; None where neither can be told.
    """
    stages = (Stage.LATENTS_BEFORE_VAE, Stage.FLOAT_IMAGE)
    found = (stage_distance(each) for each in aligned(pair.plain.trace, pair.made.trace))
    return max(
        (each.distance for each in found if each.stage in stages and each.distance is not None),
        default=None,
    )
