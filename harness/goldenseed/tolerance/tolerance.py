"""How far an image may move by rounding alone: assumed, or as a calibration measured it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from goldenseed.environment.profile import PORTABLE
from goldenseed.tolerance.measures import HALF_PRECISION
from goldenseed.tolerance.mixtures import EPS
from goldenseed.tolerance.rounding import THROUGH_VAE, TraceMeasure, decoder_limit, latents_limit

DECODED, LATENTS = "decoded_distance", "latents_distance"

_LEVELS = 255
_HALF = 0.5
"""The root mean square of a picture's values, about, where white is 1."""
PEAK = 4.5
"""The largest of 100,000 normal numbers, in standard deviations."""
_CHANNELS = 3
_STEPS = 50
"""As many steps as are usual at most, for images whose number of steps nothing tells."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What rounding explains: limits on metrics of the pixels, and on what traces measure."""

    limits: Mapping[str, float]
    """Metric of two images → the largest value that rounding explains, without traces."""
    source: str
    """Where the limits come from: ``tolerance (float32, not measured)``."""
    dtype: str = "unknown"
    """The one the image was computed in, as torch names it: sets the scale along a trace."""
    uses_traces: bool = False
    """Whether a trace can explain anything; not where no difference is allowed."""
    measured: Mapping[str, float] | None = None
    """Limits on what traces measure, where a calibration measured them; None where none did."""
    note: str | None = None

    def refined(self, measures: Sequence[TraceMeasure]) -> tuple[TraceMeasure, ...]:
        """Hold what traces measure against the measured limits where there are any."""
        known = dict(self.measured or {})
        if DECODED in known and LATENTS not in known:  # they never moved while it was measured
            moved = (each.value for each in measures if each.metric == LATENTS)
            known[DECODED] += THROUGH_VAE * max((m for m in moved if math.isfinite(m)), default=0.0)
        return tuple(
            replace(each, limit=max(known[each.metric], _never_below(each)))
            if each.metric in known and each.detail is None
            else each
            for each in measures
        )

    def pixel_limits(self, measures: Sequence[TraceMeasure] | None) -> Mapping[str, float]:
        """Return the limits on the pixels; what was measured along the trace may widen them.

        In float32 by the one level that rounding to 8 bits makes of a tiny difference, in as many
        pixels as what the decoder's output may be off makes of them (``changed_share``). In half
        precision the errors of a picture are no normal numbers: where it has an edge, a shift of it
        by part of a pixel moves single pixels by any number of levels. Whatever their distribution,
        the mean of their sizes is at most their root mean square, and that at most the decoder's
        relative one, for no value is above white. Latents that rounding does not explain widen
        nothing: what follows from them is no rounding.
        Where traces decide, a calibration makes the limits on pixels no narrower than assumed.
        """
        if measures is None or not self.uses_traces:
            return self.limits
        if self.measured is not None:
            assumed = assumed_tolerance(self.dtype).limits
            return {
                name: max(limit, assumed.get(name, limit)) for name, limit in self.limits.items()
            }
        spread = decoder_limit(self.dtype, 0.0)
        if all(each.explained for each in measures):
            decoded = (each.limit for each in measures if each.metric == DECODED)
            spread = next(decoded, spread)
        if self.dtype in HALF_PRECISION:
            return {**self.limits, "mean_difference": spread * _LEVELS}
        share = max(changed_share(spread), self.limits.get("changed_fraction", 0.0))
        peak = 1.0 + math.floor(PEAK * spread * _HALF * _LEVELS)
        return {**self.limits, "changed_fraction": share, "peak_difference": peak}

    def of_tensors(self) -> Tolerance:
        """Return what rounding explains of a tensor that a pipeline returned, by the same bounds.

        That is as far as a decoder may be off after as many steps; where no difference of the
        pixels is allowed, none is.
        """
        limits = {}
        if self.uses_traces and self.dtype in EPS:
            limit = decoder_limit(self.dtype, latents_limit(self.dtype, _STEPS))
            limits = {"relative_distance": limit}
        return replace(self, limits=limits, measured=None, uses_traces=False)

    def explains(
        self, metrics: Mapping[str, float], measures: Sequence[TraceMeasure] | None = None
    ) -> bool:
        """Whether pixels and, where traces were compared, all measures stay within the limits."""
        limits = self.pixel_limits(measures)
        pixels = bool(limits) and all(metrics[name] <= limit for name, limit in limits.items())
        return pixels and all(measure.explained for measure in measures or ())


def _never_below(measure: TraceMeasure) -> float:
    """Return what a measured limit is at least: that of what the steps share, which varies."""
    return measure.limit if measure.metric == "coherence" else 0.0


def assumed_tolerance(dtype: str, profile: str | None = None) -> Tolerance:
    """Return the tolerance assumed for ``dtype`` (torch's name) where none was measured.

    Of the pixels alone: one level of 255 in float32 and float64, in few of them. Threads,
    instruction set, batch size and memory format each moved the pixels of four models by at most
    one level, the one that ``(x * 255).round()`` turns a tiny float change into, and at most one
    pixel in 600 (``docs/drift-benchmark.md``); ``changed_by_rounding`` says how many may.

    For float16 and bfloat16 no such bound is known without traces: nothing is assumed, and every
    difference is beyond the tolerance. So it is, traces or not, in the profile ``portable``, whose
    pixels rounding cannot move, and in dtypes whose rounding is not known.
    """
    if profile == PORTABLE:
        return Tolerance(limits={}, source="tolerance (portable, none)", dtype=dtype)
    limits = (
        {"peak_difference": 1.0, "changed_fraction": changed_by_rounding(dtype)}
        if dtype in {"float32", "float64"}
        else {}
    )
    return Tolerance(
        limits=limits,
        source=f"tolerance ({dtype}, not measured)",
        dtype=dtype,
        uses_traces=dtype in EPS,
    )


def changed_by_rounding(dtype: str) -> float:
    """Return the share of pixels that rounding may move over the edge between two levels, 0…1.

    After 50 steps (``goldenseed.tolerance.rounding``). In float32 that is 1.7 %.
    """
    return changed_share(decoder_limit(dtype, latents_limit(dtype, _STEPS)))


def changed_share(spread: float) -> float:
    """Return the share of pixels that move where a picture is off by ``spread``, relative, 0…1.

    A value that is off by d levels, d far below 1, lands on the other side of an edge with
    probability d, wherever the edges lie; of normal errors the mean of d is ``sqrt(2 / pi)`` of
    their standard deviation. A pixel has three channels. Rounded up to three decimals.
    """
    levels = spread * _HALF * _LEVELS
    return min(1.0, math.ceil(1000 * _CHANNELS * math.sqrt(2 / math.pi) * levels) / 1000)
