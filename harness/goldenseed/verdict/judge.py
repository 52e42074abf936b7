"""The verdict: one image against what is accepted for its case, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldenseed.baselines.entry import AcceptedImage, BaselineEntry, ProfileBaseline
from goldenseed.core.errors import GoldenseedError
from goldenseed.images.gates import check, parse_gate
from goldenseed.images.metrics import DEFAULT_METRICS
from goldenseed.suite.cases import Limit
from goldenseed.tolerance.exact import REPLACED
from goldenseed.tolerance.rounding import TraceMeasure, trace_measures, up_to_the_decoder
from goldenseed.tolerance.tolerance import Noise
from goldenseed.trace.stages import Trace
from goldenseed.verdict.model import Reason, Subject, Verdict
from goldenseed.verdict.reasons import noise_reasons, obstacles

if TYPE_CHECKING:
    from PIL.Image import Image


def without_traces(_accepted: AcceptedImage) -> None:
    """Say that there are no traces to compare."""


def same_weights(_accepted: AcceptedImage) -> tuple[str, ...]:
    """Say that no weights are known to have changed."""
    return ()


def without_exact(_baseline: ProfileBaseline) -> tuple[TraceMeasure, ...]:
    """Say that no exact image is kept."""
    return ()


def not_measured(_baseline: ProfileBaseline, noise: Noise) -> Noise:
    """Return the noise assumed where nothing was measured."""
    return noise


@dataclass(frozen=True, slots=True)
class Tools:
    """How the verdict gets at pixels and traces; nothing is called unless they are compared."""

    load_image: Callable[[str], Image]
    """Decodes an accepted image by its pixel digest; ``GoldenseedError`` if it cannot be read."""
    measure: Callable[[Image, Image, tuple[str, ...]], dict[str, float]]
    """Returns the named metrics of (subject, accepted), which have one size and mode."""
    load_traces: Callable[[AcceptedImage], tuple[Trace, Trace] | None] = without_traces
    """Reads the traces of (accepted, subject); None if one of them has none.

    ``GoldenseedError`` if one cannot be read.
    """
    measured_noise: Callable[[ProfileBaseline, Noise], Noise] = not_measured
    """Returns what was measured in the subject's own profile, else the noise it is given."""
    changed_weights: Callable[[AcceptedImage], tuple[str, ...]] = same_weights
    """Names the components whose weights are not those of the accepted image.

    Asked where no traces tell. ``GoldenseedError`` if where that was made cannot be read.
    """
    exact_measures: Callable[[ProfileBaseline], tuple[TraceMeasure, ...]] = without_exact
    """Holds the subject against the exact image that is kept for it, along their traces.

    ``GoldenseedError`` if that cannot be read.
    """


@dataclass(frozen=True, slots=True)
class Measured:
    """The accepted image a subject was held against, and the distance to it."""

    profile: str
    accepted: AcceptedImage
    image: Image | None
    """The decoded accepted image, or None where its pixels were not needed."""
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its reasons and what it rests on."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    against: Measured | None = None

    @property
    def metrics(self) -> Mapping[str, float]:
        """The measured metrics; empty where nothing was compared."""
        return self.against.metrics if self.against else {}


def judge(
    subject: Subject,
    entry: BaselineEntry | None,
    *,
    chain: tuple[str, ...],
    limits: Mapping[str, Limit],
    noise: Noise,
    tools: Tools,
) -> Judgement:
    """Return the verdict on ``subject``; the first that applies, in ``Verdict``'s order.

    One exception: where nothing is accepted, rejected pixels are ``rejected``, not ``new``, so that
    ``--golden-update=missing`` never takes them back.

    ``chain`` lists the profiles whose baselines may be used, most specific first.

    Raises ``GoldenseedError`` where an accepted image cannot be read.
    """
    rejection = _rejection(entry, subject.pixels_sha256)
    found = _usable(entry, chain)
    if found is None:
        if rejection:
            return Judgement(Verdict.REJECTED, (rejection,))
        return Judgement(Verdict.NEW, (_no_baseline(entry, chain),))
    profile, baseline = found
    fallback = _fallback_reasons(profile, subject.profile)

    comparable = [a for a in baseline.accepted if not obstacles(subject, a)]
    if not comparable:
        return _incomparable(subject, profile, baseline.accepted, fallback, tools)
    if rejection:
        return Judgement(Verdict.REJECTED, (rejection, *fallback))
    for accepted in comparable:
        if accepted.pixels_sha256 == subject.pixels_sha256:
            identical = Reason(code="identical", source="baseline")
            return Judgement(
                Verdict.IDENTICAL,
                (identical, *fallback),
                Measured(profile, accepted, subject.image, {}),
            )

    names = tuple(dict.fromkeys((*DEFAULT_METRICS, *(parse_gate(g).metric for g in limits))))
    against = _nearest(subject, profile, comparable, names, tools)
    if profile == subject.profile:
        noise = tools.measured_noise(baseline, noise)
    measures = _along_the_trace(against.accepted, baseline, noise, tools)
    if measures is None:
        noise = _without_traces(against.accepted, noise, tools)
    return _by_distance(against, measures, limits, noise, fallback)


def _along_the_trace(
    accepted: AcceptedImage, baseline: ProfileBaseline, noise: Noise, tools: Tools
) -> tuple[TraceMeasure, ...] | None:
    """Measure the two traces; None where one is missing, so that the pixels alone decide.

    A trace that cannot be read explains nothing: it is not there to say that only rounding was.
    Where an exact image is kept, the question is whether this one is farther from it than the
    accepted one, in place of how far the two are apart; unless that was measured, and holds.
    """
    if not noise.uses_traces:
        return None
    try:
        traces = tools.load_traces(accepted)
        exact = tools.exact_measures(baseline) if traces else ()
    except GoldenseedError as error:
        return (TraceMeasure("trace", 1.0, 0.0, f"a trace cannot be read: {error}"),)
    if traces is None:
        return None
    measures = noise.refined(trace_measures(*traces, noise.dtype))
    if exact and noise.measured is None:
        measures = tuple(each for each in measures if each.metric not in REPLACED or each.detail)
    return (*measures, *exact)


def _without_traces(accepted: AcceptedImage, noise: Noise, tools: Tools) -> Noise:
    """Return the noise where pixels are all there is: none, if the weights are not the accepted's.

    Nor where that cannot be read.
    """
    try:
        changed = tools.changed_weights(accepted)
    except GoldenseedError as error:
        return noise.explaining_nothing(f"where the accepted image was made is not known: {error}")
    if not changed:
        return noise
    components = ", ".join(changed)
    return noise.explaining_nothing(
        f"the weights of {components} are not those of the accepted image, which is no rounding"
    )


def _by_distance(
    against: Measured,
    measures: tuple[TraceMeasure, ...] | None,
    limits: Mapping[str, Limit],
    noise: Noise,
    fallback: tuple[Reason, ...],
) -> Judgement:
    """Decide between ``match``, ``warn`` and ``drift``."""
    reasons = (*noise_reasons(against.metrics, measures, noise), *fallback)
    if against.metrics.get("peak_difference") == 0 and up_to_the_decoder(measures or ()):
        ignored = Reason(code="ignored", detail="only pixels differ that the suite ignores")
        return Judgement(Verdict.MATCH, (ignored, *fallback), against)
    if noise.explains(against.metrics, measures):
        return Judgement(Verdict.MATCH, reasons, against)
    broken = tuple(
        Reason(
            code="gate",
            metric=result.metric,
            value=_finite(result.value),
            limit=result.limit,
            source=result.source,
        )
        for result in check(against.metrics, limits)
        if not result.passed
    )
    if broken:
        return Judgement(Verdict.DRIFT, (*broken, *reasons), against)
    return Judgement(Verdict.WARN, reasons, against)


def _usable(
    entry: BaselineEntry | None, chain: tuple[str, ...]
) -> tuple[str, ProfileBaseline] | None:
    for profile in chain if entry else ():
        baseline = entry.profiles.get(profile) if entry else None
        if baseline and baseline.accepted:
            return profile, baseline
    return None


def _no_baseline(entry: BaselineEntry | None, chain: tuple[str, ...]) -> Reason:
    elsewhere = sorted(p for p, b in entry.profiles.items() if b.accepted) if entry else []
    detail = (
        f"accepted only in {', '.join(elsewhere)}, which this profile must not fall back to"
        if elsewhere
        else "nothing was ever accepted for this case"
    )
    return Reason(code="no_baseline", limit=" > ".join(chain), source="baseline", detail=detail)


def _fallback_reasons(used: str, own: str) -> tuple[Reason, ...]:
    if used == own:
        return ()
    return (Reason(code="profile_fallback", value=used, limit=own, source="baseline"),)


def _rejection(entry: BaselineEntry | None, pixels_sha256: str) -> Reason | None:
    """Find the pixels on any profile's reject list: a wrong picture is wrong everywhere."""
    for profile, baseline in entry.profiles.items() if entry else ():
        for rejected in baseline.rejected:
            if rejected.pixels_sha256 == pixels_sha256:
                return Reason(
                    code="rejected",
                    value=pixels_sha256,
                    source="baseline",
                    detail=f"rejected by {rejected.rejected_by} in {profile}: {rejected.reason}",
                )
    return None


def _incomparable(
    subject: Subject,
    profile: str,
    accepted: tuple[AcceptedImage, ...],
    fallback: tuple[Reason, ...],
    tools: Tools,
) -> Judgement:
    """Judge against the accepted image with the fewest obstacles, metrics shown if they exist."""
    nearest = min(accepted, key=lambda image: len(obstacles(subject, image)))
    image = tools.load_image(nearest.pixels_sha256)
    alike = subject.image.size == image.size and subject.image.mode == image.mode
    metrics = tools.measure(subject.image, image, DEFAULT_METRICS) if alike else {}
    return Judgement(
        Verdict.INCOMPARABLE,
        (*obstacles(subject, nearest), *fallback),
        Measured(profile, nearest, image, metrics),
    )


def _nearest(
    subject: Subject,
    profile: str,
    comparable: list[AcceptedImage],
    names: tuple[str, ...],
    tools: Tools,
) -> Measured:
    """Measure against the accepted image with the smallest mean difference."""
    images = [(accepted, tools.load_image(accepted.pixels_sha256)) for accepted in comparable]
    if len(images) > 1:
        images.sort(
            key=lambda pair: tools.measure(subject.image, pair[1], ("mean_difference",))[
                "mean_difference"
            ]
        )
    accepted, image = images[0]
    return Measured(profile, accepted, image, tools.measure(subject.image, image, names))


def _finite(value: float) -> float | str:
    """JSON has no infinity: a PSNR of equal images is written as the word."""
    return value if abs(value) != float("inf") and value == value else str(value)  # noqa: PLR0124
