"""Where two traces differ by more than rounding explains, and what their sketches tell.

A distance alone tells little near the limit, and nothing below it. The verdict also looks at the
weights of sums and at the direction of differences (``goldenseed.tolerance.rounding``), which tell
a faint change from rounding of the same size. Each measure counts at the place where it is made,
and only where no measure before it is beyond its limit already: what follows from a change is no
other.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from goldenseed.diagnosis.places import Place
from goldenseed.tolerance.mixtures import buckets_of, guidance_mixture
from goldenseed.tolerance.rounding import (
    EPS,
    TraceMeasure,
    decoder_limit,
    latents_limit,
    trace_measures,
)
from goldenseed.trace.sketch import relative_distance
from goldenseed.trace.stages import Stage, StageRecord, Trace

_TABLES: Final = frozenset({"timesteps", "sigmas", "timesteps_distance", "sigmas_distance"})
_GIVEN: Final = _TABLES | {"token_ids", "noise_distance", "embeddings_distance"}
_EVALUATED: Final = _GIVEN | {"denoiser_distance", "guidance_shift", "first_step_shift"}
_MEASURES: Final[Mapping[str, tuple[Place, frozenset[str]]]] = MappingProxyType(
    {
        "timesteps_distance": (Place.SCHEDULE, frozenset()),
        "sigmas_distance": (Place.SCHEDULE, frozenset()),
        "embeddings_distance": (Place.EMBEDDINGS, frozenset({"token_ids"})),
        "denoiser_distance": (Place.DENOISER, _GIVEN),
        "guidance_shift": (Place.GUIDANCE, frozenset()),
        "first_step_shift": (Place.FIRST_STEP, _TABLES),
        "coherence": (Place.DENOISER, _EVALUATED),
        "latents_distance": (Place.LATER_STEP, _EVALUATED | {"coherence"}),
        "decoded_distance": (Place.VAE, frozenset({"latents_distance"})),
    }
)
"""Where each is made, and the measures of which it is a consequence.

The weights of a sum depend on none of its terms, and what a VAE may make of a difference of its
latents is in its limit.
"""


def beyond_rounding(
    accepted: Trace, present: Trace, dtype: str | None = None
) -> Mapping[Place, TraceMeasure]:
    """Return what rounding does not explain, by the place where it arises.

    Empty where rounding explains it all, and where the two traces are not of one kind.

    Args:
        accepted: the accepted image's trace.
        present: that of the present one.
        dtype: torch's name of what they were computed in; that of the latents if it is not given.

    """
    measures = trace_measures(accepted, present, dtype or _dtype(present))
    unexplained = {each.metric: each for each in measures if not each.explained}
    found: dict[Place, TraceMeasure] = {}
    for metric, (place, causes) in _MEASURES.items():
        measure = unexplained.get(metric)
        if measure and measure.detail is None and not causes & unexplained.keys():
            found.setdefault(place, measure)
    return found


def image_beyond_rounding(
    accepted: Trace, present: Trace, dtype: str | None = None
) -> TraceMeasure | None:
    """Return how far the float images are apart, if rounding in all steps does not explain it.

    For traces whose stages cannot be compared: those of an image that was made in a batch.
    """
    dtype = dtype or _dtype(present)
    images = [
        [each for each in trace if each.stage is Stage.FLOAT_IMAGE] for trace in (accepted, present)
    ]
    if dtype not in EPS or not all(images):
        return None
    steps = sum(each.stage is Stage.DENOISING_STEP for each in present)
    limit = decoder_limit(dtype, latents_limit(dtype, max(1, steps)))
    distance = relative_distance(images[0][0], images[1][0])
    if distance is None or distance <= limit:
        return None
    return TraceMeasure("image_distance", distance, limit)


def _dtype(trace: Trace) -> str:
    return next((each.dtype for each in trace if each.stage is Stage.DENOISING_STEP), "")


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
