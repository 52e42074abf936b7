"""Machine-readable reasons: what keeps images from being compared, and what the tolerance says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from goldenseed.baselines.entry import AcceptedImage
from goldenseed.suite.recipes import recipe_differences
from goldenseed.tolerance.rounding import TraceMeasure
from goldenseed.tolerance.tolerance import Noise
from goldenseed.verdict.model import Reason

if TYPE_CHECKING:
    from goldenseed.verdict.model import Subject


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


def obstacles(subject: Subject, accepted: AcceptedImage) -> tuple[Reason, ...]:
    """Say why the two cannot be compared; empty where they can."""
    found: list[Reason] = []
    if subject.recipe_sha256 != accepted.recipe_sha256:
        found += [
            Reason(
                code="recipe_changed",
                metric=f"recipe.{difference.field}",
                value=_plain(difference.new),
                limit=_plain(difference.old),
                source="baseline",
            )
            for difference in recipe_differences(accepted.recipe, subject.recipe)
        ]
    size, expected = subject.image.size, (accepted.width, accepted.height)
    if size != expected:
        found.append(
            Reason(
                code="size_changed",
                metric="size",
                value=f"{size[0]}x{size[1]}",
                limit=f"{expected[0]}x{expected[1]}",
                source="baseline",
            )
        )
    if subject.image.mode != accepted.mode:
        found.append(
            Reason(
                code="mode_changed",
                metric="mode",
                value=subject.image.mode,
                limit=accepted.mode,
                source="baseline",
            )
        )
    return tuple(found)


def _plain(value: JsonValue) -> str | int | float | bool | None:
    """Return scalars as they are and anything else as its text, for a machine-readable reason."""
    return value if isinstance(value, (str, int, float, bool)) or value is None else repr(value)
