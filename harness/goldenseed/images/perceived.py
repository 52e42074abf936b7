"""How different two images look to an eye: weighed by where it looks, and flipped between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.pair import Pair, unit
from goldenseed.images.ssim import ssim_map
from goldenseed.images.weights import opencv

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Weights = npt.NDArray[np.float64]


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
    cv2 = opencv("saliency", "its contrib modules, which bring saliency")
    method = cv2.saliency.StaticSaliencyFineGrained_create()
    return np.asarray(method.computeSaliency(rows)[1], dtype=np.float64)


def flip(pair: Pair) -> float:
    """Return the mean of NVIDIA's FLIP for standard range, 0…1, 0 for equal images.

    Andersson et al., "FLIP: A Difference Evaluator for Alternating Images" (HPG 2020), by their
    own ``flip-evaluator`` at its default distance of 67 pixels a degree: a monitor 0.7 m wide with
    3840 pixels, seen from 0.7 m.

    Raises:
        ImportError: the extra ``flip`` is not installed.
        GoldenseedError: the evaluator gives up.
    """
    return float(_evaluated(pair)[1])


def flip_map(pair: Pair) -> npt.NDArray[np.float32]:
    """Return FLIP's error around each pixel, height x width, 0…1.

    Raises:
        ImportError, GoldenseedError: as ``flip``.
    """
    found: npt.NDArray[np.float32] = _evaluated(pair)[0][..., 0]
    return found


def _evaluated(pair: Pair) -> tuple[npt.NDArray[np.float32], float]:
    from flip_evaluator import evaluate

    current, accepted = map(unit, pair.rgb)
    try:
        map_, mean, _ = evaluate(accepted, current, "LDR", applyMagma=False)
    except SystemExit as exit_:  # what the evaluator does where others raise
        raise GoldenseedError(
            f"flip-evaluator gave up with exit status {exit_.code}",
            fix="its message stands above; judge these images by another metric",
        ) from exit_
    return map_, mean
