"""From a metric's name to its value: imports what computes it, and trusts no result."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from numbers import Real
from typing import TYPE_CHECKING, Any

from harness.comparison.metric import Metric
from harness.comparison.names import METRICS
from harness.comparison.pair import Pair
from harness.errors import GoldenseedError

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
