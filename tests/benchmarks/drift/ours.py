"""Our own rules: the pixels alone, the trace, calibrated and not, and portable mode."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from pairs import LabelledPair, Made
from rules import Rule

from harness.baselines.measured_noise import Pattern
from harness.calibration.crossings import Picture, float_error
from harness.calibration.summary import FLOAT_ERROR, PIXEL_METRICS, Seen, Summary, summarise
from harness.comparison.trace_distances import aligned, either, same, stage_distance
from harness.generation.stages import Stage
from harness.pixels import pixels_sha256
from harness.verdict.noise import Noise, unmeasured_noise
from harness.verdict.rounding import TraceMeasure, trace_measures

CALIBRATED_WITH = (
    "the same again in a fresh process",
    "2 threads",
    "AVX2",
    "lowest instruction set",
    "channels last",
)
"""The harmless changes a calibration is told of; the rules are scored on the others."""
_NOISE = unmeasured_noise("float32")


@cache
def _measures(pair: LabelledPair) -> tuple[TraceMeasure, ...]:
    return trace_measures(pair.plain.trace, pair.made.trace, "float32")


def unmeasured_rules() -> list[Rule]:
    """Return the rules by which float32 images are judged where nothing was measured."""
    return [
        Rule("ours, pixels only", "pixels", _beyond_pixels, "ours"),
        Rule("ours, with the trace", "trace", _beyond_trace, "ours"),
    ]


def calibrated_rules(found: Sequence[LabelledPair]) -> list[Rule]:
    """Return the same, calibrated case by case on the pairs of ``CALIBRATED_WITH``."""
    seen: dict[tuple[str, int], list[LabelledPair]] = {}
    for pair in found:
        if pair.change.name in CALIBRATED_WITH:
            seen.setdefault(pair.case, []).append(pair)
    calibrated = {case: _calibration(pairs) for case, pairs in seen.items()}

    def beyond_measured_pixels(pair: LabelledPair) -> bool:
        return _beyond_calibration(pair, calibrated, traced=False)

    def beyond_measured_trace(pair: LabelledPair) -> bool:
        return _beyond_calibration(pair, calibrated, traced=True)

    return [
        Rule("ours, pixels only, calibrated", "pixels", beyond_measured_pixels, "ours"),
        Rule("ours, with the trace, calibrated", "trace", beyond_measured_trace, "ours"),
    ]


def _beyond_pixels(pair: LabelledPair) -> bool:
    return not pair.identical and not _NOISE.explains(pair.metrics)


def _beyond_trace(pair: LabelledPair) -> bool:
    """Whether the verdict would be worse than ``match``.

    An image whose pixels are equal is ``identical`` without a look at its trace.
    """
    return not pair.identical and not _NOISE.explains(pair.metrics, _measures(pair))


def _calibration(seen: Sequence[LabelledPair]) -> tuple[Summary, frozenset[str]]:
    """Summarise what ``goldenseed calibrate`` would see of one case; and the accepted images."""
    plain = seen[0].plain
    found = [_seen(plain, dict.fromkeys(PIXEL_METRICS, 0.0))]
    for pair in seen:
        along = {each.metric: each.value for each in _measures(pair) if each.detail is None}
        error = float_error(plain.trace, pair.made.trace) or 0.0
        pixels = {name: pair.metrics[name] for name in PIXEL_METRICS}
        measured = {**pixels, **along, FLOAT_ERROR: error}
        found.append(_seen(pair.made, measured))
    height, width, channels = plain.array.shape
    summary = summarise(found, Picture(height * width, channels), _NOISE.limits)
    return summary, frozenset((found[0].pixels, *summary.modes))


def _seen(made: Made, measured: Mapping[str, float]) -> Seen:
    return Seen(pixels_sha256(made.image), tuple(each.sha256 for each in made.trace), measured)


def _beyond_calibration(
    pair: LabelledPair,
    calibrated: Mapping[tuple[str, int], tuple[Summary, frozenset[str]]],
    *,
    traced: bool,
) -> bool:
    summary, accepted = calibrated[pair.case]
    if pixels_sha256(pair.made.image) in accepted:
        return False
    if summary.pattern is not Pattern.ENVELOPE:
        return True
    pixels = {name: limit for name, limit in summary.limits.items() if name in PIXEL_METRICS}
    along = {name: limit for name, limit in summary.limits.items() if name not in PIXEL_METRICS}
    noise = Noise(pixels, "calibrated", "float32", uses_traces=True, measured=along)
    measures = noise.refined(_measures(pair)) if traced else None
    return not noise.explains(pair.metrics, measures)


def portable_rules() -> list[Rule]:
    """Return the rules in portable mode, where the harmless changes nothing."""
    return [
        Rule("equal pixels", "pixels", lambda pair: not pair.identical, "ours"),
        Rule("equal up to the pixels, to 1e-12", "trace", _beyond_float64, "ours"),
    ]


def _beyond_float64(pair: LabelledPair) -> bool:
    """Whether any stage moved by more than float64's rounding, which moves no pixel.

    The float image is left out: a file's round trip rounds it to levels and leaves the pixels.
    """
    distances = (
        0.0 if same(each) else stage_distance(each).distance
        for each in aligned(pair.plain.trace, pair.made.trace)
        if either(each).stage is not Stage.FLOAT_IMAGE
    )
    return any(distance is None or distance > 1e-12 for distance in distances)


def share_of_noise(pair: LabelledPair) -> float:
    """Return how near a pair comes to what rounding explains: above 1 is beyond it.

    The greatest share of a limit among all that is held against one, of the trace and the pixels.
    """
    if pair.identical:
        return 0.0
    measures = _measures(pair)
    shares = [each.value / each.limit if each.limit else math.inf for each in measures]
    limits = _NOISE.pixel_limits(measures)
    return max([*shares, *(pair.metrics[name] / limit for name, limit in limits.items())])


def least_rounding(pair: LabelledPair) -> float:
    """Return the least error of the float picture, in levels, that explains the changed levels.

    Of values that are off by e levels, e far below 1, a share of ``|e|`` lands on the other side of
    an edge: a Poisson count. What explains it is the lower end of its confidence interval
    (F. Garwood, Biometrika 28, 1936) at three standard deviations. Being two levels apart takes an
    error of one.
    """
    from scipy.stats import chi2, norm

    moved = int(np.count_nonzero(pair.plain.array != pair.made.array))
    if not moved:
        return 0.0
    expected = chi2.ppf(norm.sf(3), 2 * moved) / 2
    return max(float(expected) / pair.plain.array.size, pair.metrics["peak_difference"] - 1)


def trace_distance(pair: LabelledPair) -> float | None:
    """Return the relative distance of the pictures before they become levels, or of the latents.

    The greater of the two; None where neither can be told.
    """
    stages = (Stage.LATENTS_BEFORE_VAE, Stage.FLOAT_IMAGE)
    found = (stage_distance(each) for each in aligned(pair.plain.trace, pair.made.trace))
    return max(
        (each.distance for each in found if each.stage in stages and each.distance is not None),
        default=None,
    )
