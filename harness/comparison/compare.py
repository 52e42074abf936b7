"""Measure two images, and show people where they differ."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops

from harness.comparison.metrics import map_of, value_of
from harness.comparison.names import look_up
from harness.comparison.pair import Pair

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

AMPLIFICATION = 8
"""How much brighter than they are the difference picture shows differences."""

FLOOR = 40
"""The level added to every difference that is not zero, so that one level shows on black."""


def measure(
    current: Image.Image,
    accepted: Image.Image,
    names: Iterable[str],
    *,
    mask: Image.Image | None = None,
) -> dict[str, float]:
    """Return the named metrics of two images, the cheapest first; no other is computed.

    A value may be infinite (PSNR of equal images), never NaN. ``mask`` is a grey image of the same
    size, 255 where a pixel counts and 0 where it does not (``masks.read_mask`` makes one).

    Raises:
        ValueError: images or a mask of another size, or images of another mode.
        GoldenseedError: an unknown metric, one that fails, or a mode that is not 8-bit L, LA, RGB
            or RGBA.

    """
    return measured(Pair.of(current, accepted, mask), names)


def measured(pair: Pair, names: Iterable[str]) -> dict[str, float]:
    """Return the named metrics of ``pair`` as ``measure`` does."""
    metrics = {metric.name: metric for metric in map(look_up, names)}
    ordered = sorted(metrics.values(), key=lambda metric: metric.cost)
    return {metric.name: value_of(metric, pair) for metric in ordered}


def metric_map(
    current: Image.Image,
    accepted: Image.Image,
    name: str,
    *,
    mask: Image.Image | None = None,
) -> npt.NDArray[np.floating[Any]] | None:
    """Return where a metric sees what, as floats, height x width, in the metric's range.

    None where the metric has no map: a perceptual hash, say. Pixels that ``mask`` leaves out are
    equal in both images.

    Raises:
        ValueError: images or a mask of another size, or images of another mode.
        GoldenseedError: as ``measure``.

    """
    return map_of(look_up(name), Pair.of(current, accepted, mask))


def difference_image(current: Image.Image, accepted: Image.Image) -> Image.Image:
    """Return where and how two images differ, as an RGB picture on black.

    A channel that differs by d > 0 levels is shown at ``min(255, FLOOR + AMPLIFICATION * d)``: one
    level is visible, 27 and more are full. Grey images and alpha differ in grey.

    Raises:
        ValueError: images of another size or mode.
        GoldenseedError: a mode that is not 8-bit L, LA, RGB or RGBA.

    """
    levels = [0, *(min(255, FLOOR + AMPLIFICATION * level) for level in range(1, 256))]
    shown = [band.point(levels) for band in Pair(current, accepted).bands]
    colours, alpha = (shown, []) if len(shown) % 2 else (shown[:-1], shown[-1:])
    if len(colours) == 1:
        colours = colours * 3
    return Image.merge("RGB", [reduce(ImageChops.lighter, alpha, colour) for colour in colours])
