"""SSIM over OpenCV's filters: the values of scikit-image to 1e-6, in a tenth of the time or less.

With u = x + y and v = x - y, four filters do where the textbook has five::

    2 X Y   = (U² - V²) / 2        2 cov(x, y)   = (var u - var v) / 2
    X² + Y² = (U² + V²) / 2        var x + var y = (var u + var v) / 2

where X, Y, U and V are x, y, u and v under the Gaussian window and var u = E[u²] - U². Equal
images have v = 0, so that what rounding does to u falls out of the quotient. The filters run in
float32 on values shifted to the middle of their tile's range, and in float64 where that is not good
enough: see ``_precise``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples = npt.NDArray[np.uint8]
    Values = npt.NDArray[np.floating[Any]]

REACH = 5
"""Half of the window: sigma 1.5, cut at 3.5 sigma."""

_SIGMA = 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

_TILE = 64 * 1024
"""Pixels in a tile: its arrays stay in a core's second cache."""

_SAME_LEVEL = 0.02
_SAME_AS_NEIGHBOUR = 0.3
"""Shares of a tile's samples from which on it counts as drawn: one level, no step to the right."""


@dataclass(frozen=True, slots=True)
class Tile:
    """The similarity of a part of one channel; around all tiles of a channel it is 1."""

    channel: int
    top: int
    left: int
    similarity: Values
    """Height x width, -1…1."""


def opencv() -> ModuleType | None:
    """Return OpenCV if it is installed and whole; several wheels overwrite each other's files."""
    try:
        import cv2
    except ImportError:
        return None
    found: ModuleType = cv2
    return found if hasattr(cv2, "sepFilter2D") and hasattr(cv2, "addWeighted") else None


def tiles(cv2: ModuleType, current: Samples, accepted: Samples) -> Iterator[Tile]:
    """Yield the similarity wherever the images differ, up to ``REACH`` pixels from their edges.

    Both images are uint8, height x width x channels, both sides at least 2 * REACH + 1.
    """
    height, width, _ = current.shape
    planes = zip(cv2.split(current), cv2.split(accepted), strict=True)
    rows = max(2 * REACH, _TILE // width)
    for channel, (x, y) in enumerate(planes):
        for top in range(REACH, height - REACH, rows):
            band = slice(top - REACH, min(top + rows, height - REACH) + REACH)
            columns = _changed(cv2, x[band], y[band])
            if columns is not None:
                parts = x[band, columns], y[band, columns]
                similarity = _similarity(cv2, *parts)
                yield Tile(channel, top, columns.start + REACH, similarity)


def _changed(cv2: ModuleType, x: Samples, y: Samples) -> slice | None:
    """Return the columns whose windows meet a difference, with ``REACH`` more on each side."""
    import numpy as np

    differs = np.flatnonzero(cv2.reduce(cv2.absdiff(x, y), 0, cv2.REDUCE_MAX))
    if not differs.size:
        return None
    width = x.shape[1]
    left = max(0, min(int(differs[0]) - 2 * REACH, width - 2 * REACH - 1))
    right = min(width, max(int(differs[-1]) + 2 * REACH, 2 * REACH) + 1)
    return slice(left, right)


def _precise(cv2: ModuleType, x: Samples, y: Samples) -> bool:
    """Whether float32 might be off by more than 1e-6 in the mean.

    It rounds each pixel by up to 3e-5: at random in photographs, where that averages out below
    3e-7, but not where flat areas, ramps or patterns repeat the same few samples, and with them
    the same rounding. What differs by one level is too little for either to matter.
    """
    one_level = cv2.norm(x, y, cv2.NORM_INF) <= 1
    return not one_level and _drawn(cv2, x) and _drawn(cv2, y)


def _drawn(cv2: ModuleType, x: Samples) -> bool:
    most = cv2.calcHist([x], [0], None, [256], [0, 256]).max()
    steps = cv2.countNonZero(cv2.absdiff(x[:, 1:], x[:, :-1]))
    return bool(most > _SAME_LEVEL * x.size or x.size - steps > _SAME_AS_NEIGHBOUR * x.size)


def _similarity(cv2: ModuleType, x: Samples, y: Samples) -> Values:
    """Return the SSIM of all pixels but those within ``REACH`` of the edges."""
    depth = cv2.CV_64F if _precise(cv2, x, y) else cv2.CV_32F
    kernel = cv2.getGaussianKernel(2 * REACH + 1, _SIGMA, depth)
    u, v = cv2.add(x, y, dtype=depth), cv2.subtract(x, y, dtype=depth)
    u_mean_square, u_variance = _moments(cv2, u, kernel)
    v_mean_square, v_variance = _moments(cv2, v, kernel)
    weigh = cv2.addWeighted
    value = weigh(u_mean_square, 0.5, v_mean_square, -0.5, _C1)
    likeness = weigh(u_variance, 0.5, v_variance, -0.5, _C2)
    cv2.multiply(value, likeness, value)
    size = weigh(u_mean_square, 0.5, v_mean_square, 0.5, _C1)
    spread = weigh(u_variance, 0.5, v_variance, 0.5, _C2)
    cv2.multiply(size, spread, size)
    found: Values = cv2.divide(value, size, value)[:, REACH:-REACH]
    return found


def _moments(cv2: ModuleType, samples: Values, kernel: Values) -> tuple[Values, Values]:
    """Return the squared mean and the variance of the windows; overwrites ``samples``."""
    low, high, _, _ = cv2.minMaxLoc(samples)
    middle = float(round((low + high) / 2))  # of -samples it is -middle: the order plays no part
    cv2.subtract(samples, middle, samples)
    inner = slice(REACH, -REACH)
    mean = cv2.sepFilter2D(samples, -1, kernel, kernel)[inner]
    cv2.multiply(samples, samples, samples)
    square = cv2.sepFilter2D(samples, -1, kernel, kernel)[inner]
    variance = cv2.subtract(square, cv2.multiply(mean, mean))
    cv2.add(mean, middle, mean)
    return cv2.multiply(mean, mean, mean), variance
