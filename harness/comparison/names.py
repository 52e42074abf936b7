"""What each metric is called, which way is better, the values it can take, and who computes it.

Free of numpy and Pillow: gates are checked at collection, long before anything is measured.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from harness.comparison.built_in import BUILT_IN
from harness.comparison.metric import Metric
from harness.errors import GoldenseedError

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
        return f"is a {type(found).__name__}, not a harness.Metric"
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
