"""Our rules calibrated, as ``goldenseed calibrate`` and the verdict do it, expiry and all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from ours import NOISE, measures_of, other_weights
from pairs import LabelledPair, Made
from rules import Rule

from goldenseed.baselines.entry import MeasuredTolerance
from goldenseed.core.files import json_sha256
from goldenseed.core.pixels import pixels_sha256
from goldenseed.environment.fingerprint import Value
from goldenseed.environment.profile import profile_slug
from goldenseed.tolerance.calibrated import Calibration
from goldenseed.tolerance.tolerance import Tolerance
from goldenseed.tools.calibration.summary import (
    FLOAT_ERROR,
    PIXEL_METRICS,
    Picture,
    Seen,
    float_error,
    summarise,
)

CALIBRATED_WITH = (
    "the same again in a fresh process",
    "2 threads",
    "AVX2",
    "lowest instruction set",
    "channels last",
)
"""The harmless changes a calibration is told of; the rules are scored on the others."""
_RECIPE = "0" * 64
"""All images of a case are held to have one recipe: what changed was changed underneath."""


@dataclass(frozen=True)
class Calibrated:
    """What was measured of one case."""

    found: MeasuredTolerance
    profile: str
    accepted: frozenset[str]
    """The digests of the accepted pixels: the plain image's and those of all modes."""
    environments: Mapping[str, Mapping[str, Value]]
    """Where the images were made, by digest, as it was inside the pipeline's call."""

    def noise(self, made: Made) -> Tolerance:
        """Return the noise by which the verdict judges an image.

        That is what was measured, unless the profile is another or something numeric changed.
        """
        if profile_slug(made.environment) != self.profile:
            return NOISE
        return self._noise(_inside(made))

    def lasting(self) -> Tolerance:
        """Return what was measured, as if it never expired."""
        return self._noise(self.environments[self.found.environment_sha256])

    def _noise(self, present: Mapping[str, Value]) -> Tolerance:
        calibration = Calibration.read(self.found, self.environments.__getitem__)
        return calibration.tolerance(present, NOISE)


def calibrated_rules(found: Sequence[LabelledPair]) -> list[Rule]:
    """Return our rules, calibrated case by case on the pairs of ``CALIBRATED_WITH``."""
    known = calibrations(found)

    def as_it_is(pair: LabelledPair, *, traced: bool) -> bool:
        noise = known[pair.case].noise(pair.made)
        if not traced:
            noise = _without_traces(pair, noise)
        return _beyond(pair, known[pair.case].accepted, noise, traced=traced)

    def lasting(pair: LabelledPair, *, traced: bool) -> bool:
        case = known[pair.case]
        return _beyond(pair, case.accepted, case.lasting(), traced=traced)

    return [
        Rule(
            "ours, without the trace, calibrated",
            "pixels, weights",
            partial(as_it_is, traced=False),
            "ours",
        ),
        Rule("ours, with the trace, calibrated", "trace", partial(as_it_is, traced=True), "ours"),
        Rule("pixels only, never expiring", "pixels", partial(lasting, traced=False), "ours"),
        Rule("with the trace, never expiring", "trace", partial(lasting, traced=True), "ours"),
    ]


def print_expired(found: Sequence[LabelledPair], judged: Sequence[LabelledPair]) -> None:
    """Print for which changes the calibrations no longer hold, and of how many pairs."""
    known = calibrations(found)
    ended = [
        pair for pair in judged if known[pair.case].noise(pair.made) != known[pair.case].lasting()
    ]
    for name, count in Counter(pair.change.name for pair in ended).items():
        whole = sum(pair.change.name == name for pair in judged)
        print(f"<!-- the calibration does not hold: {name}, {count} of {whole} -->")


def calibrations(found: Sequence[LabelledPair]) -> Mapping[tuple[str, int], Calibrated]:
    """Calibrate every case."""
    seen: dict[tuple[str, int], list[LabelledPair]] = {}
    for pair in found:
        if pair.change.name in CALIBRATED_WITH:
            seen.setdefault(pair.case, []).append(pair)
    return {case: _calibrated(each) for case, each in seen.items()}


def _calibrated(seen: Sequence[LabelledPair]) -> Calibrated:
    """Return what ``goldenseed calibrate`` would keep of one case whose plain image is accepted."""
    plain = seen[0].plain
    images = [_seen(plain, dict.fromkeys(PIXEL_METRICS, 0.0)), *(map(_seen_against_plain, seen))]
    height, width, channels = plain.array.shape
    summary = summarise(images, Picture(height * width, channels), NOISE.limits)
    inside = [_inside(each) for each in (plain, *(pair.made for pair in seen))]
    environments = {json_sha256(dict(each)): each for each in inside}
    unchanged, *harmless = environments
    noise = MeasuredTolerance(
        pattern=summary.pattern,
        images=len(images),
        limits=dict(summary.limits),
        recipe_sha256=_RECIPE,
        environment_sha256=unchanged,
        harmless_environments=tuple(harmless),
        measured_at=datetime.now(UTC),
        measured_by="the benchmark",
    )
    accepted = frozenset((images[0].pixels, *summary.modes))
    return Calibrated(noise, profile_slug(plain.environment), accepted, environments)


def _seen_against_plain(pair: LabelledPair) -> Seen:
    along = {each.metric: each.value for each in measures_of(pair) if each.detail is None}
    error = float_error(pair.plain.trace, pair.made.trace)
    moved = {} if error is None else {FLOAT_ERROR: error}
    pixels = {name: pair.metrics[name] for name in PIXEL_METRICS}
    return _seen(pair.made, {**pixels, **along, **moved})


def _seen(made: Made, measured: Mapping[str, float]) -> Seen:
    return Seen(pixels_sha256(made.image), tuple(each.sha256 for each in made.trace), measured)


def _inside(made: Made) -> Mapping[str, Value]:
    """Return where an image was made, as it was inside the pipeline's call."""
    return {**made.environment, **made.in_force}


def _beyond(
    pair: LabelledPair, accepted: frozenset[str], noise: Tolerance, *, traced: bool
) -> bool:
    """Whether the verdict would be worse than ``match``."""
    if pixels_sha256(pair.made.image) in accepted:
        return False
    along = traced and noise.uses_traces
    return not noise.explains(pair.metrics, noise.refined(measures_of(pair)) if along else None)


def _without_traces(pair: LabelledPair, noise: Tolerance) -> Tolerance:
    """Return the noise by which the verdict judges where no traces tell."""
    return replace(noise, limits={}) if other_weights(pair) else noise
