"""How a difference of the latents goes on from step to step: as rounding does, or otherwise.

Rounding errors of the steps are independent, so they add up as a random walk does: the second step
brings a factor of the square root of 2, each later one less. A change that is made anew in every
step (weights, guidance, arithmetic of the scheduler) adds up in one direction: a factor of 2 at the
second step. What a model makes of differences comes on top of both. Measured on the embedded model
(three images each; docs/diagnosis.md): rounding at most 1.7, a change in every step at least 2.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import geometric_mean
from typing import Final

from harness.comparison.trace_distances import StageDistance
from harness.diagnosis.model import Growth, GrowthKind, Jump
from harness.generation.stages import Stage

JUMP: Final = 10.0
"""Growth from one stage to the next, on top of a difference, that no step of a sampler explains."""
ADDS_UP: Final = 1.85
"""Growth from one step to the next from which a change is made anew in every step."""
CONSTANT: Final = 2.0
"""Up to which factor over all steps a difference counts as there from the start."""
EPSILONS: Final = {
    "float64": 32 * 2.0**-52,
    "float32": 32 * 2.0**-23,
    "float16": 4 * 2.0**-10,
    "bfloat16": 4 * 2.0**-7,
}
"""Up to which relative distance rounding moves one stage, by the dtype that computes.

Harmless changes moved the latents of 20 steps by at most 14 epsilons of float32 and by 0.6 of
bfloat16, whose sums are kept in float32 (docs/trace.md).
"""

_LATENTS_TO_IMAGE = frozenset(
    {Stage.INITIAL_LATENTS, Stage.DENOISING_STEP, Stage.LATENTS_BEFORE_VAE, Stage.FLOAT_IMAGE}
)


def jump_of(distances: Sequence[StageDistance]) -> Jump | None:
    """Return the steepest rise from one stage to the next, if it is more than tenfold."""
    steepest = max(_rises(distances), key=lambda rise: rise.factor, default=None)
    return steepest if steepest is not None and steepest.factor > JUMP else None


def growth_of(distances: Sequence[StageDistance], dtype: str) -> Growth | None:
    """Say how the difference grows along the steps; None for fewer than two steps that differ.

    ``dtype`` is that of the latents. A change so small that rounding hides it grows as rounding
    does: that a growth is ``rounding_like`` acquits nobody.
    """
    steps = [
        each.distance for each in distances if each.stage is Stage.DENOISING_STEP and each.distance
    ]
    if len(steps) < 2:  # noqa: PLR2004 - one is no growth
        return None
    factors = [after / before for before, after in pairwise(steps)]
    return Growth(
        kind=_kind(distances, steps, max(factors), EPSILONS.get(dtype, EPSILONS["float32"])),
        steepest=max(factors),
        per_step=geometric_mean(factors),
    )


def _kind(
    distances: Sequence[StageDistance], steps: Sequence[float], steepest: float, rounding: float
) -> GrowthKind:
    if jump_of(distances):
        return GrowthKind.JUMP
    if steepest > ADDS_UP:
        return GrowthKind.ADDS_UP
    if steps[0] <= rounding:
        return GrowthKind.ROUNDING_LIKE
    return GrowthKind.CONSTANT if steps[-1] <= CONSTANT * steps[0] else GrowthKind.AMPLIFIED


def _rises(distances: Sequence[StageDistance]) -> Iterator[Jump]:
    moved = [
        (each, each.distance)
        for each in distances
        if each.stage in _LATENTS_TO_IMAGE and each.distance
    ]
    for (_, before), (each, distance) in pairwise(moved):
        yield Jump(stage=each.stage, index=each.index, factor=distance / before)
