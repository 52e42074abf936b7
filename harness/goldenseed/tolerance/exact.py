"""How far images are from the exact one, which has no rounding to speak of.

Every environment rounds in its own way, but all of them round the same numbers: a new one should be
about as far from the exact image as the old one was, whatever the direction. What was changed
lies elsewhere, and is farther. So the scale of rounding, which otherwise has to be assumed for
networks of unknown depth, is measured on the very case.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from goldenseed.baselines.entry import ExactImage
from goldenseed.tolerance.rounding import THROUGH_VAE, TraceMeasure
from goldenseed.trace.sketch import relative_distance
from goldenseed.trace.stages import Stage, StageRecord, Trace

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
    """Return metric → relative L2 distance of ``present`` from ``exact``, as traces tell it.

    Of the stages that ``exact`` has; infinite where ``present`` lacks one or its values are not
    finite. A metric of which ``exact`` has no stage is left out.
    """
    now = {each.key: each for each in present}
    found: dict[str, float] = {}
    for metric, stages in STAGES.items():
        records = [each for each in exact if each.stage in stages and each.sketch and each.norm]
        if records:
            found[metric] = max(_distance(each, now.get(each.key)) for each in records)
    return found


def exact_measures(kept: ExactImage, exact: Trace, present: Trace) -> tuple[TraceMeasure, ...]:
    """Hold an image's distances from the exact one against those of the images accepted.

    A decoder passes on what it was given, at most twice: the decoded image may be farther by twice
    what the latents are farther than the accepted ones.
    """
    return tuple(_measures(kept, exact_distances(exact, present)))


def _measures(kept: ExactImage, found: Mapping[str, float]) -> Iterator[TraceMeasure]:
    passed_on = max(0.0, found.get(LATENTS, 0.0) - kept.distances.get(LATENTS, 0.0))
    for metric, limit in kept.limits.items():
        if metric in found:
            more = THROUGH_VAE * passed_on if metric == DECODED and math.isfinite(passed_on) else 0
            source = f"exact image; the accepted one is {kept.distances[metric]:.1e} from it"
            yield TraceMeasure(metric, found[metric], limit + more, source=source)


def _distance(exact: StageRecord, present: StageRecord | None) -> float:
    found = None if present is None else relative_distance(exact, present)
    return math.inf if found is None else found
