"""The verdict: one image against what is accepted for its case, in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.gates import DEFAULT, check, parse_gate
from goldenseed.images.metrics import DEFAULT_METRICS
from goldenseed.suite.cases import Limit
from goldenseed.tolerance.exact import REPLACED
from goldenseed.tolerance.rounding import TraceMeasure, trace_measures, up_to_the_decoder
from goldenseed.tolerance.tolerance import Tolerance
from goldenseed.verdict.compared import RELATIVE, Compared, compared, same_kind
from goldenseed.verdict.evidence import Accepted, Evidence, Reference
from goldenseed.verdict.model import Reason, Verdict
from goldenseed.verdict.on_record import OnRecord, on_record
from goldenseed.verdict.reasons import (
    ROUNDING_ALONE,
    calibration_advice,
    differing,
    fallback_reasons,
    gate_reason,
    no_baseline,
    obstacles,
    of_element,
    record_reasons,
    rejection_of,
    tensor_reason,
    tipped_reasons,
    tolerance_reasons,
)

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its reasons and what it rests on."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    against: Evidence | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Metric → value; empty where nothing was measured, as of equal pixels."""
    explained: bool = False
    """Whether rounding explains the difference, if anything is on record that moves rounding."""
    element: int = 0
    """Which of several elements decided, from 0."""
    elements: tuple[tuple[Compared, Verdict], ...] = ()
    """Of several elements those that are not the accepted ones, each with its own verdict."""


def judge(
    now: Evidence,
    reference: Reference,
    *,
    limits: Mapping[str, Limit],
    tolerance: Tolerance,
    mask: Image | None = None,
    shown: Sequence[str] = DEFAULT_METRICS,
) -> Judgement:
    """Return the verdict on ``now``; the first that applies, in ``Verdict``'s order.

    One exception: where nothing is accepted, rejected pixels are ``rejected``, not ``new``, so that
    ``--golden-update=missing`` never takes them back. Nothing is read that the verdict does not
    need: of an image whose pixels are accepted no baseline is decoded, and no trace read.

    ``limits`` are the gates, by name; a calibration that holds takes the place of ``tolerance``;
    ``mask`` is white where pixels count; ``shown`` are metrics to measure beside those of the
    gates. Raises GoldenseedError where an accepted image cannot be read.
    """
    rejection = rejection_of(reference, now.pixels_sha256)
    accepted = reference.accepted
    if accepted is None:
        if rejection:
            return Judgement(Verdict.REJECTED, (rejection,))
        return Judgement(Verdict.NEW, (no_baseline(reference),))
    fallback = fallback_reasons(reference)
    comparable = [each for each in accepted.images if not obstacles(now, each)]
    if not comparable:
        return _incomparable(now, accepted, fallback, mask, shown)
    if rejection:
        return Judgement(Verdict.REJECTED, (rejection, *fallback))
    for each in comparable:
        if each.pixels_sha256 == now.pixels_sha256:
            identical = Reason(code="identical", source="baseline")
            return Judgement(Verdict.IDENTICAL, (identical, *fallback), each, explained=True)

    found = _by_elements(
        now, accepted, comparable, limits=limits, tolerance=tolerance, mask=mask, shown=shown
    )
    return replace(found, reasons=(*found.reasons, *fallback, *_advice(found, accepted, now)))


def _by_elements(
    now: Evidence,
    accepted: Accepted,
    comparable: Sequence[Evidence],
    *,
    limits: Mapping[str, Limit],
    tolerance: Tolerance,
    mask: Image | None,
    shown: Sequence[str],
) -> Judgement:
    """Judge every element that is not the accepted one; the worst decides."""
    names = tuple(dict.fromkeys((*shown, *(parse_gate(gate).metric for gate in limits))))
    against = _nearest(now, comparable, mask)
    record = on_record(against, now)
    tolerance = accepted.calibrated(now, tolerance)
    measures = _along_the_trace(against, now, accepted, tolerance)
    if accepted.flickers(tolerance):
        record = replace(record, moves_rounding=True)
    judged = [
        (each, *_by_distance(each, measures, limits, tolerance, record))
        for each in compared(now, against, names, mask)
    ]
    worst, verdict, reasons = max(
        judged, key=lambda each: (_ORDER.index(each[1]), each[0].distance)
    )
    explained = not record.others and all(
        _for(each, tolerance).explains(each.metrics, measures) for each, _, _ in judged
    )
    several = (differing(len(judged), len(now.elements), worst),) if now.elements else ()
    return Judgement(
        verdict,
        (*of_element(reasons, worst), *several),
        against,
        worst.metrics,
        explained=explained or verdict is Verdict.MATCH,
        element=worst.index,
        elements=tuple((each, own) for each, own, _ in judged) if now.elements else (),
    )


def _advice(found: Judgement, accepted: Accepted, now: Evidence) -> tuple[Reason, ...]:
    """Say what a calibration would tell, where the image is no match."""
    if found.verdict is Verdict.MATCH or found.against is None:
        return ()
    return tuple(calibration_advice(accepted, now, found.against))


def _along_the_trace(
    before: Evidence, now: Evidence, accepted: Accepted, tolerance: Tolerance
) -> tuple[TraceMeasure, ...] | None:
    """Measure the two traces; None where one is missing, so that the pixels alone decide.

    One that cannot be read explains nothing. An exact image that is kept takes the place of how far
    the two are apart, unless that was measured, and holds.
    """
    if not tolerance.uses_traces:
        return None
    try:
        if not now.trace or not before.trace:
            return None
        exact = accepted.exact_measures(now)
    except GoldenseedError as error:
        return (TraceMeasure("trace", 1.0, 0.0, f"a trace cannot be read: {error}"),)
    measures = tolerance.refined(trace_measures(before.trace, now.trace, tolerance.dtype))
    if exact and tolerance.measured is None:
        measures = tuple(each for each in measures if each.metric not in REPLACED or each.detail)
    return (*measures, *exact)


def _for(element: Compared, tolerance: Tolerance) -> Tolerance:
    """Return what rounding explains of the element: of a tensor, how far it may be."""
    return tolerance.of_tensors() if element.is_tensor else tolerance


def _by_distance(
    element: Compared,
    measures: tuple[TraceMeasure, ...] | None,
    limits: Mapping[str, Limit],
    tolerance: Tolerance,
    record: OnRecord,
) -> tuple[Verdict, tuple[Reason, ...]]:
    """Decide between ``match``, ``warn`` and ``drift``; the first two with no gate broken.

    The default gates are the tolerance's own, and say nothing where it explains the difference, nor
    where rounding may have tipped signs, whose effect nobody can bound.
    """
    metrics, tolerance = element.metrics, _for(element, tolerance)
    if (
        metrics.get("peak_difference") == 0
        and up_to_the_decoder(measures or ())
        and not record.others
    ):
        ignored = Reason(code="ignored", detail="only pixels differ that the suite ignores")
        return Verdict.MATCH, (ignored,)
    rounding = tolerance.explains(metrics, measures) and record.allows_rounding
    broken = [
        gate_reason(each)
        for each in (() if element.is_tensor else check(metrics, limits))
        if not each.passed and not ((rounding or record.tipped) and each.source == DEFAULT)
    ]
    if element.is_tensor and not tolerance.explains(metrics):
        limit = tolerance.limits.get(RELATIVE, 0.0)
        broken.append(tensor_reason(metrics[RELATIVE], limit, DEFAULT))
    if rounding and broken:
        broken.append(Reason(code="rounding_alone", detail=ROUNDING_ALONE))
    reasons = (
        *broken,
        *(() if rounding else tipped_reasons(record)),
        *record_reasons(record),
        *tolerance_reasons(metrics, measures, tolerance),
    )
    if broken:
        return Verdict.DRIFT, reasons
    return (Verdict.MATCH if rounding else Verdict.WARN), reasons


def _incomparable(
    now: Evidence,
    accepted: Accepted,
    fallback: tuple[Reason, ...],
    mask: Image | None,
    shown: Sequence[str],
) -> Judgement:
    """Judge against the accepted image with the fewest obstacles, metrics shown if they exist."""
    nearest = min(accepted.images, key=lambda each: len(obstacles(now, each)))
    found = list(compared(now, nearest, shown, mask)) if same_kind(now, nearest) else []
    worst = max(found, key=lambda each: each.distance, default=Compared(0, None, {}))
    reasons = (*obstacles(now, nearest), *fallback)
    return Judgement(
        Verdict.INCOMPARABLE,
        reasons,
        nearest,
        worst.metrics,
        element=worst.index,
        elements=tuple((each, Verdict.INCOMPARABLE) for each in found) if now.elements else (),
    )


def _nearest(now: Evidence, comparable: Sequence[Evidence], mask: Image | None) -> Evidence:
    """Return the accepted image with the smallest mean difference, over all its elements."""
    if len(comparable) == 1:
        return comparable[0]
    mean = ("mean_difference",)
    return min(
        comparable, key=lambda each: sum(c.distance for c in compared(now, each, mean, mask))
    )


_ORDER = tuple(Verdict)
