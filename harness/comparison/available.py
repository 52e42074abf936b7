"""Whether what a metric needs is there: asked at collection, before minutes go into images."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType

from harness.comparison.metric import Metric
from harness.comparison.weights import weights_at
from harness.errors import GoldenseedError

MODULES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "flip": ("flip_evaluator",),
        "learned": ("safetensors", "torch", "transformers"),
        "opencv": ("cv2",),
    }
)
"""The modules of each extra, as they are imported."""


def check_available(metric: Metric) -> None:
    """Look for what ``metric`` needs; nothing is imported.

    Raises:
        GoldenseedError: its extra is not installed, or its weights are not there.

    """
    check_extra(f"the metric {metric.name!r}", metric.extra)
    if metric.weights:
        weights_at(metric.name, metric.weights)


def check_extra(what: str, extra: str) -> None:
    """Look for the modules of an extra of this package; "" and unknown extras need none.

    Raises:
        GoldenseedError: one of them is not installed.

    """
    missing = [module for module in MODULES.get(extra, ()) if find_spec(module) is None]
    if missing:
        raise GoldenseedError(
            f"{what} needs {missing[0]}, which is not installed",
            fix=f"pip install 'pytest-goldenseed[{extra}]'",
        )
