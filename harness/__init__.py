"""Golden prompt/seed suites for text-to-image pipelines: the public API, loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.baselines.store import BaselineStore
    from harness.comparison.compare import difference_image, measure, metric_map
    from harness.comparison.judging import compare
    from harness.comparison.metric import Metric
    from harness.comparison.pair import Pair
    from harness.comparison.result import ImageComparison, Outcome
    from harness.content.score import Scene, Score
    from harness.errors import GoldenseedError
    from harness.pixels import decode, pixels_sha256
    from harness.runs.folder import load_run
    from harness.runs.record import CaseRecord, RunRecord
    from harness.session.golden_image import GoldenImage
    from harness.suites.loading import load_suite
    from harness.verdict.model import Reason, Verdict

__all__ = [
    "BaselineStore",
    "CaseRecord",
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
    "Verdict",
    "compare",
    "decode",
    "difference_image",
    "load_run",
    "load_suite",
    "measure",
    "metric_map",
    "pixels_sha256",
]

_HOMES = {
    "BaselineStore": "harness.baselines.store",
    "CaseRecord": "harness.runs.record",
    "GoldenImage": "harness.session.golden_image",
    "GoldenseedError": "harness.errors",
    "ImageComparison": "harness.comparison.result",
    "Metric": "harness.comparison.metric",
    "Outcome": "harness.comparison.result",
    "Pair": "harness.comparison.pair",
    "Scene": "harness.content.score",
    "Score": "harness.content.score",
    "Reason": "harness.verdict.model",
    "RunRecord": "harness.runs.record",
    "Verdict": "harness.verdict.model",
    "compare": "harness.comparison.judging",
    "decode": "harness.pixels",
    "difference_image": "harness.comparison.compare",
    "load_run": "harness.runs.folder",
    "load_suite": "harness.suites.loading",
    "measure": "harness.comparison.compare",
    "metric_map": "harness.comparison.compare",
    "pixels_sha256": "harness.pixels",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home: pytest loads this package at every start."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
