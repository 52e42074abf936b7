"""What the noise has to say of an image, as machine-readable reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.verdict.model import Reason
from harness.verdict.noise import Noise
from harness.verdict.rounding import TraceMeasure


def noise_reasons(
    metrics: Mapping[str, float], measures: Sequence[TraceMeasure] | None, noise: Noise
) -> tuple[Reason, ...]:
    """Give the pixels' metrics with their limits, then what decided along the trace.

    That is everything beyond its limit, or, where all is within, what came nearest to it: first of
    what is held against the accepted image, then of what is held against the exact one. Pixels
    within the noise without a trace to confirm it have a reason that says so.
    """
    limits = noise.pixel_limits(measures)
    found = [
        Reason(code="noise", metric=name, value=metrics[name], limit=limit, source=noise.source)
        for name, limit in limits.items()
    ]
    if noise.note is not None:
        found.append(Reason(code="noise", source=noise.source, detail=noise.note))
    elif not limits:
        detail = "no noise is known for this dtype: every difference is beyond it"
        found.append(Reason(code="noise", source=noise.source, detail=detail))
    elif measures is None and noise.explains(metrics):
        detail = "without traces of both images the pixels alone are judged"
        found.append(Reason(code="noise", source=noise.source, detail=detail))
    ours = [each for each in measures or () if each.source is None]
    others = [each for each in measures or () if each.source is not None]
    return (*found, *(_reason(each, noise) for each in (*_deciding(ours), *_deciding(others))))


def _deciding(measures: Sequence[TraceMeasure]) -> list[TraceMeasure]:
    beyond = [each for each in measures if not each.explained]
    moved = [each for each in measures if each.limit > 0]
    return beyond or sorted(moved, key=lambda each: each.value / each.limit)[-1:]


def _reason(measure: TraceMeasure, noise: Noise) -> Reason:
    if measure.detail is not None:
        return Reason(
            code="noise", metric=measure.metric, source=noise.source, detail=measure.detail
        )
    return Reason(
        code="noise",
        metric=measure.metric,
        value=measure.value if measure.value < float("inf") else "inf",
        limit=measure.limit,
        source=measure.source or noise.source,
    )
