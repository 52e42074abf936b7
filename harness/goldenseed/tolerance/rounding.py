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
   the weights come from float32 tables, so these are 2 eps of float32 at least.
5. **From step to step** rounding errors are independent, while what was changed is changed in every
   step in the same way: see ``goldenseed.tolerance.mixtures``. Up to a cosine of 1/2 the systematic
   part has no more power than the random one: weights rounded anew have such a part, and networks
   whose inputs hardly move from step to step round alike (up to 0.46 was seen on one).
6. **Over N steps** the errors of the evaluations add up as a random walk again:
   ``32 sqrt(N) eps``. And rounding does not wait: where the first steps are the same bit for bit,
   it has nothing to do with a later difference.
7. **The VAE** passes on what its latents differ by, at most twice, and adds its own ``8 eps``.

For float64 the eps of float32 is taken: the tables of diffusers' schedulers are float32 whatever
the model's dtype is. ``docs/tolerance.md`` has the margins, measured on four models.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from goldenseed.tolerance.mixtures import (
    EPS,
    coherence,
    first_step_mixture,
    guidance_mixture,
    shift,
)
from goldenseed.trace.sketch import relative_distance
from goldenseed.trace.stages import WITHIN, Stage, StageRecord, Trace

ROUNDED_ONCE = 12**-0.5
"""The root mean square of rounding to the nearest number, in units of the numbers' spacing."""
TABLE = 8.0
NETWORK = 32.0
DECODER = 8.0
STANDARD_ERRORS = 8.0
COSINE = 1 / 2
COHERENT_FROM = 2.0
"""In eps: a difference of the outputs below this is too small to have a direction of its own."""
THROUGH_VAE = 2.0
OF_THE_PICTURE = frozenset({"decoded_distance", "exact_decoded_distance", "pixels"})
"""Measures of the whole picture, of which a suite may ignore parts."""

_Pairs = Mapping[Stage, list[tuple[StageRecord, StageRecord]]]


@dataclass(frozen=True, slots=True)
class TraceMeasure:
    """One thing measured along two traces, and how much of it rounding explains."""

    metric: str
    value: float
    limit: float
    detail: str | None = None
    source: str | None = None
    """Where the limit comes from, if not from the noise."""

    @property
    def explained(self) -> bool:
        """Whether rounding explains it; a value that is not finite is not explained."""
        return self.value <= self.limit


def trace_measures(accepted: Trace, present: Trace, dtype: str) -> tuple[TraceMeasure, ...]:
    """Measure two traces of one recipe, computed in ``dtype`` (torch's name), in the flow's order.

    What cannot be measured is not explained: another dtype or number of stages, values that are not
    finite, and traces that lack what the rule asks for.
    """
    eps = EPS.get(dtype)
    if eps is None:
        return (_unexplained("stages", f"nothing is known of the rounding of {dtype}"),)
    if (reason := _unlike(accepted, present)) is not None:
        return (_unexplained("stages", reason),)
    pairs = _by_stage(accepted, present)
    error = error_of_one_operation(dtype)
    return (
        *_integers(pairs),
        *_tables(pairs),
        *_networks(pairs, error),
        *_mixtures(accepted, present, eps),
        *_first_steps(accepted, present, pairs, eps),
        *_latents(pairs, dtype),
        *_decoder(pairs, dtype),
    )


def up_to_the_decoder(measures: Iterable[TraceMeasure]) -> bool:
    """Whether all is explained but the picture, of which a mask may leave parts out."""
    return all(each.explained for each in measures if each.metric not in OF_THE_PICTURE)


def error_of_one_operation(dtype: str) -> float:
    """Return the relative error that one operation of a network is taken to make in ``dtype``."""
    return EPS[dtype] * (ROUNDED_ONCE if dtype in {"float16", "bfloat16"} else 1.0)


def latents_limit(dtype: str, steps: int) -> float:
    """Return how far apart two images' latents may be after ``steps`` steps."""
    return NETWORK * math.sqrt(steps) * error_of_one_operation(dtype)


def decoder_limit(dtype: str, latents: float) -> float:
    """Return how far apart two decoded images may be whose latents differ by ``latents``."""
    return DECODER * error_of_one_operation(dtype) + THROUGH_VAE * latents


def _unexplained(metric: str, detail: str) -> TraceMeasure:
    return TraceMeasure(metric, 1.0, 0.0, detail)


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


def _by_stage(accepted: Trace, present: Trace) -> _Pairs:
    now = {each.key: each for each in present}
    found: dict[Stage, list[tuple[StageRecord, StageRecord]]] = {stage: [] for stage in Stage}
    for each in accepted:
        if each.key in now:
            found[each.stage].append((each, now[each.key]))
    return found


def distance(a: StageRecord, b: StageRecord) -> float:
    """Return the relative distance of two records; infinite where it cannot be told."""
    found = relative_distance(a, b)
    return math.inf if found is None else found


def _worst(pairs: _Pairs, *stages: Stage) -> float:
    return max((distance(*pair) for stage in stages for pair in pairs[stage]), default=0.0)


def _integers(pairs: _Pairs) -> Iterator[TraceMeasure]:
    for stage in (Stage.TOKEN_IDS, Stage.TIMESTEPS, Stage.SIGMAS):
        exact = [(a, b) for a, b in pairs[stage] if a.sketch is None and b.sketch is None]
        if any(a.sha256 != b.sha256 for a, b in exact):
            yield _unexplained(stage.value, "whole numbers, which no rounding changes")


def _tables(pairs: _Pairs) -> Iterator[TraceMeasure]:
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


def _networks(pairs: _Pairs, error: float) -> Iterator[TraceMeasure]:
    for metric, stage in (
        ("embeddings_distance", Stage.PROMPT_EMBEDDINGS),
        ("denoiser_distance", Stage.DENOISER_OUTPUT),
    ):
        if pairs[stage]:
            yield TraceMeasure(metric, _worst(pairs, stage), NETWORK * error)


def _mixtures(accepted: Trace, present: Trace, eps: float) -> Iterator[TraceMeasure]:
    for metric, read in (
        ("guidance_shift", guidance_mixture),
        ("first_step_shift", first_step_mixture),
    ):
        before, now = read(accepted, eps), read(present, eps)
        if before is None or now is None:
            continue
        if len(before.weights) != len(now.weights) or before.is_sum != now.is_sum:
            yield _unexplained(metric, "no longer the same kind of sum")
        elif before.is_sum:
            found = shift(before, now)
            yield TraceMeasure(metric, found.value, STANDARD_ERRORS * found.error)


def _first_steps(
    accepted: Trace, present: Trace, pairs: _Pairs, eps: float
) -> Iterator[TraceMeasure]:
    steps = pairs[Stage.DENOISING_STEP]
    if len(steps) < 2:  # noqa: PLR2004 - nothing comes twice
        return
    found = coherence(accepted, present)
    if found is None:
        yield _unexplained("coherence", "a trace lacks the outputs of the first steps")
        return
    begins_late = not found.distance and not distance(*steps[0])
    if begins_late and _worst(pairs, Stage.DENOISING_STEP, Stage.LATENTS_BEFORE_VAE):
        yield _unexplained("coherence", "the first steps are identical, and a later one is not")
    elif found.distance > COHERENT_FROM * eps:
        yield TraceMeasure("coherence", found.cosine, COSINE)


def _latents(pairs: _Pairs, dtype: str) -> Iterator[TraceMeasure]:
    stages = (Stage.DENOISING_STEP, Stage.LATENTS_BEFORE_VAE)
    if any(pairs[stage] for stage in stages):
        steps = max(1, len(pairs[Stage.DENOISING_STEP]))
        yield TraceMeasure("latents_distance", _worst(pairs, *stages), latents_limit(dtype, steps))


def _decoder(pairs: _Pairs, dtype: str) -> Iterator[TraceMeasure]:
    before = _worst(pairs, Stage.LATENTS_BEFORE_VAE)
    stages = (Stage.VAE_OUTPUT, Stage.FLOAT_IMAGE)
    if any(pairs[stage] for stage in stages) and math.isfinite(before):
        limit = decoder_limit(dtype, before)
        yield TraceMeasure("decoded_distance", _worst(pairs, *stages), limit)
    same_floats = pairs[Stage.FLOAT_IMAGE] and not _worst(pairs, Stage.FLOAT_IMAGE)
    if same_floats and any(a.sha256 != b.sha256 for a, b in pairs[Stage.PIXELS]):
        yield _unexplained("pixels", "made of the same float image, and not the same")
