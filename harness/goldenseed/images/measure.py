"""From a metric's name to its value, and pictures that show people where two images differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import reduce
from importlib import import_module
from numbers import Real
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.metric import Metric
from goldenseed.images.metrics import METRICS, look_up
from goldenseed.images.pair import Pair

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def value_of(metric: Metric, pair: Pair) -> float:
    """Compute ``metric`` on ``pair``: its ``best`` value, uncomputed, where the pixels are equal.

    Raises:
        GoldenseedError: what computes the metric is not installed, or, from another package, it
            raised or returned no number.

    """
    if pair.equal:
        return float(metric.best)
    measure = _imported(metric, metric.measure)
    values = [_number(metric, _guarded(metric, measure, each)) for each in _seen_by(metric, pair)]
    return min(values) if metric.higher_is_better else max(values)


def map_of(metric: Metric, pair: Pair) -> npt.NDArray[np.floating[Any]] | None:
    """Return where ``metric`` sees what, as floats, height x width; None if it has no map.

    Of images with alpha that the metric sees composited, it is the map on black.

    Raises:
        GoldenseedError: as ``value_of``.

    """
    if not metric.map:
        return None
    found: npt.NDArray[np.floating[Any]] = _guarded(
        metric, _imported(metric, metric.map), _seen_by(metric, pair)[0]
    )
    return found


def _seen_by(metric: Metric, pair: Pair) -> tuple[Pair, ...]:
    return pair.composited if metric.alpha == "composited" else (pair,)


def _imported(metric: Metric, place: str) -> Callable[[Pair], Any]:
    module, _, function = place.partition(":")
    try:
        found: Callable[[Pair], Any] = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        if metric.name in METRICS and not metric.extra:
            raise
        raise _missing(metric, error) from error
    return found


def _guarded(metric: Metric, function: Callable[[Pair], Any], pair: Pair) -> Any:
    """Call ``function``; what another package raises becomes an error that names its metric."""
    try:
        return function(pair)
    except (GoldenseedError, MemoryError):
        raise
    except ImportError as error:
        raise _missing(metric, error) from error
    except Exception as error:
        if metric.name in METRICS:
            raise
        raise GoldenseedError(
            f"the metric {metric.name!r} ({metric.measure}) failed: "
            f"{type(error).__name__}: {error}",
            fix="repair or remove the package that offers it, or do not ask for this metric",
        ) from error


def _missing(metric: Metric, error: Exception) -> GoldenseedError:
    fix = f"pip install 'pytest-goldenseed[{metric.extra}]'" if metric.extra else None
    return GoldenseedError(
        f"the metric {metric.name!r} ({metric.measure}) cannot be imported: {error}",
        fix=fix or "repair or remove the package that offers it",
    )


def _number(metric: Metric, value: object) -> float:
    """Return ``value`` as a float, if it is a number that the metric can have."""
    if isinstance(value, bool) or not isinstance(value, Real) or math.isnan(value):
        raise GoldenseedError(
            f"the metric {metric.name!r} ({metric.measure}) returned {value!r}, which is no number",
            fix="repair what computes it, or do not ask for this metric",
        )
    return float(value)


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
