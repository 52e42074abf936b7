"""Structural similarity, at one scale and at several: the same bits, whatever is installed.

It is separable filters in NumPy's float64: sums, products and quotients of single numbers in one
fixed order, which IEEE 754 rounds the same everywhere. An image is worked through in tiles that
stay in a core's second cache, and tiles in which the images are equal are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from goldenseed.images.pair import Pair
from goldenseed.images.ssim_window import BELL, C1, C2, REACH, WINDOW

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples = npt.NDArray[np.uint8]
    Plane = npt.NDArray[np.float64]
    Place = tuple[slice, slice]

_INNER = (slice(REACH, -REACH), slice(REACH, -REACH))
_ROWS, _COLUMNS = 32, 768
"""A tile, in samples; its arrays are six times 0.3 MB."""

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""How much each scale of MS-SSIM counts, the finest first: Wang et al. 2003, section 4."""


def ssim(pair: Pair) -> float:
    """Return the mean structural similarity over pixels and channels, -1…1, 1 for equal images.

    As Wang et al. define it (IEEE Transactions on Image Processing 13(4), 2004): Gaussian weights
    with sigma 1.5, population covariance, 255 levels. It is scikit-image's
    ``structural_similarity``, which leaves out a border of half a window, to 1e-12.

    In an image with a side below ``WINDOW`` nothing would be left. There the weights stay, mirrored
    at the edges, and the border shrinks to half the largest odd window that fits.

    With a mask, the mean is over the pixels that count; the border is left out only if some of them
    lie inside it.
    """
    shorter = min(pair.current.size)
    if pair.weights is None and shorter >= WINDOW:
        height, width, channels = pair.arrays[0].shape
        lost = sum(float(part.sum()) for _, part in _lost(*pair.arrays))
        windows = channels * (height - 2 * REACH) * (width - 2 * REACH)
        return float(1 - lost / windows)
    similarity = ssim_map(pair)
    border = (min(WINDOW, shorter) - 1) // 2
    inner = slice(border, -border or None)
    if pair.weights is None:
        return float(similarity[inner, inner].mean())
    counted = similarity[inner, inner][pair.weights[inner, inner]]
    return float((counted if counted.size else similarity[pair.weights]).mean())


def ssim_map(pair: Pair) -> Plane:
    """Return the structural similarity around each pixel, the mean of its channels, -1…1.

    Beyond the edges the images are mirrored, the outermost pixel included.
    """
    import numpy as np

    edge = ((REACH, REACH), (REACH, REACH), (0, 0))
    height, width, channels = pair.arrays[0].shape
    similarity = np.ones((height, width * channels))
    for place, lost in _lost(*(np.pad(each, edge, mode="symmetric") for each in pair.arrays)):
        similarity[place] -= lost
    found: Plane = similarity.reshape(height, width, channels).mean(axis=-1)
    return found


def _lost(current: Samples, accepted: Samples) -> Iterator[tuple[Place, Plane]]:
    """Yield 1 - SSIM wherever two images, height x width x channels, differ: see ``_tiles``."""
    import numpy as np

    height, _, channels = current.shape
    x, y = (np.ascontiguousarray(each).reshape(height, -1) for each in (current, accepted))
    compiled = _compiled()
    buffers = _buffers(channels)
    for place, covered in _tiles(x, y, step=channels):
        lost = np.empty([part.stop - part.start for part in place])
        if compiled:
            compiled(x[covered], y[covered], channels, lost)
        else:
            luminance, size, structure, spread = _terms(x[covered], y[covered], channels, buffers)
            similarity = np.multiply(luminance, structure, out=luminance)
            np.divide(similarity, np.multiply(size, spread, out=size), out=similarity)
            np.subtract(1, similarity, out=lost)
        yield place, lost


def _compiled() -> Callable[..., None] | None:
    """Return the same arithmetic, compiled, if Numba is installed: it gives the same bits."""
    try:
        from goldenseed.images.ssim_compiled import lost
    except ImportError:
        return None
    return cast("Callable[..., None]", lost)


def _buffers(step: int) -> Plane:
    """Make room for the ``_terms`` of a tile."""
    import numpy as np

    return np.empty((6, (_ROWS + 2 * REACH) * (_COLUMNS + 2 * REACH * step)))


def _tiles(x: Samples | Plane, y: Samples | Plane, *, step: int) -> Iterator[tuple[Place, Place]]:
    """Yield where two images differ, tile by tile: the windows, and all that these cover.

    Samples of one channel are ``step`` apart in a row. Windows are counted from the first that lies
    wholly inside the image.
    """
    import numpy as np

    below, beside = 2 * REACH, 2 * REACH * step
    rows, columns = x.shape[0] - below, x.shape[1] - beside
    for left in range(0, columns, _COLUMNS):
        for top in range(0, rows, _ROWS):
            bottom, right = min(top + _ROWS, rows), min(left + _COLUMNS, columns)
            covered = slice(top, bottom + below), slice(left, right + beside)
            if not np.array_equal(x[covered], y[covered]):
                yield (slice(top, bottom), slice(left, right)), covered


def _terms(
    x: Samples | Plane, y: Samples | Plane, step: int, buffers: Plane
) -> tuple[Plane, Plane, Plane, Plane]:
    """Return numerator and denominator of SSIM's luminance, and of its contrast and structure.

    Each for every window that lies wholly inside ``x`` and ``y``, whose samples of one channel are
    ``step`` apart. The filters run over rows laid end to end, where a window that begins in one row
    and ends in the next makes a number without meaning, which the final view leaves out.
    """
    import numpy as np

    height, width = x.shape
    a, b, products, squares, scratch, half_done = (each[: x.size] for each in buffers)
    a.reshape(x.shape)[...] = x
    b.reshape(x.shape)[...] = y
    np.multiply(a, b, out=products)
    np.multiply(a, a, out=squares)
    np.multiply(b, b, out=scratch)
    squares += scratch
    for field in (a, b, products, squares):
        _filter(_filter(field, width, half_done, scratch), step, field, scratch)
    inside = (height - 2 * REACH, width - 2 * REACH * step)
    strides = (x.shape[1] * 8, 8)
    a, b, products, squares, scratch = (
        np.lib.stride_tricks.as_strided(each, inside, strides)
        for each in (a, b, products, squares, scratch)
    )
    np.multiply(a, b, out=scratch)
    np.add(np.multiply(a, a, out=a), np.multiply(b, b, out=b), out=a)
    products -= scratch
    squares -= a
    scratch *= 2
    scratch += C1
    products *= 2
    products += C2
    a += C1
    squares += C2
    return scratch, a, products, squares


def _filter(field: Plane, step: int, out: Plane, scratch: Plane) -> Plane:
    """Write the sums of eleven numbers, ``step`` apart, by their weights; returns that part."""
    import numpy as np

    size = field.size - 2 * REACH * step
    parts = [field[each * step : each * step + size] for each in range(WINDOW)]
    out, pair = out[:size], scratch[:size]
    np.multiply(parts[REACH], BELL[0], out=out)
    for distance in range(1, REACH + 1):
        np.add(parts[REACH - distance], parts[REACH + distance], out=pair)
        pair *= BELL[distance]
        out += pair
    return out


def ms_ssim(pair: Pair) -> float:
    """Return the multi-scale structural similarity, 0…1, 1 for equal images.

    Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment"
    (Asilomar 2003): contrast and structure at five scales, luminance at the coarsest, each the
    mean over what a Gaussian window of 11 pixels (sigma 1.5) covers wholly, to the power of its
    weight; a negative mean counts as 0. Each scale halves the one before by the mean of 2 x 2
    pixels, an odd edge repeated. The value is the mean over the channels, alpha included.

    Five scales need a shorter side of 161 pixels. A smaller image has as many as leave 11 pixels
    at the coarsest, their weights raised to the sum of all five; with a single one it is ``ssim``.
    A mask is halved with the images: a pixel counts as much as what it was made of.
    """
    scales = _scales(min(pair.current.size))
    if scales == 1:
        return max(0.0, ssim(pair))
    current, accepted = pair.arrays
    weights = _weights(pair, scales)
    channels = range(current.shape[-1])
    values = [_of_channel(current[..., each], accepted[..., each], weights) for each in channels]
    return sum(values) / len(values)


def _scales(side: int) -> int:
    """Return how many scales an image with this shorter side has, 1…5."""
    scales = 1
    while scales < len(SCALES) and (side := (side + 1) // 2) >= WINDOW:
        scales += 1
    return scales


def _weights(pair: Pair, scales: int) -> list[Plane | None]:
    """Return how much each position counts, scale by scale; None where all count the same."""
    if pair.weights is None:
        return [None] * scales
    planes = [pair.weights.astype("float64")]
    while len(planes) < scales:
        planes.append(_halved(planes[-1]))
    inner = [plane[_INNER] for plane in planes]
    return [plane if plane.any() else None for plane in inner]


def _of_channel(current: Samples, accepted: Samples, weights: list[Plane | None]) -> float:
    a, b = current.astype("float64"), accepted.astype("float64")
    used, buffers = SCALES[: len(weights)], _buffers(1)
    product = 1.0
    for scale, counted in enumerate(weights):
        if scale:
            a, b = _halved(a), _halved(b)
        total = (a.shape[0] - 2 * REACH) * (a.shape[1] - 2 * REACH)
        lost = 0.0
        for place, covered in _tiles(a, b, step=1):
            luminance, size, structure, spread = _terms(a[covered], b[covered], 1, buffers)
            similarity = structure / spread
            if scale == len(weights) - 1:
                similarity *= luminance / size
            lost += float(
                (1 - similarity if counted is None else (1 - similarity) * counted[place]).sum()
            )
        mean = 1 - lost / (total if counted is None else float(counted.sum()))
        product *= max(0.0, mean) ** (used[scale] * sum(SCALES) / sum(used))
    return min(1.0, product)


def _halved(plane: Plane) -> Plane:
    import numpy as np

    height, width = plane.shape
    even = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
