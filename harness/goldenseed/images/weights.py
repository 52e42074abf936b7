"""Whether what a metric needs is there: packages, and weights in a folder of the user's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.reading import check_regular
from goldenseed.images.metrics import OFFERS, Metric

if TYPE_CHECKING:
    import torch


VARIABLE = "GOLDENSEED_WEIGHTS"


def weights_at(metric: str, name: str) -> Path:
    """Return where ``name`` lies, a file or folder; raises GoldenseedError where it does not."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        raise GoldenseedError(
            f"the metric {metric!r} needs weights, which goldenseed neither brings nor downloads",
            fix=f"set {VARIABLE} to a folder that holds {name}: see docs/metrics.md",
        )
    place = Path(folder) / name
    if not place.exists():
        raise GoldenseedError(
            f"does not exist, and the metric {metric!r} needs it",
            path=place,
            fix=f"put the weights there, or set {VARIABLE} to the folder that holds them",
        )
    return place


def read_tensors(file: Path, names: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """Read tensors by name from a safetensors file, as float32; the last two files are kept."""
    check_regular(file)
    tensors = _read(file, file.stat().st_mtime_ns)
    missing = [name for name in names if name not in tensors]
    if missing:
        raise GoldenseedError(
            f"has no tensor {missing[0]!r}",
            path=file,
            fix="save the state dict of the metric's own package: see docs/metrics.md",
        )
    return {name: tensors[name].float() for name in names}


@lru_cache(maxsize=2)
def _read(file: Path, _changed: int) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, torch.Tensor] = load_file(file)
    except (SafetensorError, OSError) as error:
        raise GoldenseedError(
            f"is no readable safetensors file: {error}",
            path=file,
            fix="save it with safetensors.torch.save_file: see docs/metrics.md",
        ) from error
    return tensors


MODULES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "flip": ("flip_evaluator",),
        "learned": ("safetensors", "torch", "transformers"),
        "opencv": ("cv2",),
    }
)


def opencv(part: str, described: str) -> ModuleType:
    """Import OpenCV; raises GoldenseedError where it was built without ``part``."""
    import cv2

    if not hasattr(cv2, part):
        raise GoldenseedError(
            f"the installed OpenCV was built without {described}",
            fix="pip uninstall opencv-python opencv-python-headless, "
            "then pip install 'pytest-goldenseed[opencv]'",
        )
    return cv2


def check_available(metric: Metric) -> None:
    """Raise GoldenseedError where what ``metric`` needs is missing: extra, weights or function."""
    check_extra(f"the metric {metric.name!r}", metric.extra)
    if OFFERS.is_foreign(metric):
        OFFERS.function(metric, metric.measure)
    if metric.weights:
        weights_at(metric.name, metric.weights)


def check_extra(what: str, extra: str) -> None:
    """Raise GoldenseedError where a module of an extra of this package is not installed."""
    missing = [module for module in MODULES.get(extra, ()) if find_spec(module) is None]
    if missing:
        raise GoldenseedError(
            f"{what} needs {missing[0]}, which is not installed",
            fix=f"pip install 'pytest-goldenseed[{extra}]'",
        )
