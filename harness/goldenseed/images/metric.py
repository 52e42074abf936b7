"""A metric as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
    def gate(self) -> str:
        """The gate on this metric: ``min_ssim``, ``max_phash_distance``."""
        return f"{'min' if self.higher_is_better else 'max'}_{self.name}"
