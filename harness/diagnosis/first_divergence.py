"""Where two images part: the first stage whose digests differ, and the distances along the way."""

from __future__ import annotations

from itertools import pairwise

from harness.comparison.trace_distances import StageDistance, aligned, either, same, stage_distance
from harness.diagnosis.model import FirstDivergence, Jump
from harness.diagnosis.words import divergence_in_words
from harness.generation.stages import Stage, Trace

JUMP = 10.0
"""Growth from one stage to the next that rounding does not explain.

Where other threads, instruction sets or memory formats were the only change, the latents' distance
grew at most 1.4-fold from one step to the next (median of 8 images): see docs/trace.md.
"""
_LATENTS_TO_IMAGE = frozenset(
    {Stage.INITIAL_LATENTS, Stage.DENOISING_STEP, Stage.LATENTS_BEFORE_VAE, Stage.FLOAT_IMAGE}
)


def first_divergence(accepted: Trace, present: Trace) -> FirstDivergence | None:
    """Return the first stage that differs between two traces; None if none does.

    Stages are matched by name, source and index. One that only one of the traces has differs.
    """
    pairs = aligned(accepted, present)
    differing = next((pair for pair in pairs if not same(pair)), None)
    if differing is None:
        return None
    record = either(differing)
    alike = [each for each in map(either, pairs) if each.key[:2] == record.key[:2]]
    distances = tuple(stage_distance(pair) for pair in pairs)
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
