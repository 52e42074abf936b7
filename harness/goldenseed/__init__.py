"""Golden prompt/seed suites for text-to-image pipelines: the public API, loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from goldenseed.backends.protocol import (
        Element,
        Generation,
        GenerationError,
        Settings,
        record_stages,
    )
    from goldenseed.baselines.store import BaselineStore
    from goldenseed.content.scores import Scene, Score
    from goldenseed.core.errors import GoldenseedError
    from goldenseed.core.pixels import decode, pixels_sha256
    from goldenseed.images.compare import ImageComparison, Outcome, compare
    from goldenseed.images.measure import difference_image, measure, metric_map
    from goldenseed.images.metrics import Metric
    from goldenseed.images.pair import Pair
    from goldenseed.runs.folder import load_run
    from goldenseed.runs.record import CaseRecord, RunRecord
    from goldenseed.session.golden_image import GoldenImage
    from goldenseed.suite.cases import Case
    from goldenseed.suite.loading import load_suite
    from goldenseed.trace.stages import Stage
    from goldenseed.verdict.model import Reason, Verdict

__all__ = [
    "BaselineStore",
    "Case",
    "CaseRecord",
    "Element",
    "Generation",
    "GenerationError",
    "GoldenImage",
    "GoldenseedError",
    "ImageComparison",
    "Metric",
    "Outcome",
    "Pair",
    "Reason",
    "RunRecord",
    "Scene",
    "Score",
    "Settings",
    "Stage",
    "Verdict",
    "compare",
    "decode",
    "difference_image",
    "load_run",
    "load_suite",
    "measure",
    "metric_map",
    "pixels_sha256",
    "record_stages",
]

_HOMES = {
    "BaselineStore": "goldenseed.baselines.store",
    "Case": "goldenseed.suite.cases",
    "CaseRecord": "goldenseed.runs.record",
    "Element": "goldenseed.backends.protocol",
    "Generation": "goldenseed.backends.protocol",
    "GenerationError": "goldenseed.backends.protocol",
    "GoldenImage": "goldenseed.session.golden_image",
    "GoldenseedError": "goldenseed.core.errors",
    "ImageComparison": "goldenseed.images.compare",
    "Metric": "goldenseed.images.metrics",
    "Outcome": "goldenseed.images.compare",
    "Pair": "goldenseed.images.pair",
    "Scene": "goldenseed.content.scores",
    "Score": "goldenseed.content.scores",
    "Reason": "goldenseed.verdict.model",
    "RunRecord": "goldenseed.runs.record",
    "Settings": "goldenseed.backends.protocol",
    "Stage": "goldenseed.trace.stages",
    "Verdict": "goldenseed.verdict.model",
    "compare": "goldenseed.images.compare",
    "decode": "goldenseed.core.pixels",
    "difference_image": "goldenseed.images.measure",
    "load_run": "goldenseed.runs.folder",
    "load_suite": "goldenseed.suite.loading",
    "measure": "goldenseed.images.measure",
    "metric_map": "goldenseed.images.measure",
    "pixels_sha256": "goldenseed.core.pixels",
    "record_stages": "goldenseed.backends.protocol",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home: pytest loads this package at every start."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
