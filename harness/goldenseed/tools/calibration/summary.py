"""What the images of a calibration have in common: the same, a few modes, or an envelope.

A value that is off by d levels, d far below 1, lands on the other side of an edge with probability
d, wherever the edges lie; of normal errors of standard deviation s the mean of d is
``s sqrt(2 / pi)``. How many values do so is then a Poisson number.

Bit equality is demanded only of what was bit-equal. Small images keep their pixels by luck while
the latents moved; so where traces were recorded, two images are the same if all stages of theirs
are, and not if the pixels alone are.

The margin of an envelope: what is measured scales with the size of the rounding errors, a standard
deviation. From n values that is known to a relative standard error of ``1 / sqrt(2 (n - 1))``
(S. Ahn, J. Fessler, "Standard errors of mean, variance, and standard deviation estimators", 2003).
The limit is the worst value seen, raised by three of these: 2.5-fold for 3 images, 1.7-fold for 10.
Images that are the same bit for bit count once: they say the same thing again.
Of levels the first is what rounding to 8 bits makes of any difference: what lies beyond is raised.
A cosine has no such scale: its limit is the worst seen and three standard deviations of the mean of
three cosines, ``3 / (16 sqrt(3))``, and never below what holds unmeasured.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goldenseed.baselines.entry import Pattern
from goldenseed.tolerance.rounding import COSINE
from goldenseed.tolerance.tolerance import PEAK
from goldenseed.trace.sketch import relative_distance
from goldenseed.trace.stages import Stage, Trace

_LEVELS = 255
_BEYOND = 0.00135
"""The probability of a normal number beyond three standard deviations, on one side."""


@dataclass(frozen=True, slots=True)
class Picture:
    """How many values there are that count."""

    pixels: int
    channels: int


def float_error(accepted: Trace, present: Trace) -> float | None:
    """Return the RMS difference of float images (white is 1) by their sketches, or None."""
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
    """Return limits on pixels (levels, fraction) of images whose floats are off by ``error``.

    ``error`` is a root mean square, of which white is 1; by rounding at most one image in 700 goes
    beyond the limits.
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


PIXEL_METRICS = ("peak_difference", "mean_difference", "changed_fraction")
"""What an envelope limits of the pixels: distances that are 0 for equal images."""
LEVELS = frozenset({"peak_difference"})
"""Metrics that are whole numbers."""
STANDARD_ERRORS = 3.0
FLOAT_ERROR = "float_error"
"""Not limited itself: the root mean square difference of the float images, of which white is 1."""
RELATIVE = ("embeddings_distance", "denoiser_distance", "latents_distance", "decoded_distance")
"""What an envelope limits along the trace, besides the coherence, where anything moved.

Tables, noise and the weights of sums keep the limits of assumed tolerance. So does a stage at which
nothing moved while others did: nothing of its rounding was measured.
"""
_COSINE_MARGIN = STANDARD_ERRORS / (16 * math.sqrt(3))


@dataclass(frozen=True, slots=True)
class Seen:
    """One image of a calibration."""

    pixels: str
    """The digest of the pixels that count."""
    stages: tuple[str, ...]
    """The digests of its stages, in their order; empty where none were recorded."""
    measured: Mapping[str, float]
    """How far it is from the accepted image, metric → value."""
    beyond: bool = False
    """Whether it is neither that image nor within the rounding that is assumed of it."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was seen of one case."""

    pattern: Pattern
    modes: tuple[str, ...]
    """The pixel digests of all modes, the most frequent first; of an envelope none."""
    limits: Mapping[str, float]
    """Of an envelope: metric → limit."""


def margin(images: int) -> float:
    """Return the factor by which the worst of so many different images (2 or more) is raised."""
    return 1.0 + STANDARD_ERRORS / math.sqrt(2.0 * (images - 1))


def summarise(seen: Sequence[Seen], picture: Picture, assumed: Mapping[str, float]) -> Summary:
    """Say what the images of one case, at least two, have in common.

    Several images are modes if each of them was seen more than once: images that scatter do not
    come back bit for bit. Limits on pixels are never below what follows from how far the float
    images moved (without traces ``assumed``): few pixels move by chance, and how few is a matter of
    luck.
    """
    counts = Counter((each.pixels, each.stages) for each in seen)
    if len(counts) == 1 or all(count > 1 for count in counts.values()):
        modes = tuple(dict.fromkeys(pixels for (pixels, _), _ in counts.most_common()))
        return Summary(Pattern.IDENTICAL if len(counts) == 1 else Pattern.MODES, modes, {})
    names = dict.fromkeys(name for each in seen for name in each.measured)
    worst = {
        name: max(each.measured[name] for each in seen if name in each.measured) for name in names
    }
    limits = {
        name: _limit(name, value, len(counts))
        for name, value in worst.items()
        if name in {*PIXEL_METRICS, "coherence"} or (name in RELATIVE and value)
    }
    if len({each.stages for each in seen}) > 1:
        error = worst.get(FLOAT_ERROR)
        floor = assumed if error is None else moved_pixels(error * margin(len(counts)), picture)
        for name, value in floor.items():
            limits[name] = max(value, limits.get(name, 0.0))
    return Summary(Pattern.ENVELOPE, (), limits)


def _limit(metric: str, worst: float, images: int) -> float:
    if metric == "coherence":
        return max(COSINE, worst + _COSINE_MARGIN)
    if metric in LEVELS:
        return min(worst, 1.0) + math.ceil(max(worst - 1.0, 0.0) * margin(images))
    return worst * margin(images)
