"""Where two images part: the first stage whose digests differ, and the distances along the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

from harness.diagnosis.model import Diagnosis, FirstDivergence, Jump, StageDistance
from harness.diagnosis.words import divergence_in_words
from harness.errors import GoldenseedError
from harness.generation.sketch import relative_distance
from harness.generation.stages import Stage, StageRecord, Trace

NO_ACCEPTED_TRACE = (
    "the accepted image has no trace: it was accepted before traces were kept, "
    "or from a run without them"
)
ALL_THE_SAME = "every recorded stage is identical: the difference arose after the last of them"

JUMP = 10.0
"""Growth from one stage to the next that rounding does not explain.

Where other threads, instruction sets or memory formats were the only change, the latents' distance
grew at most 1.4-fold from one step to the next (median of 8 images): see docs/trace.md.
"""
_LATENTS_TO_IMAGE = frozenset(
    {Stage.INITIAL_LATENTS, Stage.DENOISING_STEP, Stage.LATENTS_BEFORE_VAE, Stage.FLOAT_IMAGE}
)

Pair = tuple[StageRecord | None, StageRecord | None]
"""A stage's record in the accepted trace and in the present one; not both None."""


def diagnose(
    accepted: Callable[[], Trace | None], present: Callable[[], Trace | None]
) -> Diagnosis | None:
    """Find the first divergence of two traces, each read by a function.

    None where the present image has no trace, so that there is nothing to say. A trace that is
    missing or cannot be read becomes the note of the diagnosis: it changes no verdict.
    """
    try:
        now = present()
        if not now:
            return None
        before = accepted()
        if not before:
            return Diagnosis(note=NO_ACCEPTED_TRACE)
    except GoldenseedError as error:
        return Diagnosis(note=f"the trace cannot be read: {error}")
    found = first_divergence(before, now)
    return Diagnosis(note=ALL_THE_SAME) if found is None else Diagnosis(first_divergence=found)


def first_divergence(accepted: Trace, present: Trace) -> FirstDivergence | None:
    """Return the first stage that differs between two traces; None if none does.

    Stages are matched by name, source and index. One that only one of the traces has differs.
    """
    pairs = tuple(_aligned(accepted, present))
    differing = next((pair for pair in pairs if not _same(pair)), None)
    if differing is None:
        return None
    record = _either(differing)
    alike = [each for each in map(_either, pairs) if each.key[:2] == record.key[:2]]
    distances = tuple(_distance(pair) for pair in pairs)
    return FirstDivergence(
        stage=record.stage,
        index=record.index,
        of=len(alike),
        source=record.source,
        words=divergence_in_words(pairs, pairs.index(differing)),
        distances=distances,
        jump=_jump(distances),
    )


def _jump(distances: tuple[StageDistance, ...]) -> Jump | None:
    moved = [
        (each, each.distance)
        for each in distances
        if each.stage in _LATENTS_TO_IMAGE and each.distance
    ]
    rises = [
        Jump(stage=each.stage, index=each.index, factor=distance / before)
        for (_, before), (each, distance) in pairwise(moved)
    ]
    steepest = max(rises, key=lambda rise: rise.factor, default=None)
    return steepest if steepest is not None and steepest.factor > JUMP else None


def _aligned(accepted: Trace, present: Trace) -> Iterator[Pair]:
    """Pair the records in the present order; what only the accepted trace has keeps its place."""
    before, now = _by_key(accepted), _by_key(present)
    order = [record.key for record in present]
    for place, record in enumerate(accepted):
        if record.key not in now:
            follows = order.index(accepted[place - 1].key) + 1 if place else 0
            order.insert(follows, record.key)
    return ((before.get(key), now.get(key)) for key in order)


def _by_key(trace: Trace) -> Mapping[tuple[str, str, int], StageRecord]:
    return {record.key: record for record in trace}


def _same(pair: Pair) -> bool:
    a, b = pair
    if a is None or b is None:
        return False
    return (a.shape, a.dtype, a.sha256) == (b.shape, b.dtype, b.sha256)


def _either(pair: Pair) -> StageRecord:
    record = pair[1] or pair[0]
    assert record is not None  # noqa: S101 - a pair is of at least one record
    return record


def _distance(pair: Pair) -> StageDistance:
    a, b = pair
    record = _either(pair)
    return StageDistance(
        stage=record.stage,
        index=record.index,
        source=record.source,
        distance=None if a is None or b is None else relative_distance(a, b),
    )
