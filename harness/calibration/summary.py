"""What the images of a calibration have in common: the same, a few modes, or an envelope.

The margin of an envelope: what is measured scales with the size of the rounding errors, a standard
deviation. From n values that is known to a relative standard error of ``1 / sqrt(2 (n - 1))``
(S. Ahn, J. Fessler, "Standard errors of mean, variance, and standard deviation estimators", 2003).
The limit is the worst value seen, raised by three of these: 2.5-fold for 3 images, 1.7-fold for 10.
A cosine has no such scale: its limit is the worst seen and three standard deviations of the mean of
three cosines, ``3 / (16 sqrt(3))``, and never below what holds unmeasured.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.baselines.measured_noise import Pattern
from harness.verdict.rounding import COSINE

PIXEL_METRICS = ("peak_difference", "mean_difference", "changed_fraction")
"""What an envelope limits of the pixels: distances that are 0 for equal images."""
LEVELS = frozenset({"peak_difference"})
"""Metrics that are whole numbers."""
STANDARD_ERRORS = 3.0
RELATIVE = ("embeddings_distance", "denoiser_distance", "latents_distance", "decoded_distance")
"""What an envelope limits along the trace, besides the coherence.

Tables, noise and the weights of sums keep the limits of unmeasured noise.
"""
_COSINE_MARGIN = STANDARD_ERRORS / (16 * math.sqrt(3))


@dataclass(frozen=True, slots=True)
class Summary:
    """What was seen of one case."""

    pattern: Pattern
    modes: tuple[str, ...]
    """The pixel digests of all modes, the most frequent first; of an envelope none."""
    limits: Mapping[str, float]
    """Of an envelope: metric → limit."""


def margin(images: int) -> float:
    """Return the factor by which the worst of ``images`` values (2 or more) is raised."""
    return 1.0 + STANDARD_ERRORS / math.sqrt(2.0 * (images - 1))


def summarise(digests: Sequence[str], measured: Sequence[Mapping[str, float]]) -> Summary:
    """Say what the images of one case have in common.

    Args:
        digests: the pixel digest of each image, at least two.
        measured: what each image is at from the accepted one, metric to value; in the same order.

    Several digests are modes if each of them was seen more than once: images that scatter do not
    come back bit for bit.

    """
    counts = Counter(digests)
    if len(counts) == 1:
        return Summary(Pattern.IDENTICAL, tuple(counts), {})
    if all(count > 1 for count in counts.values()):
        return Summary(Pattern.MODES, tuple(each for each, _ in counts.most_common()), {})
    names = dict.fromkeys(name for each in measured for name in each)
    limits = {
        name: _limit(name, max(each[name] for each in measured if name in each), len(digests))
        for name in names
        if name in {*PIXEL_METRICS, *RELATIVE, "coherence"}
    }
    return Summary(Pattern.ENVELOPE, (), limits)


def _limit(metric: str, worst: float, images: int) -> float:
    if metric == "coherence":
        return max(COSINE, worst + _COSINE_MARGIN)
    raised = worst * margin(images)
    return float(math.ceil(raised)) if metric in LEVELS else raised
