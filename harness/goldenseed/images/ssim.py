"""Structural similarity."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from goldenseed.images.fast_structure import REACH, opencv, tiles
from goldenseed.images.pair import Pair

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WINDOW = 2 * REACH + 1
"""The side of SSIM's Gaussian window in pixels: sigma 1.5, cut at 3.5 sigma."""


def ssim(pair: Pair) -> float:
    """Return the mean structural similarity over pixels and channels, -1…1, 1 for equal images.

    As Wang et al. define it (IEEE Transactions on Image Processing 13(4), 2004): Gaussian weights
    with sigma 1.5, population covariance, 255 levels. It is scikit-image's
    ``structural_similarity``, which leaves out a border of half a window, to 1e-6; Numba's code
    computes it where Numba is installed, or else OpenCV.

    In an image with a side below ``WINDOW`` nothing would be left. There the weights stay, mirrored
    at the edges, and the border shrinks to half the largest odd window that fits.

    With a mask, the mean is over the pixels that count; the border is left out only if some of them
    lie inside it.
    """
    if pair.weights is None and min(pair.current.size) >= WINDOW:
        if (lost_similarity := _compiled()) is not None:
            return _compiled_mean(lost_similarity, pair)
        if (cv2 := opencv()) is not None:
            return _mean_of_tiles(cv2, pair)
    similarity = ssim_map(pair)
    border = _window(pair) // 2
    inner = slice(border, -border or None)
    if pair.weights is None:
        return float(similarity[inner, inner].mean(dtype="float64"))
    counted = similarity[inner, inner][pair.weights[inner, inner]]
    return float((counted if counted.size else similarity[pair.weights]).mean(dtype="float64"))


def ssim_map(pair: Pair) -> npt.NDArray[np.floating[Any]]:
    """Return the structural similarity around each pixel, the mean of its channels, -1…1."""
    cv2 = opencv()
    if cv2 is not None and min(pair.current.size) >= WINDOW:
        return _map_of_tiles(cv2, pair)
    from skimage.metrics import structural_similarity

    _, similarity = structural_similarity(
        *pair.arrays,
        win_size=_window(pair),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=-1,
        full=True,
    )
    found: npt.NDArray[np.floating[Any]] = similarity.mean(axis=-1)
    return found


def _compiled() -> Callable[..., float] | None:
    """Return the function that Numba compiled, if Numba is installed."""
    try:
        from goldenseed.images.compiled_structure import lost_similarity
    except ImportError:
        return None
    return cast("Callable[..., float]", lost_similarity)


def _compiled_mean(lost_similarity: Callable[..., float], pair: Pair) -> float:
    height, _, channels = pair.arrays[0].shape
    lost = lost_similarity(*(array.reshape(height, -1) for array in pair.arrays), channels)
    return 1 - lost / _judged(pair)


def _mean_of_tiles(cv2: ModuleType, pair: Pair) -> float:
    lost = 0.0
    for tile in tiles(cv2, *pair.arrays):
        lost += tile.similarity.size - float(tile.similarity.sum(dtype="float64"))
    return float(1 - lost / _judged(pair))


def _judged(pair: Pair) -> int:
    """Return how many samples lie further than ``REACH`` pixels from the edges."""
    width, height = pair.current.size
    return len(pair.current.getbands()) * (height - 2 * REACH) * (width - 2 * REACH)


def _map_of_tiles(cv2: ModuleType, pair: Pair) -> npt.NDArray[np.floating[Any]]:
    import numpy as np

    edge = ((REACH, REACH), (REACH, REACH), (0, 0))
    padded = [np.pad(array, edge, mode="symmetric") for array in pair.arrays]
    height, width, channels = pair.arrays[0].shape
    similarity = np.ones((height, width))
    for tile in tiles(cv2, *padded):
        rows, columns = tile.similarity.shape
        top, left = tile.top - REACH, tile.left - REACH
        similarity[top : top + rows, left : left + columns] -= (1 - tile.similarity) / channels
    return similarity


def _window(pair: Pair) -> int:
    side = min(WINDOW, *pair.current.size)
    return side - 1 + side % 2
