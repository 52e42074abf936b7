"""What can be told of two tensors from their sketches: a scale, a likeness, a guidance."""

from __future__ import annotations

from harness.comparison.mixtures import buckets_of, guidance_mixture
from harness.generation.stages import Stage, StageRecord, Trace
from harness.verdict.rounding import EPS

_ONE = 1e-3
"""How far from 1 the weights of a guided output may add up."""
_UNEXPLAINED = 0.1
"""What share of a difference a factor may leave unexplained."""


def likeness(a: StageRecord, b: StageRecord) -> float | None:
    """Estimate the cosine of the angle between two tensors; None without sketches.

    Of two independent tensors it is 0 with a standard deviation of 1 / 16.
    """
    import numpy as np

    first, second = buckets_of(a), buckets_of(b)
    if first is None or second is None:
        return None
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / norms if norms else None


def common_factor(a: StageRecord, b: StageRecord) -> float | None:
    """Return k where ``b = k * a`` to within a tenth of their difference; None without such a k."""
    import numpy as np

    first, second = buckets_of(a), buckets_of(b)
    if first is None or second is None:
        return None
    factor = float(first @ second / (first @ first))
    missed = float(np.linalg.norm(second - factor * first))
    return factor if missed < _UNEXPLAINED * np.linalg.norm(second - first) else None


def guidance_of(trace: Trace) -> float | None:
    """Estimate the guidance scale of the first step from what went into the guidance and came out.

    ``guided = unconditional + scale * (conditional - unconditional)`` (J. Ho, T. Salimans,
    "Classifier-free diffusion guidance", 2022, in diffusers' notation): the scale is the weight of
    the conditional row, and the two weights add up to 1. None where there are not two predictions,
    or the result is no such mixture.
    """
    rows = [each for each in trace if each.stage is Stage.DENOISER_OUTPUT]
    if len(rows) != 2:  # noqa: PLR2004 - with and without the prompt
        return None
    mixture = guidance_mixture(trace, EPS.get(rows[0].dtype, EPS["float32"]))
    if mixture is None or not mixture.is_sum or abs(mixture.weights.sum() - 1) > _ONE:
        return None
    # One call with both puts the unconditional one first, two calls put it last.
    together = rows[0].source != rows[1].source
    return float(mixture.weights[1 if together else 0])
