"""Measure two images, and show people where they differ."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from PIL import Image, ImageChops

from harness.comparison.metrics import built_in_metrics
from harness.comparison.names import METRICS, look_up
from harness.comparison.pair import Pair

AMPLIFICATION = 8
"""How much brighter than they are the difference picture shows differences."""

FLOOR = 40
"""The level added to every difference that is not zero, so that one level shows on black."""


def measure(current: Image.Image, accepted: Image.Image, names: Iterable[str]) -> dict[str, float]:
    """Return the named metrics of two images, the cheapest first; no other is computed.

    A value may be infinite (PSNR of equal images), never NaN.

    Raises:
        ValueError: images of another size or mode.
        GoldenseedError: an unknown metric, or a mode that is not 8-bit L, LA, RGB or RGBA.

    """
    wanted = {look_up(name).name for name in names}
    pair = Pair(current, accepted)
    metrics = built_in_metrics()
    return {name: metrics[name](pair) for name in METRICS if name in wanted}


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
