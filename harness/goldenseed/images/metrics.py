"""The metrics: their names, ranges, directions and costs as data, and looking one up.

Free of numpy and Pillow: gates are checked at collection, long before anything is measured.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.metric import Metric

_STATISTICS = "goldenseed.images.statistics"
_HASHES = "goldenseed.images.hashes"
_STRUCTURE = "goldenseed.images.ssim"

BUILT_IN = (
    Metric(
        name="peak_difference",
        unit="levels",
        worst=255,
        best=0,
        cost=1.0,
        measure=f"{_STATISTICS}:peak_difference",
        map=f"{_STATISTICS}:peak_map",
        alpha="channel",
        mask="weighed",
    ),
    Metric(
        name="p99_difference",
        unit="levels",
        worst=255,
        best=0,
        cost=1.1,
        measure=f"{_STATISTICS}:p99_difference",
        alpha="channel",
        mask="weighed",
    ),
    Metric(
        name="mean_difference",
        unit="levels",
        worst=255,
        best=0,
        cost=1.2,
        measure=f"{_STATISTICS}:mean_difference",
        map=f"{_STATISTICS}:mean_map",
        alpha="channel",
        mask="weighed",
    ),
    Metric(
        name="psnr",
        unit="dB",
        worst=0,
        best=math.inf,
        cost=1.3,
        measure=f"{_STATISTICS}:psnr",
        alpha="channel",
        mask="weighed",
    ),
    Metric(
        name="changed_fraction",
        worst=1,
        best=0,
        cost=1.4,
        measure=f"{_STATISTICS}:changed_fraction",
        alpha="channel",
        mask="weighed",
    ),
    Metric(
        name="dhash_distance",
        unit="bits",
        worst=64,
        best=0,
        cost=6,
        measure=f"{_HASHES}:dhash_distance",
    ),
    Metric(
        name="average_hash_distance",
        unit="bits",
        worst=64,
        best=0,
        cost=6.1,
        measure=f"{_HASHES}:average_hash_distance",
    ),
    Metric(
        name="phash_distance",
        unit="bits",
        worst=64,
        best=0,
        cost=7,
        measure=f"{_HASHES}:phash_distance",
    ),
    Metric(
        name="colorhash_distance",
        unit="bits",
        worst=42,
        best=0,
        cost=40,
        measure=f"{_HASHES}:colorhash_distance",
    ),
    Metric(
        name="ssim",
        worst=-1,
        best=1,
        cost=60,
        measure=f"{_STRUCTURE}:ssim",
        map=f"{_STRUCTURE}:ssim_map",
        alpha="channel",
        mask="weighed",
    ),
    Metric(
        name="whash_distance",
        unit="bits",
        worst=64,
        best=0,
        cost=150,
        measure=f"{_HASHES}:whash_distance",
    ),
    Metric(
        name="ms_ssim",
        worst=0,
        best=1,
        cost=100,
        measure="goldenseed.images.ssim:ms_ssim",
        alpha="channel",
        mask="weighed",
    ),
    Metric(
        name="crop_resistant_distance",
        worst=1,
        best=0,
        cost=300,
        measure="goldenseed.images.hashes:crop_resistant_distance",
    ),
    Metric(
        name="colour_moments_distance",
        worst=math.inf,
        best=0,
        cost=470,
        measure="goldenseed.images.statistics:colour_moments_distance",
    ),
    Metric(
        name="saliency_ssim",
        worst=-1,
        best=1,
        cost=160,
        measure="goldenseed.images.perceived:saliency_ssim",
        mask="weighed",
        extra="opencv",
    ),
    Metric(
        name="flip",
        worst=1,
        best=0,
        cost=1000,
        measure="goldenseed.images.perceived:flip",
        map="goldenseed.images.perceived:flip_map",
        extra="flip",
    ),
    Metric(
        name="lpips",
        worst=math.inf,
        best=0,
        cost=390,
        measure="goldenseed.images.learned:lpips",
        weights="lpips.safetensors",
        extra="learned",
    ),
    Metric(
        name="dists",
        worst=2,
        best=0,
        cost=410,
        measure="goldenseed.images.learned:dists",
        weights="dists.safetensors",
        extra="learned",
    ),
    Metric(
        name="clip_similarity",
        worst=-1,
        best=1,
        cost=600,
        measure="goldenseed.images.learned:clip_similarity",
        weights="clip",
        extra="learned",
    ),
)
"""Every built-in metric; in no order."""


GROUP = "goldenseed.metrics"
"""The entry points through which other packages offer metrics; each names a ``Metric``."""


METRICS = MappingProxyType(
    {metric.name: metric for metric in sorted(BUILT_IN, key=lambda metric: metric.cost)}
)
"""Every built-in metric, the cheapest first."""

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

_TELLING = 3
"""The fewest letters that say which name was meant."""


def look_up(name: str) -> Metric:
    """Return what is known of the metric ``name``, built in or offered by another package.

    Raises:
        GoldenseedError: there is no such metric (the message names the nearest ones), or what is
            offered under that name cannot be loaded or is no ``Metric``.

    """
    if name in METRICS:
        return METRICS[name]
    found = offered().get(name)
    if found is None:
        raise GoldenseedError(f"there is no metric {name!r}", fix=advice(name, METRICS))
    return _loaded(found)


def offered() -> dict[str, EntryPoint]:
    """Return the entry points of metrics in other packages by name; none is loaded."""
    return {each.name: each for each in entry_points(group=GROUP) if each.name not in METRICS}


def origin(entry: EntryPoint) -> str:
    """Name an entry point and its package for a message."""
    package = f" of {entry.dist.name} {entry.dist.version}" if entry.dist else ""
    return f"the metric {entry.name!r}{package} ({entry.value})"


def _loaded(entry: EntryPoint) -> Metric:
    try:
        found = entry.load()
    except Exception as error:  # other people's code, raising what it likes
        raise GoldenseedError(
            f"{origin(entry)} cannot be loaded: {type(error).__name__}: {error}",
            fix="repair or remove that package",
        ) from error
    problem = _fault(found, entry.name)
    if problem:
        raise GoldenseedError(f"{origin(entry)} {problem}", fix="repair or remove that package")
    assert isinstance(found, Metric)  # noqa: S101 - what _fault looked at first
    return found


def _fault(found: object, name: str) -> str:
    if not isinstance(found, Metric):
        return f"is a {type(found).__name__}, not a goldenseed.Metric"
    if found.name != name:
        return f"calls itself {found.name!r}"
    if math.isnan(found.best) or math.isnan(found.worst) or found.best == found.worst:
        return f"has no direction: best is {found.best}, worst is {found.worst}"
    return ""


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
