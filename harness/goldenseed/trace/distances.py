"""Two traces laid side by side, and how far they are apart at every stage."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from goldenseed.trace.sketch import relative_distance
from goldenseed.trace.stages import (
    WITHIN,
    Stage,
    StageName,
    StageRecord,
    Trace,
)

Pair = tuple[StageRecord | None, StageRecord | None]
"""A stage's record in the accepted trace and in the present one; not both None."""


class StageDistance(BaseModel):
    """How far two images are apart at one stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: Stage
    index: int = Field(ge=0)
    source: str | None = None
    distance: float | None = None
    """Estimated relative L2 distance, from 0.0 for equal bits; None where there is none to tell."""


def aligned(accepted: Trace, present: Trace) -> tuple[Pair, ...]:
    """Pair two traces' records by stage, source and index, in the present order, no ``WITHIN``."""
    accepted, present = (
        tuple(record for record in trace if record.stage not in WITHIN)
        for trace in (accepted, present)
    )
    before, now = _by_key(accepted), _by_key(present)
    order = [record.key for record in present]
    for place, record in enumerate(accepted):
        if record.key not in now:
            follows = order.index(accepted[place - 1].key) + 1 if place else 0
            order.insert(follows, record.key)
    return tuple((before.get(key), now.get(key)) for key in order)


def same(pair: Pair) -> bool:
    """Whether both traces have the stage, with the same bits, shape and dtype."""
    a, b = pair
    if a is None or b is None:
        return False
    return (a.shape, a.dtype, a.sha256) == (b.shape, b.dtype, b.sha256)


def either(pair: Pair) -> StageRecord:
    """Return the present record, or the accepted one where there is no present one."""
    record = pair[1] or pair[0]
    assert record is not None  # noqa: S101 - a pair is of at least one record
    return record


def stage_distance(pair: Pair) -> StageDistance:
    """Estimate how far the two are apart; no distance where one of them lacks the stage."""
    a, b = pair
    record = either(pair)
    return StageDistance(
        stage=record.stage,
        index=record.index,
        source=record.source,
        distance=None if a is None or b is None else relative_distance(a, b),
    )


def _by_key(trace: Trace) -> Mapping[StageName, StageRecord]:
    return {record.key: record for record in trace}
