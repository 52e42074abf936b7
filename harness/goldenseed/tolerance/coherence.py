"""Whether the differences of successive outputs point one way, and how far they may.

Rounding errors of two evaluations of a network have nothing to do with each other: the inputs have
moved by far more than the spacing of floating-point numbers. What a changed weight or guidance does
to the output changes as slowly as the input does. So the differences of successive outputs stand at
right angles if only rounding made them, and point the same way if something was changed. The cosine
of the angle needs no scale: neither the depth of the network nor the size of its errors is in it.

With independent differences the cosine of two sketches is 0 on average, with a standard deviation
of 1 / sqrt(256) = 1/16. A difference with a systematic and a random part of powers s and r gives
s / (s + r).

**What the steps share.** All evaluations are given the same embeddings, and a sample in which the
same initial noise is. Where these differ, by rounding, that part of the outputs' differences is
the same in every step: it is systematic, and no change. What the embeddings do to an output is as
large as what rows with and without the prompt differ by, so embeddings that are off by s move a
row by ``GAIN`` times s of that at most; noise by as much of the row itself. Guidance adds the rows
up by its weights. So a systematic part of that size is expected; its power is added to the limit.
Where embeddings, noise and sample are the same bit for bit, the limit is ``COSINE``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from goldenseed.tolerance.mixtures import guidance_mixture
from goldenseed.trace.sketch import from_text
from goldenseed.trace.stages import Stage, StageRecord, Trace

COSINE = 1 / 2
GAIN = 2.0
"""How many times a network is taken to pass on a relative difference of what it is given."""


@dataclass(frozen=True, slots=True)
class Coherence:
    """What successive differences of the first steps' outputs have in common."""

    cosine: float
    """The mean over the pairs of successive steps, -1…1."""
    distance: float


def coherence(accepted: Trace, present: Trace) -> Coherence | None:
    """Compare how the outputs of successive first steps differ; None with fewer than two."""
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
        else 0.0  # one of the two steps gave the same
        for i, j in pairwise(range(len(pairs)))
    ]
    relative = [size / (a.norm or 1.0) for size, (a, _) in zip(sizes, pairs, strict=True)]
    return Coherence(float(np.mean(cosines)), float(np.mean(relative)))


@dataclass(frozen=True, slots=True)
class Shared:
    """How far apart is what all steps share, relative."""

    embeddings: float
    noise: float


def coherence_limit(accepted: Trace, found: Coherence, shared: Shared, eps: float) -> float:
    """Return which cosine rounding explains where what all steps share differs."""
    mixture = guidance_mixture(accepted, eps)
    text = 1.0 if mixture is None else mixture.text_gain
    noise = guidance_gain(accepted, eps)
    passed_on = GAIN * math.hypot(text * shared.embeddings, noise * shared.noise)
    return COSINE + (passed_on / found.distance) ** 2


def guidance_gain(accepted: Trace, eps: float) -> float:
    """Return how many times guidance passes on a relative difference of its rows, 1 without it."""
    mixture = guidance_mixture(accepted, eps)
    return 1.0 if mixture is None else max(1.0, math.hypot(*mixture.terms))


def _outputs(trace: Trace) -> list[StageRecord]:
    stages = {Stage.GUIDED_OUTPUT, Stage.LATER_OUTPUT}
    return [each for each in trace if each.stage in stages and each.sketch]
