"""What each metric is called, which way is better, and the values it can take.

Free of numpy and Pillow: gates are checked at collection, long before anything is measured.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from harness.errors import GoldenseedError


@dataclass(frozen=True)
class MetricName:
    """A metric as gates and reports know it."""

    name: str
    unit: str
    """``levels`` of 255, ``bits``, ``dB``, or nothing for a plain number."""
    worst: float
    """The value at the greatest distance."""
    best: float
    """The value of equal images."""

    @property
    def higher_is_better(self) -> bool:
        """Whether a greater value means that the images are more alike."""
        return self.best > self.worst

    @property
    def gate(self) -> str:
        """The gate on this metric: ``min_ssim``, ``max_phash_distance``."""
        return f"{'min' if self.higher_is_better else 'max'}_{self.name}"


METRICS = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            MetricName("peak_difference", "levels", worst=255, best=0),
            MetricName("p99_difference", "levels", worst=255, best=0),
            MetricName("mean_difference", "levels", worst=255, best=0),
            MetricName("psnr", "dB", worst=0, best=math.inf),
            MetricName("changed_fraction", "", worst=1, best=0),
            MetricName("dhash_distance", "bits", worst=64, best=0),
            MetricName("average_hash_distance", "bits", worst=64, best=0),
            MetricName("phash_distance", "bits", worst=64, best=0),
            MetricName("colorhash_distance", "bits", worst=42, best=0),
            MetricName("whash_distance", "bits", worst=64, best=0),
            MetricName("ssim", "", worst=-1, best=1),
        )
    }
)
"""Every built-in metric, the cheapest first."""


_TELLING = 3
"""The fewest letters that say which name was meant."""


def look_up(name: str) -> MetricName:
    """Return what is known of the metric ``name``.

    Raises:
        GoldenseedError: there is no such metric; the message names the nearest ones.

    """
    if name not in METRICS:
        raise GoldenseedError(f"there is no metric {name!r}", fix=advice(name, METRICS))
    return METRICS[name]


def advice(name: str, known: Iterable[str]) -> str:
    """Say which of the ``known`` names was probably meant by ``name``; all of them if none is near.

    A name that only differs by hyphens, case or a part left out or added counts as near.
    """
    names = sorted(known)
    plain = name.lower().replace("-", "_")
    tells = len(plain) >= _TELLING
    near = [each for each in names if tells and (plain in each or each in plain)]
    near += [each for each in difflib.get_close_matches(plain, names, n=3) if each not in near]
    return f"did you mean {', '.join(near)}?" if near else f"use one of {', '.join(names)}"
