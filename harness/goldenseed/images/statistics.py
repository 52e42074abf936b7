"""How far samples and colours are apart: exact, from one histogram of the absolute differences.

A sample is one channel of one pixel, alpha included, 0…255; differences are in levels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PIL import Image

from goldenseed.images.pair import Pair, unit

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


def colour_moments_distance(pair: Pair) -> float:
    """Return the distance of the colour moments in CIELAB, 0 for equal images, no upper bound.

    Stricker and Orengo, "Similarity of Color Images" (SPIE 2420, 1995): the sum over the three
    channels of the differences of mean, standard deviation and skewness, the last being the cube
    root of the third central moment, so that all three are in the channel's unit. Every weight is
    1; the channels are L*, a* and b* for D65 (the paper's HSV has a hue that jumps at red). Two
    flat images that differ in lightness alone are as far apart as their L*.
    """
    import numpy as np

    current, accepted = map(_moments, pair.rgb)
    return float(np.abs(current - accepted).sum())


def _moments(image: Image.Image) -> npt.NDArray[np.float64]:
    """Return mean, standard deviation and cube root of the third moment of L*, a*, b*: 3 x 3."""
    import numpy as np
    from skimage.color import rgb2lab

    lab = rgb2lab(unit(image)).reshape(-1, 3).astype(np.float64)
    mean = lab.mean(axis=0)
    centred = lab - mean
    return np.stack([mean, lab.std(axis=0), np.cbrt((centred**3).mean(axis=0))])
