"""What sketches tell of sums: the weights of guidance and of the first step.

What guidance makes of the denoiser's rows is a weighted sum of them, and so is what a scheduler's
first step makes of the sample and that output. Sketching is linear, so that the weights follow from
the sketches alone, by least squares, to within the rounding of what was summed: no tensor is
needed, and no knowledge of the pipeline or the scheduler.

A weight is the difference of numbers from tables (``sigma' - sigma``, ``1 - exp(-h)``), each
rounded by itself: its own error is that of the larger numbers it was made of, which are those by
which the largest of the terms counts. So with many steps a weight of a hundredth may be off by 50
eps of itself. Where guidance is rescaled to a norm, the weights have the error of that norm in
them: a sum of N positive numbers is off by ``sqrt(N) u / 3`` where they are added one after the
other, each partial sum by ``u / sqrt(3)`` of itself at random, and its root by half of that. (Of
the variance that some denoisers predict beside the noise, guidance makes no sum: it is left out.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from goldenseed.suite.parts import is_denoiser
from goldenseed.trace.sketch import from_text
from goldenseed.trace.stages import Stage, StageRecord, Trace
from goldenseed.trace.writer import measure

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, np.dtype[np.float64]]


EPS: Mapping[str, float] = MappingProxyType(
    {"float64": 2.0**-23, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
)
"""The spacing of a dtype's numbers at 1; for float64 that of the schedulers' float32 tables."""
_SKETCH_EPS = 2.0**-25
"""Half the spacing of float32, in which sketches are kept, relative to their values: on average."""
_STILL_A_SUM = 32.0
"""How many times the rounding of its terms a sum may miss its target and still be one."""
_ONE = 1e-3
_SMALLEST_SHARE = 1e-3
"""Of the largest term; a smaller term's weight is not told more exactly."""
_MOST_CHANNELS = 64
"""More of them would explain much of any difference: a sketch has 256 numbers."""
_UNEXPLAINED = 0.1
"""What share of a difference a factor may leave unexplained."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """Weights by which a stage is the sum of others."""

    weights: Numbers
    errors: Numbers
    """The standard error of each weight, of the same shape: that of ordinary least squares."""
    terms: Numbers
    """The size of each term, weight and all, relative to that of the sum."""
    text_gain: float
    """What rows with and without the prompt differ by, by the weights, relative to the sum."""
    is_sum: bool
    """False where the stage is no weighted sum: clipping, thresholding, rescaled guidance."""

    @property
    def is_rescaled(self) -> bool:
        """Whether it is a guided output that was rescaled: plain guidance's weights add up to 1."""
        return abs(float(self.weights.sum()) - 1) > _ONE


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much the weights of one mixture differ between two traces."""

    value: float
    """The greatest change of a weight, relative to the weight."""
    error: float
    """The standard error of that change, relative likewise."""


def guidance_mixture(trace: Trace, eps: float) -> Mixture | None:
    """Return by which weights the first guided output is made of the denoiser's rows, if any."""
    rows = _rows(trace)
    found = _mixture(_guided(trace), rows, eps)
    if found is None or not found.is_rescaled:
        return found
    norm = math.sqrt(math.prod(rows[0].shape)) / 12 * EPS["float32"]
    return replace(found, errors=found.errors + norm * abs(found.weights))


def first_step_mixture(trace: Trace, eps: float) -> Mixture | None:
    """Return by which weights the first step's latents are made of sample, output and new noise."""
    made = _first(trace, Stage.DENOISING_STEP)
    if made is None:
        return None
    before = trace[: trace.index(made)]
    terms = [_first(before, Stage.INITIAL_LATENTS), _guided(before)]
    noise = _first(before, Stage.LATER_NOISE)
    return _mixture(made, [*terms, *([noise] if noise else [])], eps)


def shift(accepted: Mixture, present: Mixture) -> Shift:
    """Return the change of the weight that changed most by its own standard error.

    A weight is made of a few numbers from float32 tables, each rounded by half an eps at most: a
    quarter of an eps, of the largest term, is counted as its own standard error, so that 8 of them
    are 2 eps.
    """
    import numpy as np

    change = np.abs(present.weights - accepted.weights)
    size = np.maximum(np.abs(accepted.weights), np.finfo(float).tiny)
    share = accepted.terms / max(float(accepted.terms.max()), np.finfo(float).tiny)
    rounding = np.finfo(np.float32).eps / 4 * size / np.maximum(share, _SMALLEST_SHARE)
    error = np.hypot(np.hypot(accepted.errors, present.errors), rounding)
    worst = int(np.argmax(change / np.maximum(error, np.finfo(float).tiny)))
    return Shift(float(change[worst] / size[worst]), float(error[worst] / size[worst]))


def _first(trace: Trace, stage: Stage) -> StageRecord | None:
    return next((each for each in trace if each.stage is stage), None)


def _rows(trace: Trace) -> list[StageRecord]:
    """Return what guidance mixes: the denoiser's outputs, without the variance if they hold one."""
    noise = [
        each for each in trace if each.stage is Stage.PREDICTED_NOISE and is_denoiser(each.key.part)
    ]
    return noise or [each for each in trace if each.stage is Stage.DENOISER_OUTPUT]


def _guided(trace: Trace) -> StageRecord | None:
    """Return what guidance made of them, without the variance."""
    noise = (
        each
        for each in trace
        if each.stage is Stage.PREDICTED_NOISE and not is_denoiser(each.key.part)
    )
    return next(noise, None) or _first(trace, Stage.GUIDED_OUTPUT)


def _mixture(
    made: StageRecord | None, terms: Sequence[StageRecord | None], eps: float
) -> Mixture | None:
    import numpy as np

    sketches = [_buckets(each) for each in (made, *terms)]
    found = [each for each in sketches if each is not None]
    if not terms or len(found) < len(sketches):
        return None
    target, columns = found[0], np.stack(found[1:], axis=1)
    fit, _, rank, _ = np.linalg.lstsq(columns, target, rcond=None)
    weights = np.asarray(fit, np.float64)
    if rank < len(terms):
        return None
    sizes = np.append(weights * np.linalg.norm(columns, axis=0), np.linalg.norm(target))
    terms_norm = float(np.linalg.norm(sizes))
    missed = float(np.linalg.norm(target - columns @ weights))
    # What the fit misses is the rounding of the sum; no less than that of the sketches themselves.
    scatter = max(missed, _SKETCH_EPS * terms_norm) / np.sqrt(len(target) - len(terms))
    # The norms of the pseudoinverse's rows are the roots of the diagonal of (XᵀX)⁻¹, which itself
    # cannot be had of columns that are almost alike.
    errors: Numbers = scatter * np.linalg.norm(np.linalg.pinv(columns), axis=1)
    shares: Numbers = np.abs(sizes[:-1]) / np.linalg.norm(target)
    apart = columns - columns.mean(axis=1, keepdims=True) if len(terms) > 1 else columns
    text = 2 * np.linalg.norm(apart, axis=0).max() * np.linalg.norm(weights)
    return Mixture(
        weights,
        errors,
        shares,
        text_gain=float(text / np.linalg.norm(target)),
        is_sum=missed <= _STILL_A_SUM * eps * terms_norm,
    )


def _buckets(record: StageRecord | None) -> Numbers | None:
    """Return a sketch's buckets, float64 of shape (256,); None if there are none of any use."""
    import numpy as np

    found = from_text(record.sketch) if record is not None and record.sketch else None
    return found if found is not None and np.isfinite(found).all() and found.any() else None


def likeness(a: StageRecord, b: StageRecord) -> float | None:
    """Estimate the cosine of the angle between two tensors; None without sketches."""
    import numpy as np

    first, second = _buckets(a), _buckets(b)
    if first is None or second is None:
        return None
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / norms if norms else None


def common_factor(a: StageRecord, b: StageRecord) -> float | None:
    """Return k where ``b = k * a`` to within a tenth of their difference; None without such a k."""
    import numpy as np

    first, second = _buckets(a), _buckets(b)
    if first is None or second is None:
        return None
    factor = float(first @ second / (first @ first))
    missed = float(np.linalg.norm(second - factor * first))
    return factor if missed < _UNEXPLAINED * np.linalg.norm(second - first) else None


def offset_between(a: StageRecord, b: StageRecord) -> bool:
    """Say whether ``b`` is ``a`` plus one number a channel, to within a tenth of their difference.

    Channels are the second dimension of pictures, the last of what is packed into rows. Sketching
    is linear: the sketch of such a difference is a sum of those of the channels.
    """
    import numpy as np

    first, second = _buckets(a), _buckets(b)
    if first is None or second is None or a.shape != b.shape:
        return False
    axis = {3: 2, 4: 1, 5: 1}.get(len(a.shape), -1)
    if axis < 0 or a.shape[axis] > _MOST_CHANNELS:
        return False
    at = np.moveaxis(np.broadcast_to(np.arange(a.shape[axis]), _last(a.shape, axis)), -1, axis)
    made = measure([(at == channel).astype(np.float32) for channel in range(a.shape[axis])])
    columns = np.stack([from_text(sketch) for _, sketch in made if sketch], axis=1)
    apart = second - first
    fit = np.linalg.lstsq(columns, apart, rcond=None)[0]
    missed = float(np.linalg.norm(apart - columns @ fit))
    return missed < _UNEXPLAINED * float(np.linalg.norm(apart))


def _last(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Return a shape with one of its dimensions last."""
    return (*shape[:axis], *shape[axis + 1 :], shape[axis])


def guidance_of(trace: Trace) -> float | None:
    """Estimate the guidance scale of the first step from what went into the guidance and came out.

    ``guided = unconditional + scale * (conditional - unconditional)`` (J. Ho, T. Salimans,
    "Classifier-free diffusion guidance", 2022, in diffusers' notation): the scale is the weight of
    the conditional row, and the two weights add up to 1. None where there are not two predictions,
    or the result is no such mixture.
    """
    rows = _rows(trace)
    if len(rows) != 2:  # noqa: PLR2004 - with and without the prompt
        return None
    mixture = guidance_mixture(trace, EPS.get(rows[0].dtype, EPS["float32"]))
    if mixture is None or not mixture.is_sum or abs(mixture.weights.sum() - 1) > _ONE:
        return None
    # One call with both puts the unconditional one first, two calls put it last.
    together = rows[0].source != rows[1].source
    return float(mixture.weights[1 if together else 0])
