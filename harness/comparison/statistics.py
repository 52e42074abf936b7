"""How far samples are apart: exact, from one histogram of the absolute differences.

A sample is one channel of one pixel, alpha included, 0…255; differences are in levels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.comparison.pair import Pair

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def peak_difference(pair: Pair) -> float:
    """Return the greatest difference of two samples, 0…255."""
    return float(max(level for level, count in enumerate(pair.histogram) if count))


def p99_difference(pair: Pair) -> float:
    """Return the least level that at least 99 % of the samples stay within, 0…255.

    This is the percentile without interpolation (NumPy's ``inverted_cdf``): always a whole level.
    """
    histogram = pair.histogram
    within, total = 0, sum(histogram)
    for level, count in enumerate(histogram):
        within += count
        if 100 * within >= 99 * total:
            return float(level)
    raise AssertionError("all samples lie within 255 levels")


def mean_difference(pair: Pair) -> float:
    """Return the mean absolute difference of the samples, 0…255."""
    histogram = pair.histogram
    return sum(level * count for level, count in enumerate(histogram)) / sum(histogram)


def changed_fraction(pair: Pair) -> float:
    """Return the share of pixels, 0…1, of which any channel differs at all."""
    return pair.changed / pair.counted


def psnr(pair: Pair) -> float:
    """Return the peak signal-to-noise ratio in dB: ``10 log10(255² / mean squared difference)``.

    Infinite for equal images, 0 for black against white.
    """
    histogram = pair.histogram
    squares = sum(level**2 * count for level, count in enumerate(histogram))
    return 10 * math.log10(255**2 * sum(histogram) / squares) if squares else math.inf


def peak_map(pair: Pair) -> npt.NDArray[np.float32]:
    """Return the greatest difference of a pixel's channels, 0…255, height x width."""
    found: npt.NDArray[np.float32] = _differences(pair).max(axis=-1)
    return found


def mean_map(pair: Pair) -> npt.NDArray[np.float32]:
    """Return the mean absolute difference of a pixel's channels, 0…255, height x width."""
    found: npt.NDArray[np.float32] = _differences(pair).mean(axis=-1)
    return found


def _differences(pair: Pair) -> npt.NDArray[np.float32]:
    import numpy as np

    return np.stack([np.asarray(band, dtype=np.float32) for band in pair.bands], axis=-1)
