"""From a metric's name to its value, and pictures that show people where two images differ."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops

from goldenseed.images.metrics import OFFERS, Metric, look_up
from goldenseed.images.pair import Pair

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def value_of(metric: Metric, pair: Pair) -> float:
    """Compute ``metric`` on ``pair``: its ``best`` value, uncomputed, where the pixels are equal.

    Raises GoldenseedError where its package is not installed, or another package's metric fails.
    """
    if pair.equal:
        return float(metric.best)
    values = [OFFERS.number(metric, each, *metric.range) for each in _seen_by(metric, pair)]
    return min(values) if metric.higher_is_better else max(values)


def _seen_by(metric: Metric, pair: Pair) -> tuple[Pair, ...]:
    return pair.composited if metric.alpha == "composited" else (pair,)


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
    equal in both images. With alpha, where the metric sees it composited, it is the map on black.

    Raises:
        ValueError: images or a mask of another size, or images of another mode.
        GoldenseedError: as ``measure``.
    """
    metric = look_up(name)
    if not metric.map:
        return None
    seen = _seen_by(metric, Pair.of(current, accepted, mask))[0]
    found: npt.NDArray[np.floating[Any]] = OFFERS.call(metric, metric.map, seen)
    return found


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
