"""Where two images part: the first stage whose digests differ, and the distances along the way."""

from __future__ import annotations

from collections.abc import Sequence

from harness.comparison.trace_distances import Pair, aligned, either, same, stage_distance
from harness.diagnosis.growth import growth_of, jump_of
from harness.diagnosis.model import FirstDivergence
from harness.diagnosis.words import divergence_in_words
from harness.generation.stages import Stage, Trace


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
        jump=jump_of(distances),
        growth=growth_of(distances, _dtype(pairs)),
    )


def _dtype(pairs: Sequence[Pair]) -> str:
    """Return the dtype of the latents; empty where there are none."""
    steps = (either(pair) for pair in pairs if either(pair).stage is Stage.DENOISING_STEP)
    return next((step.dtype for step in steps), "")
