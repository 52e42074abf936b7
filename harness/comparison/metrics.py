"""The metrics by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from harness.comparison import hashes, statistics, structure
from harness.comparison.pair import Pair


class Metric(Protocol):
    """A distance or likeness of two images: a pure function of their pixels.

    Its name, unit, range and direction stand in ``names.METRICS``; ``statistics.peak_difference``
    is an example.
    """

    def __call__(self, pair: Pair, /) -> float:
        """Measure; never NaN, and the metric's ``best`` value for equal images."""
        ...


def built_in_metrics() -> Mapping[str, Metric]:
    """Return every built-in metric under the name it has in ``names.METRICS``."""
    return MappingProxyType(
        {
            "peak_difference": statistics.peak_difference,
            "p99_difference": statistics.p99_difference,
            "mean_difference": statistics.mean_difference,
            "psnr": statistics.psnr,
            "changed_fraction": statistics.changed_fraction,
            "dhash_distance": hashes.dhash_distance,
            "average_hash_distance": hashes.average_hash_distance,
            "phash_distance": hashes.phash_distance,
            "colorhash_distance": hashes.colorhash_distance,
            "whash_distance": hashes.whash_distance,
            "ssim": structure.ssim,
        }
    )
