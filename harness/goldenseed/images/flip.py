"""FLIP: how different two images look when one flips between them on a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.pair import Pair

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LEVELS = 255


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

    current, accepted = map(_unit, pair.rgb)
    try:
        map_, mean, _ = evaluate(accepted, current, "LDR", applyMagma=False)
    except SystemExit as exit_:  # what the evaluator does where others raise
        raise GoldenseedError(
            f"flip-evaluator gave up with exit status {exit_.code}",
            fix="its message stands above; judge these images by another metric",
        ) from exit_
    return map_, mean


def _unit(image: Image.Image) -> npt.NDArray[np.float32]:
    import numpy as np

    return np.asarray(image, dtype=np.float32) / np.float32(_LEVELS)
