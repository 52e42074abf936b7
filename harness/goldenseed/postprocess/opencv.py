"""Steps that OpenCV computes: resize and sharpen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.suite.postprocess import StepSpec

_FILTERS: Final = {
    "nearest": "INTER_NEAREST",
    "bilinear": "INTER_LINEAR",
    "bicubic": "INTER_CUBIC",
    "area": "INTER_AREA",
    "lanczos": "INTER_LANCZOS4",
}


def resized(image: Image, step: StepSpec) -> Image:
    """Make the picture another size by ``cv2.resize``."""
    import cv2

    given: Mapping[str, Any] = step.described
    size = (given["width"], given["height"])
    interpolation = getattr(cv2, _FILTERS[given["filter"]])
    return _picture(cv2.resize(_array(image), size, interpolation=interpolation))


def sharpened(image: Image, step: StepSpec) -> Image:
    """Filter by ``cv2.filter2D``, or add the difference to a ``cv2.GaussianBlur``.

    Of both the border is OpenCV's default, mirrored without its last pixel.
    """
    import cv2
    import numpy as np

    given: Mapping[str, Any] = step.described
    array = _array(image)
    if "kernel" in given:
        return _picture(cv2.filter2D(array, -1, np.array(given["kernel"], np.float64)))
    amount = given["percent"] / 100
    blurred = cv2.GaussianBlur(array, (0, 0), given["radius"])
    return _picture(cv2.addWeighted(array, 1 + amount, blurred, -amount, 0))


def _array(image: Image) -> Any:
    import numpy as np

    return np.asarray(image)


def _picture(array: Any) -> Image:
    from PIL import Image

    return Image.fromarray(array)


OPENCV: Final[Mapping[str, Callable[[Image, StepSpec], Image]]] = MappingProxyType(
    {"resize": resized, "sharpen": sharpened}
)
"""What makes another picture of one, by a step's kind."""
