"""At which places the verdict's own measures exceed what rounding explains."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from goldenseed.diagnosis.places import Place
from goldenseed.tolerance.mixtures import EPS
from goldenseed.tolerance.rounding import (
    TraceMeasure,
    decoder_limit,
    latents_limit,
    trace_measures,
)
from goldenseed.trace.sketch import relative_distance
from goldenseed.trace.stages import Stage, Trace

_TEXT: Final = frozenset({Stage.TOKEN_IDS, Stage.PROMPT_EMBEDDINGS})
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

    Empty where the two traces are not of one kind. ``dtype`` is torch's name; else the latents'.
    """
    comparable = _comparable(accepted, present)
    measures = trace_measures(*comparable, dtype or _dtype(present))
    unexplained = {each.metric: each for each in measures if not each.explained}
    found: dict[Place, TraceMeasure] = {}
    for metric, (place, causes) in _MEASURES.items():
        measure = unexplained.get(metric)
        if measure and measure.detail is None and not causes & unexplained.keys():
            found.setdefault(place, measure)
    return found


def _comparable(accepted: Trace, present: Trace) -> tuple[Trace, Trace]:
    """Leave out texts of which one side has more, or longer ones: weights of sums need none."""
    shapes = [{each.key: (each.shape, each.dtype) for each in side} for side in (accepted, present)]
    kept = (
        tuple(
            each
            for each in side
            if each.stage not in _TEXT or shapes[0].get(each.key) == shapes[1].get(each.key)
        )
        for side in (accepted, present)
    )
    before, now = kept
    return before, now


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
