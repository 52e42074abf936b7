"""Machine-readable reasons: each a code with its metric, value, limit and where that is from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.images.gates import parse_gate
from goldenseed.suite.recipes import recipe_differences
from goldenseed.tolerance.rounding import TraceMeasure
from goldenseed.tolerance.tolerance import Tolerance
from goldenseed.verdict.compared import RELATIVE, Compared, other_kind
from goldenseed.verdict.evidence import Accepted, Evidence, Reference
from goldenseed.verdict.model import CALIBRATION, Reason
from goldenseed.verdict.on_record import OnRecord

if TYPE_CHECKING:
    from goldenseed.images.gates import GateResult


def no_baseline(reference: Reference) -> Reason:
    """Say that nothing is accepted that may be used."""
    detail = (
        f"accepted only in {', '.join(reference.elsewhere)}, which this profile must not fall "
        "back to"
        if reference.elsewhere
        else "nothing was ever accepted for this case"
    )
    limit = " > ".join(reference.chain)
    return Reason(code="no_baseline", limit=limit, source="baseline", detail=detail)


def fallback_reasons(reference: Reference) -> tuple[Reason, ...]:
    """Name the profile that stands in for the one that was asked for; empty where none does."""
    own, accepted = reference.own, reference.accepted
    if own is None or accepted is None or accepted.profile == own:
        return ()
    value = accepted.profile
    return (Reason(code="profile_fallback", value=value, limit=own, source="baseline"),)


def rejection_of(reference: Reference, pixels_sha256: str) -> Reason | None:
    """Find the pixels on any profile's reject list: a wrong picture is wrong everywhere."""
    for profile, rejected in reference.rejected:
        if rejected.pixels_sha256 == pixels_sha256:
            return Reason(
                code="rejected",
                value=pixels_sha256,
                source="baseline",
                detail=f"rejected by {rejected.rejected_by} in {profile}: {rejected.reason}",
            )
    return None


def gate_reason(broken: GateResult) -> Reason:
    """Say of a gate that it does not hold; JSON has no infinity, which is written as the word."""
    return Reason(
        code="gate",
        metric=broken.metric,
        direction=parse_gate(broken.gate).direction,
        value=broken.value if math.isfinite(broken.value) else str(broken.value),
        limit=broken.limit,
        source=broken.source,
    )


def tensor_reason(value: float, limit: float, source: str) -> Reason:
    """Say of a tensor that it moved beyond its only gate, which no suite sets."""
    return Reason(
        code="gate",
        metric=RELATIVE,
        direction="max",
        value=value if math.isfinite(value) else str(value),
        limit=limit,
        source=source,
    )


def of_element(reasons: Sequence[Reason], element: Compared) -> tuple[Reason, ...]:
    """Name the element that decides in what is said of its pixels; not along the trace."""
    if element.name is None:
        return tuple(reasons)
    return tuple(
        each.model_copy(update={"element": element.name})
        if each.metric in element.metrics
        else each
        for each in reasons
    )


def differing(count: int, of: int, worst: Compared) -> Reason:
    """Say how many elements are not the accepted ones, and which decides."""
    verb = "differs" if count == 1 else "differ"
    detail = f"{count} of {of} elements {verb} from the accepted ones, {worst.name} decides"
    return Reason(code="elements", value=count, limit=of, detail=detail, element=worst.name)


ROUNDING_ALONE: Final = (
    "rounding explains it: accept the image for this profile, or widen the gate beyond rounding"
)


def record_reasons(record: OnRecord) -> tuple[Reason, ...]:
    """Say what is, or is not, on record of why the bits differ; empty where rounding may."""
    found = []
    if record.others:
        found.append(
            Reason(
                code="recorded_change",
                metric=record.others[0].partition(" ")[0],
                detail=f"no rounding, since on record as changed: {record.named}",
            )
        )
    if record.unknown is not None:
        found.append(Reason(code="unknown_environment", detail=record.unknown))
    elif not record.others and not record.moves_rounding:
        found.append(Reason(code="no_recorded_reason", detail=_NO_REASON))
    return tuple(found)


def tipped_reasons(record: OnRecord) -> tuple[Reason, ...]:
    """Say where rounding may have tipped signs; empty where it has no reason, or none to tip."""
    if not record.tipped:
        return ()
    where = first_of(record.tips, _TIPS_SHOWN, between="; ")
    detail = f"norms of {where} leave only signs, which rounding tips: no default gate holds that"
    return (Reason(code="tipped_by_rounding", detail=detail),)


_TIPS_SHOWN: Final = 3
_NO_REASON: Final = (
    "the bits changed, and nothing on record differs that moves rounding (threads, instruction "
    "set, kernel, library, batch, …)"
)


def tolerance_reasons(
    metrics: Mapping[str, float], measures: Sequence[TraceMeasure] | None, tolerance: Tolerance
) -> tuple[Reason, ...]:
    """Give the pixels' metrics with their limits, then what decided along the trace.

    That is everything beyond its limit, or, where all is within, what came nearest to it, of the
    accepted image and of the exact one.
    """
    limits = tolerance.pixel_limits(measures)
    found = [
        Reason(
            code="tolerance", metric=name, value=metrics[name], limit=limit, source=tolerance.source
        )
        for name, limit in limits.items()
    ]
    detail = tolerance.note
    if detail is None and not limits:
        detail = "no tolerance is known for this dtype: every difference is beyond it"
    elif detail is None and measures is None and tolerance.explains(metrics):
        detail = "without traces of both images the pixels alone are judged"
    if detail is not None:
        found.append(Reason(code="tolerance", source=tolerance.source, detail=detail))
    ours = [each for each in measures or () if each.source is None]
    others = [each for each in measures or () if each.source is not None]
    return (*found, *(_reason(each, tolerance) for each in (*_deciding(ours), *_deciding(others))))


def calibration_advice(accepted: Accepted, now: Evidence, against: Evidence) -> tuple[Reason, ...]:
    """Say which harmless changes a calibration would have to name, where one could explain this."""
    try:
        names = accepted.worth_naming(now, against)
    except GoldenseedError:  # told already, by whoever needed it for the verdict
        return ()
    if names is None:
        return ()
    what = (
        f"a calibration that names {' and '.join(names)} harmless" if names else "calibrating again"
    )
    where = "" if now.profile == accepted.profile else f", made where {accepted.profile} is,"
    detail = f"{what}{where} would tell whether this is noise"
    return (Reason(code=CALIBRATION, value=",".join(names), source="tolerance", detail=detail),)


def _deciding(measures: Sequence[TraceMeasure]) -> list[TraceMeasure]:
    beyond = [each for each in measures if not each.explained]
    moved = [each for each in measures if each.limit > 0]
    return beyond or sorted(moved, key=lambda each: each.value / each.limit)[-1:]


def _reason(measure: TraceMeasure, tolerance: Tolerance) -> Reason:
    if measure.detail is not None:
        return Reason(
            code="tolerance", metric=measure.metric, source=tolerance.source, detail=measure.detail
        )
    return Reason(
        code="tolerance",
        metric=measure.metric,
        value=measure.value if measure.value < math.inf else "inf",
        limit=measure.limit,
        source=measure.source or tolerance.source,
    )


def obstacles(now: Evidence, accepted: Evidence) -> tuple[Reason, ...]:
    """Say why the two cannot be compared; empty where they can."""
    found: tuple[Reason, ...] = ()
    if now.recipe_sha256 != accepted.recipe_sha256:
        found = tuple(
            Reason(
                code="recipe_changed",
                metric=f"recipe.{difference.field}",
                value=_plain(difference.new),
                limit=_plain(difference.old),
                source="baseline",
            )
            for difference in recipe_differences(accepted.recipe, now.recipe)
        )
    return (*found, *other_kind(now, accepted))


def _plain(value: JsonValue) -> str | int | float | bool | None:
    """Return scalars as they are and anything else as its text, for a machine-readable reason."""
    return value if isinstance(value, (str, int, float, bool)) or value is None else repr(value)
