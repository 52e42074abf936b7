"""Whether the first steps' outputs differ at random, or each time in the same way.

Rounding errors of two evaluations of a network have nothing to do with each other: the inputs have
moved by far more than the spacing of floating-point numbers. What a changed weight or guidance does
to the output changes as slowly as the input does. So the differences of successive outputs stand at
right angles if only rounding made them, and point the same way if something was changed. The cosine
of the angle needs no scale: neither the depth of the network nor the size of its errors is in it.

With independent differences the cosine of two sketches is 0 on average, with a standard deviation
of 1 / sqrt(256) = 1/16. A difference with a systematic and a random part of powers s and r gives
s / (s + r).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from harness.generation.sketch import from_text
from harness.generation.stages import Stage, StageRecord, Trace


@dataclass(frozen=True, slots=True)
class Coherence:
    """What successive differences of the first steps' outputs have in common."""

    cosine: float
    """The mean over the pairs of successive steps, -1…1."""
    distance: float
    """The mean relative distance of the outputs."""


def coherence(accepted: Trace, present: Trace) -> Coherence | None:
    """Compare how the outputs of successive first steps differ; None with fewer than two.

    Outputs that are the same in one of two successive steps count as a cosine of 0.
    """
    import numpy as np

    before, now = _outputs(accepted), _outputs(present)
    pairs = [(a, b) for a, b in zip(before, now, strict=False) if a.shape == b.shape and a.norm]
    if len(pairs) < 2 or len(before) != len(now):  # noqa: PLR2004 - a cosine is of two
        return None
    differences = [from_text(b.sketch or "") - from_text(a.sketch or "") for a, b in pairs]
    sizes = [float(np.linalg.norm(each)) for each in differences]
    cosines = [
        float(differences[i] @ differences[j]) / (sizes[i] * sizes[j])
        if sizes[i] * sizes[j] > 0
        else 0.0
        for i, j in pairwise(range(len(pairs)))
    ]
    relative = [size / (a.norm or 1.0) for size, (a, _) in zip(sizes, pairs, strict=True)]
    return Coherence(float(np.mean(cosines)), float(np.mean(relative)))


def _outputs(trace: Trace) -> list[StageRecord]:
    stages = {Stage.GUIDED_OUTPUT, Stage.LATER_OUTPUT}
    return [each for each in trace if each.stage in stages and each.sketch]
