"""How far images are from the exact one, which has no rounding to speak of.

Every environment rounds in its own way, but all of them round the same numbers: a new one should be
about as far from the exact image as the old one was. What was changed lies elsewhere, and is
farther: so the scale of rounding need not be assumed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from goldenseed.baselines.entry import ExactImage
from goldenseed.tolerance.rounding import THROUGH_VAE, TraceMeasure, distance
from goldenseed.trace.stages import Stage, Trace

LATENTS, DECODED = "exact_latents_distance", "exact_decoded_distance"
STAGES: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
    {
        "exact_embeddings_distance": (Stage.PROMPT_EMBEDDINGS,),
        "exact_denoiser_distance": (Stage.DENOISER_OUTPUT,),
        "exact_guided_distance": (Stage.GUIDED_OUTPUT,),
        LATENTS: (Stage.DENOISING_STEP, Stage.LATENTS_BEFORE_VAE),
        DECODED: (Stage.VAE_OUTPUT, Stage.FLOAT_IMAGE),
    }
)
"""Metric → the stages at which it is measured; the farthest counts."""
REPLACED = frozenset({"embeddings_distance", "denoiser_distance", "latents_distance"})
"""Distances from the accepted image whose limits are assumed, where an exact one is kept.

That of the decoded image is not among them: it has less to assume.
"""


def stages_of(trace: Trace) -> Trace:
    """Return the records of an exact image's trace that are kept.

    Of the denoising steps the last one, and only where no VAE is given latents.
    """
    wanted = {stage for stages in STAGES.values() for stage in stages}
    decodes = any(each.stage is Stage.LATENTS_BEFORE_VAE for each in trace)
    last = max((each.index for each in trace if each.stage is Stage.DENOISING_STEP), default=None)
    return tuple(
        each
        for each in trace
        if each.stage in wanted
        and (each.stage is not Stage.DENOISING_STEP or (not decodes and each.index == last))
    )


def exact_distances(exact: Trace, present: Trace) -> dict[str, float]:
    """Return metric → relative L2 distance of ``present`` from ``exact``, of the latter's stages.

    Infinite where ``present`` lacks one, or its values are not finite.
    """
    now = {each.key: each for each in present}
    found: dict[str, float] = {}
    for metric, stages in STAGES.items():
        records = [each for each in exact if each.stage in stages and each.sketch and each.norm]
        pairs = [(each, now.get(each.key)) for each in records]
        if pairs:
            found[metric] = max(distance(a, b) if b else math.inf for a, b in pairs)
    return found


def exact_measures(kept: ExactImage, exact: Trace, present: Trace) -> tuple[TraceMeasure, ...]:
    """Hold an image's distances from the exact one against those of the images accepted.

    A decoder passes on what it was given, at most twice: the decoded image may be farther by twice
    what the latents are farther than the accepted ones.
    """
    found = exact_distances(exact, present)
    passed_on = max(0.0, found.get(LATENTS, 0.0) - kept.distances.get(LATENTS, 0.0))
    measures = []
    for metric, limit in kept.limits.items():
        if metric in found:
            more = THROUGH_VAE * passed_on if metric == DECODED and math.isfinite(passed_on) else 0
            source = f"exact image; the accepted one is {kept.distances[metric]:.1e} from it"
            measures.append(TraceMeasure(metric, found[metric], limit + more, source=source))
    return tuple(measures)
