"""The metrics as data: names, ranges, directions and costs, and looking one up.

Free of numpy and Pillow: gates are checked at collection, long before anything is measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from goldenseed.core.offers import Offers


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A distance or likeness of two images, as gates and reports know it.

    It is plain data, and ``measure`` is only imported when the metric is computed; a package that
    offers one keeps it in a module that imports nothing heavy::

        # in pyproject.toml: [project.entry-points."goldenseed.metrics"]
        #                    edge_distance = "edges:EDGE_DISTANCE"
        EDGE_DISTANCE = goldenseed.Metric(
            name="edge_distance", worst=1, best=0, cost=20, measure="edges.sobel:edge_distance"
        )
    """

    name: str
    """Lower case; a distance ends in ``_distance`` or ``_difference``."""
    worst: float
    """The value at the greatest distance; may be infinite."""
    best: float
    """The value of equal images; may be infinite."""
    cost: float
    """Milliseconds for two RGB images of 1024 x 1024, roughly: the cheapest are computed first."""
    measure: str
    """``module:function``, which takes a ``Pair`` and returns a number, never NaN."""
    map: str = ""
    """``module:function``, which takes a ``Pair`` and returns where the metric sees what.

    An array of floats, height x width, each within the metric's range.
    """
    unit: str = ""
    """``levels`` of 255, ``bits``, ``dB``, or nothing for a plain number."""
    alpha: Literal["channel", "composited"] = "composited"
    """``channel``: alpha is one more channel of the pair that is measured. ``composited``: the
    images are measured on black and on white, and the greater distance counts."""
    mask: Literal["weighed", "blanked"] = "blanked"
    """``weighed``: the function leaves out what ``Pair.mask`` does not count. ``blanked``: it only
    meets those pixels set to one value in both images. They are so in every pair."""
    weights: str = ""
    """The file or folder in ``$GOLDENSEED_WEIGHTS`` that it needs; nothing is ever downloaded."""
    extra: str = ""
    """What ``measure`` needs besides the core dependencies: an extra of this package."""

    @property
    def higher_is_better(self) -> bool:
        """Whether a greater value means that the images are more alike."""
        return self.best > self.worst

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest value."""
        return min(self.worst, self.best), max(self.worst, self.best)

    @property
    def gate(self) -> str:
        """The gate on this metric: ``min_ssim``, ``max_phash_distance``."""
        return f"{'min' if self.higher_is_better else 'max'}_{self.name}"


_STATISTICS = "goldenseed.images.statistics"
_HASHES = "goldenseed.images.hashes"
_STRUCTURE = "goldenseed.images.ssim"
_PERCEIVED = "goldenseed.images.perceived"
_LEARNED = "goldenseed.images.learned"


def _of_samples(
    name: str, *, worst: float, best: float, cost: float, place: str, map_: str = "", unit: str = ""
) -> Metric:
    """Describe a metric that takes alpha as one more channel and leaves out what a mask does."""
    return Metric(
        name=name,
        worst=worst,
        best=best,
        cost=cost,
        measure=f"{place}:{name}",
        map=map_ and f"{place}:{map_}",
        unit=unit,
        alpha="channel",
        mask="weighed",
    )


def _of_hashes(name: str, *, cost: float, bits: int = 64) -> Metric:
    return Metric(
        name=name, worst=bits, best=0, cost=cost, measure=f"{_HASHES}:{name}", unit="bits"
    )


BUILT_IN = (
    _of_samples(
        "peak_difference",
        worst=255,
        best=0,
        cost=1.0,
        place=_STATISTICS,
        map_="peak_map",
        unit="levels",
    ),
    _of_samples("p99_difference", worst=255, best=0, cost=1.1, place=_STATISTICS, unit="levels"),
    _of_samples(
        "mean_difference",
        worst=255,
        best=0,
        cost=1.2,
        place=_STATISTICS,
        map_="mean_map",
        unit="levels",
    ),
    _of_samples("psnr", worst=0, best=math.inf, cost=1.3, place=_STATISTICS, unit="dB"),
    _of_samples("changed_fraction", worst=1, best=0, cost=1.4, place=_STATISTICS),
    _of_hashes("dhash_distance", cost=6),
    _of_hashes("average_hash_distance", cost=6.1),
    _of_hashes("phash_distance", cost=7),
    _of_hashes("colorhash_distance", cost=40, bits=42),
    _of_samples("ssim", worst=-1, best=1, cost=60, place=_STRUCTURE, map_="ssim_map"),
    _of_samples("ms_ssim", worst=0, best=1, cost=100, place=_STRUCTURE),
    _of_hashes("whash_distance", cost=150),
    Metric(
        name="saliency_ssim",
        worst=-1,
        best=1,
        cost=160,
        measure=f"{_PERCEIVED}:saliency_ssim",
        mask="weighed",
        extra="opencv",
    ),
    Metric(
        name="crop_resistant_distance",
        worst=1,
        best=0,
        cost=300,
        measure=f"{_HASHES}:crop_resistant_distance",
    ),
    Metric(
        name="lpips",
        worst=math.inf,
        best=0,
        cost=390,
        measure=f"{_LEARNED}:lpips",
        weights="lpips.safetensors",
        extra="learned",
    ),
    Metric(
        name="dists",
        worst=2,
        best=0,
        cost=410,
        measure=f"{_LEARNED}:dists",
        weights="dists.safetensors",
        extra="learned",
    ),
    Metric(
        name="colour_moments_distance",
        worst=math.inf,
        best=0,
        cost=470,
        measure=f"{_STATISTICS}:colour_moments_distance",
    ),
    Metric(
        name="clip_similarity",
        worst=-1,
        best=1,
        cost=600,
        measure=f"{_LEARNED}:clip_similarity",
        weights="clip",
        extra="learned",
    ),
    Metric(
        name="flip",
        worst=1,
        best=0,
        cost=1000,
        measure=f"{_PERCEIVED}:flip",
        map=f"{_PERCEIVED}:flip_map",
        extra="flip",
    ),
)
"""Every built-in metric, the cheapest first."""

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in BUILT_IN})

DEFAULT_METRICS = (
    "peak_difference",
    "p99_difference",
    "mean_difference",
    "changed_fraction",
    "psnr",
    "ssim",
    "phash_distance",
)
"""Measured for every image that is not identical, whatever the gates ask for."""


def _fault(metric: Metric) -> str:
    best, worst = metric.best, metric.worst
    if not all(isinstance(each, int | float) for each in (best, worst, metric.cost)):
        return f"has no numbers: best is {best!r}, worst {worst!r}, cost {metric.cost!r}"
    if math.isnan(best) or math.isnan(worst) or best == worst:
        return f"has no direction: best is {best}, worst is {worst}"
    return ""


OFFERS = Offers("goldenseed.metrics", "metric", Metric, METRICS, _fault)
"""The metrics there are: these, and those of other packages, entry points to a ``Metric`` each."""


def look_up(name: str) -> Metric:
    """Return what is known of a metric; raises GoldenseedError where there is none to be had."""
    return OFFERS.find(name)
