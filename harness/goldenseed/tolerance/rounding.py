"""What rounding explains along a trace, as long as nobody has measured it.

Two traces are judged stage by stage, each by what its own arithmetic can do to it. ``eps`` is the
spacing of the dtype's numbers at 1; distances are relative L2 distances.

1. **Integers** (token ids, integer timesteps) have no rounding: they are the same or changed.
2. **Tables and noise** (timesteps, sigmas, initial noise) are a few elementary functions, each good
   to a few units in the last place in every library in use: at most ``8 eps`` of their own dtype.
3. **One evaluation of a network** is a chain of n rounded operations. Independent errors of about
   one eps each add up as a random walk, to ``sqrt(n) eps`` (N. Higham, T. Mary, "A new approach to
   probabilistic rounding error analysis", SIAM J. Sci. Comput. 41, 2019). The deepest denoiser in
   common use (SDXL's UNet: 70 transformer blocks of 12 operations, 17 residual blocks) has about
   1,000, a decoder of Stable Diffusion's VAE 64: ``32 eps`` and ``8 eps``. In float16 and bfloat16
   sums run in float32 and are rounded once, by ``eps / sqrt(12)`` on average: that much less.
4. **Guidance and the scheduler's first step** are weighted sums, whose weights can be read from the
   sketches: see ``goldenseed.tolerance.mixtures``. They may differ by 8 of their standard errors;
   the weights come from float32 tables, so these are 2 eps of float32 at least. Where guidance is
   rescaled to a norm, its weights move with the rows as well: a norm by as much as they do, that of
   the sum ``guidance_gain`` times as much.
5. **From step to step** rounding errors are independent, while what was changed is changed in every
   step in the same way, and so is what the steps share: see ``goldenseed.tolerance.coherence``. Up
   to a cosine of 1/2 the systematic part has no more power than the random one: weights rounded
   anew have such a part, and networks whose inputs hardly move from step to step round alike (up to
   0.46 was seen on one).
6. **Over N steps** the errors of the evaluations add up as a random walk again: ``32 sqrt(N) eps``.
   Models that amplify exceed that. A step passes a difference of its sample on through sample and
   output, the output through network (``GAIN``) and guidance (``guidance_gain``), and the sum of
   both may be smaller than its terms, by ``GAIN`` again. In float32 rounding does not wait: where
   the first steps are the same bit for bit, it has nothing to do with a later difference. In half
   precision values are rounded alike until one tips.
7. **The picture**: see ``goldenseed.tolerance.decoding``.

For float64 the eps of float32 is taken: the tables of diffusers' schedulers are float32 whatever
the model's dtype is. ``docs/tolerance.md`` has the margins, measured on four models.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from goldenseed.suite.parts import Given, given_as
from goldenseed.tolerance.coherence import (
    COSINE,
    GAIN,
    Shared,
    coherence,
    coherence_limit,
    guidance_gain,
)
from goldenseed.tolerance.decoding import decoding_measures
from goldenseed.tolerance.measures import (
    HALF_PRECISION,
    SKETCHED,
    Pairs,
    TraceMeasure,
    by_stage,
    distance,
    error_of_one_operation,
    unexplained,
    worst,
)
from goldenseed.tolerance.mixtures import EPS, first_step_mixture, guidance_mixture, shift
from goldenseed.trace.stages import WITHIN, Stage, Trace

__all__ = ["COSINE", "TraceMeasure", "distance", "error_of_one_operation"]
GUIDANCE = "guidance_shift"
TABLE = 8.0
NETWORK = 32.0
DECODER = 8.0
STANDARD_ERRORS = 8.0
COHERENT_FROM = 2.0
"""In eps: a difference of the outputs below this is too small to have a direction of its own."""
THROUGH_VAE = 2.0
OF_THE_PICTURE = frozenset({"decoded_distance", "exact_decoded_distance", "float_image", "pixels"})
"""Measures of the whole picture, of which a suite may ignore parts."""


def trace_measures(accepted: Trace, present: Trace, dtype: str) -> tuple[TraceMeasure, ...]:
    """Measure two traces of one recipe, computed in ``dtype`` (torch's name), in the flow's order.

    What cannot be measured is not explained: another dtype or number of stages, values that are not
    finite, and traces that lack what the rule asks for.
    """
    eps = EPS.get(dtype)
    if eps is None:
        return (unexplained("stages", f"nothing is known of the rounding of {dtype}"),)
    if (reason := _unlike(accepted, present)) is not None:
        return (unexplained("stages", reason),)
    pairs = by_stage(accepted, present)
    error = error_of_one_operation(dtype)
    return (
        *_integers(pairs),
        *_tables(pairs),
        *_networks(pairs, error),
        *_mixtures(accepted, present, pairs, eps),
        *_first_steps(accepted, present, pairs, dtype),
        *_latents(accepted, pairs, dtype),
        *decoding_measures(pairs, dtype),
    )


def up_to_the_decoder(measures: Iterable[TraceMeasure]) -> bool:
    """Whether all is explained but the picture, of which a mask may leave parts out."""
    return all(each.explained for each in measures if each.metric not in OF_THE_PICTURE)


def latents_limit(dtype: str, steps: int) -> float:
    """Return how far apart two images' latents may be after ``steps`` steps."""
    return NETWORK * math.sqrt(steps) * error_of_one_operation(dtype)


def decoder_limit(dtype: str, latents: float) -> float:
    """Return how far apart two decoded images may be whose latents differ by ``latents``."""
    return DECODER * error_of_one_operation(dtype) + THROUGH_VAE * latents


def _unlike(accepted: Trace, present: Trace) -> str | None:
    """Say in what the two traces are not of one kind."""
    before, now = (
        {each.key: each for each in trace if each.stage not in WITHIN}
        for trace in (accepted, present)
    )
    if missing := next((key for key in (*before, *now) if (key in before) != (key in now)), None):
        number, source = missing.index + 1, missing.source or "the pipeline"
        return f"only one of the traces has {missing.stage.words} {number} of {source}"
    for key, a in before.items():
        b = now[key]
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return f"{a.stage.words}: {a.dtype} {list(a.shape)} became {b.dtype} {list(b.shape)}"
    return None


def _integers(pairs: Pairs) -> Iterator[TraceMeasure]:
    for stage in (Stage.TOKEN_IDS, Stage.TIMESTEPS, Stage.SIGMAS):
        exact = [(a, b) for a, b in pairs[stage] if a.sketch is None and b.sketch is None]
        if any(a.sha256 != b.sha256 for a, b in exact):
            yield unexplained(stage.value, "whole numbers, which no rounding changes")


def _tables(pairs: Pairs) -> Iterator[TraceMeasure]:
    tables = {
        "timesteps_distance": (Stage.TIMESTEPS,),
        "sigmas_distance": (Stage.SIGMAS,),
        "noise_distance": (Stage.INITIAL_NOISE, Stage.LATER_NOISE, Stage.INITIAL_LATENTS),
    }
    for metric, stages in tables.items():
        floats = [pair for stage in stages for pair in pairs[stage] if pair[0].sketch is not None]
        if floats:
            eps = max(EPS.get(a.dtype, 0.0) for a, _ in floats)
            yield TraceMeasure(metric, max(distance(*pair) for pair in floats), TABLE * eps)


def _networks(pairs: Pairs, error: float) -> Iterator[TraceMeasure]:
    for metric, stage in (
        ("embeddings_distance", Stage.PROMPT_EMBEDDINGS),
        ("denoiser_distance", Stage.DENOISER_OUTPUT),
    ):
        if pairs[stage]:
            yield TraceMeasure(metric, worst(pairs, stage), NETWORK * error)


def _mixtures(accepted: Trace, present: Trace, pairs: Pairs, eps: float) -> Iterator[TraceMeasure]:
    for metric, read in (
        (GUIDANCE, guidance_mixture),
        ("first_step_shift", first_step_mixture),
    ):
        before, now = read(accepted, eps), read(present, eps)
        if before is None or now is None:
            continue
        if len(before.weights) != len(now.weights) or before.is_sum != now.is_sum:
            yield unexplained(metric, "no longer the same kind of sum")
        elif before.is_sum:
            found = shift(before, now)
            norms = 0.0
            if metric == GUIDANCE and before.is_rescaled:
                moved = worst(pairs, Stage.DENOISER_OUTPUT)
                norms = (1 + guidance_gain(accepted, eps)) * moved
            yield TraceMeasure(metric, found.value, STANDARD_ERRORS * found.error + norms)


def _first_steps(
    accepted: Trace, present: Trace, pairs: Pairs, dtype: str
) -> Iterator[TraceMeasure]:
    steps = pairs[Stage.DENOISING_STEP]
    if len(steps) < 2:  # noqa: PLR2004 - nothing comes twice
        return
    found = coherence(accepted, present)
    if found is None:
        yield unexplained("coherence", "a trace lacks the outputs of the first steps")
        return
    begins_late = not found.distance and not distance(*steps[0])
    if begins_late and worst(pairs, Stage.DENOISING_STEP, Stage.LATENTS_BEFORE_VAE):
        yield _late(pairs, dtype)
    elif found.distance > COHERENT_FROM * EPS[dtype]:
        shared = _shared(pairs, NETWORK * error_of_one_operation(dtype))
        limit = coherence_limit(accepted, found, shared, EPS[dtype])
        yield TraceMeasure("coherence", found.cosine, limit)


def _late(pairs: Pairs, dtype: str) -> TraceMeasure:
    """Measure where a difference begins after the first steps: in half precision it may be a tip.

    Values that are rounded to few digits are alike until one of them lies at an edge. What it moves
    is one spacing of the numbers, passed on by the rest of that step.
    """
    if dtype not in HALF_PRECISION:
        detail = "the first steps are identical, and a later one is not"
        return unexplained("coherence", detail)
    stages = (Stage.DENOISING_STEP, Stage.LATENTS_BEFORE_VAE)
    moved = [distance(*pair) for stage in stages for pair in pairs[stage]]
    begun = next(each for each in moved if each)
    return TraceMeasure("late_beginning", begun, GAIN * EPS[dtype])


def _shared(pairs: Pairs, most: float) -> Shared:
    """Return how far apart is what all steps share, ``most`` at most: embeddings and noise."""
    given = (
        distance(a, b)
        for a, b in pairs[Stage.DENOISER_INPUT]
        if given_as(a.key.value) in {Given.TEXT, Given.IMAGE}
    )
    finite = (each for each in given if math.isfinite(each))
    embeddings = max(worst(pairs, Stage.PROMPT_EMBEDDINGS), *finite, 0.0)
    noise = worst(pairs, Stage.INITIAL_NOISE, Stage.INITIAL_LATENTS)
    return Shared(min(embeddings, most), min(noise, most))


def _latents(accepted: Trace, pairs: Pairs, dtype: str) -> Iterator[TraceMeasure]:
    """Measure each step's latents, the one that comes nearest to its limit.

    They may also be as far apart as one step makes of what it is given.
    """
    moved = [
        distance(*pair)
        for stage in (Stage.DENOISING_STEP, Stage.LATENTS_BEFORE_VAE)
        for pair in pairs[stage]
    ]
    if not moved:
        return
    walk = latents_limit(dtype, max(1, len(pairs[Stage.DENOISING_STEP])))
    output = GAIN * guidance_gain(accepted, EPS[dtype])
    own = output * NETWORK * error_of_one_operation(dtype)
    passed_on = (SKETCHED * GAIN * (1 + output) * before for before in (0.0, *moved))
    limits = [max(walk, own + each) for each in passed_on]
    found = max(zip(moved, limits, strict=False), key=lambda each: each[0] / each[1])
    yield TraceMeasure("latents_distance", *found)
