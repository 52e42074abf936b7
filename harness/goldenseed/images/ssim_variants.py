"""Structural similarity at several scales, and where people look."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from PIL import Image

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.fast_structure import opencv
from goldenseed.images.pair import Pair
from goldenseed.images.ssim import WINDOW, ssim, ssim_map

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Plane = npt.NDArray[np.float64]
    import numpy as np
    import numpy.typing as npt

    Weights = npt.NDArray[np.floating[Any]]


WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""How much each scale counts, the finest first: Wang et al. 2003, section 4."""

_SIGMA = 1.5
_BORDER = WINDOW // 2
_INNER = (slice(_BORDER, -_BORDER), slice(_BORDER, -_BORDER))
_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2


def ms_ssim(pair: Pair) -> float:
    """Return the multi-scale structural similarity, 0…1, 1 for equal images.

    Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment"
    (Asilomar 2003): contrast and structure at five scales, luminance at the coarsest, each the
    mean over what a Gaussian window of 11 pixels (sigma 1.5) covers wholly, to the power of its
    weight; a negative mean counts as 0. Each scale halves the one before by the mean of 2 x 2
    pixels, an odd edge repeated. The value is the mean over the channels, alpha included. OpenCV
    computes it where it is installed, with the same result.

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
    while scales < len(WEIGHTS) and (side := (side + 1) // 2) >= WINDOW:
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


def _of_channel(
    current: npt.NDArray[np.uint8], accepted: npt.NDArray[np.uint8], weights: list[Plane | None]
) -> float:
    import numpy as np

    a, b = current.astype("float64"), accepted.astype("float64")
    used = WEIGHTS[: len(weights)]
    exponents = [weight * sum(WEIGHTS) / sum(used) for weight in used]
    product = 1.0
    for scale, exponent in enumerate(exponents):
        if scale:
            a, b = _halved(a), _halved(b)
        luminance, structure = _terms(a, b)
        is_coarsest = scale == len(weights) - 1
        similarity = luminance * structure if is_coarsest else structure
        mean = float(np.average(similarity, weights=weights[scale]))
        product *= max(0.0, mean) ** exponent
    return min(1.0, product)


def _halved(plane: Plane) -> Plane:
    import numpy as np

    height, width = plane.shape
    even = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def _terms(a: Plane, b: Plane) -> tuple[Plane, Plane]:
    """Return SSIM's luminance and its contrast times structure, where the window fits."""
    mean_a, mean_b = _smooth(a), _smooth(b)
    variance_a = _smooth(a * a) - mean_a * mean_a
    variance_b = _smooth(b * b) - mean_b * mean_b
    covariance = _smooth(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a * mean_a + mean_b * mean_b + _C1)
    return luminance, (2 * covariance + _C2) / (variance_a + variance_b + _C2)


def _smooth(plane: Plane) -> Plane:
    cv2 = opencv()
    if cv2 is None:
        from scipy.ndimage import gaussian_filter

        smoothed: Plane = gaussian_filter(plane, _SIGMA, radius=_BORDER)
    else:
        window = cv2.getGaussianKernel(WINDOW, _SIGMA)
        smoothed = cv2.sepFilter2D(plane, -1, window, window)
    return smoothed[_INNER]


def saliency_ssim(pair: Pair) -> float:
    """Return SSIM weighted by where people look, -1…1, 1 for equal images.

    The weights are the saliency of the accepted image, so the order of the two matters:
    ``saliency`` has the map, ``weighted_ssim`` the formula.

    Raises:
        GoldenseedError: OpenCV's contrib modules are not installed.

    """
    return weighted_ssim(pair, saliency(pair.rgb[1]))


def weighted_ssim(pair: Pair, weights: Weights) -> float:
    """Return the mean of SSIM's map, each pixel by its weight, -1…1, 1 for equal images.

    ``weights`` are height x width and not negative. Pixels outside the pair's mask do not count;
    if nothing that counts has any weight, all that counts weighs the same.

    Raises:
        ValueError: weights of another size, negative or not finite.

    """
    import numpy as np

    size = (pair.current.height, pair.current.width)
    if weights.shape != size or not np.isfinite(weights).all() or weights.min() < 0:
        raise ValueError(f"weights must be finite, not negative and {size[0]} x {size[1]}")
    counted = np.ones(size) if pair.weights is None else pair.weights.astype(float)
    weighed = weights * counted
    used = weighed if weighed.any() else counted
    return float((ssim_map(pair) * used).sum(dtype=float) / used.sum(dtype=float))


def saliency(image: Image.Image) -> Weights:
    """Return how much each pixel of an RGB image draws the eye, height x width, 0…1.

    The fine-grained static saliency of OpenCV's contrib modules: differences in brightness between
    centre and surround at several scales (Montabone and Soto, "Human detection using a mobile
    platform and novel features derived from a visual saliency mechanism", Image and Vision
    Computing 28(3), 2010). Nothing is salient in a flat image.

    Raises:
        GoldenseedError: OpenCV's contrib modules are not installed.

    """
    import numpy as np

    rows = np.ascontiguousarray(np.asarray(image)[..., ::-1])
    method = _opencv().saliency.StaticSaliencyFineGrained_create()
    return np.asarray(method.computeSaliency(rows)[1], dtype=np.float64)


def _opencv() -> ModuleType:
    import cv2

    if not hasattr(cv2, "saliency"):
        raise GoldenseedError(
            "the installed OpenCV was built without its contrib modules, which bring saliency",
            fix="pip uninstall opencv-python opencv-python-headless, "
            "then pip install 'pytest-goldenseed[opencv]'",
        )
    return cv2
