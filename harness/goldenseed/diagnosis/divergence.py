"""Where two images part, how the difference grows from step to step, and both in words.

Rounding errors of the steps are independent, so they add up as a random walk does: the second step
brings a factor of the square root of 2, each later one less. A change that is made anew in every
step (weights, guidance, arithmetic of the scheduler) adds up in one direction: a factor of 2 at the
second step. What a model makes of differences comes on top of both. Measured on the embedded model
(three images each; docs/diagnosis.md): rounding at most 1.7, a change in every step at least 2.0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import geometric_mean
from typing import Final

from goldenseed.diagnosis.model import FirstDivergence, Growth, GrowthKind, Jump, LayerDivergence
from goldenseed.diagnosis.places import rounding_of
from goldenseed.trace.distances import Pair, StageDistance, aligned, either, same, stage_distance
from goldenseed.trace.files import LayerRecord
from goldenseed.trace.sketch import relative_distance
from goldenseed.trace.stages import Stage, StageRecord, Trace

JUMP: Final = 10.0
"""Growth from one stage to the next, on top of a difference, that no step of a sampler explains."""
ADDS_UP: Final = 1.85
"""Growth from one step to the next from which a change is made anew in every step."""
CONSTANT: Final = 2.0
"""Up to which factor over all steps a difference counts as there from the start."""
_LATENTS_TO_IMAGE = frozenset(
    {Stage.INITIAL_LATENTS, Stage.DENOISING_STEP, Stage.LATENTS_BEFORE_VAE, Stage.FLOAT_IMAGE}
)


def jump_of(distances: Sequence[StageDistance]) -> Jump | None:
    """Return the steepest rise from one stage to the next, if it is more than tenfold."""
    moved = [
        (each, each.distance)
        for each in distances
        if each.stage in _LATENTS_TO_IMAGE and each.distance
    ]
    rises = (
        Jump(stage=each.stage, index=each.index, factor=distance / before)
        for (_, before), (each, distance) in pairwise(moved)
    )
    steepest = max(rises, key=lambda rise: rise.factor, default=None)
    return steepest if steepest is not None and steepest.factor > JUMP else None


def growth_of(distances: Sequence[StageDistance], dtype: str) -> Growth | None:
    """Say how the difference grows along the steps; None for fewer than two steps that differ.

    ``dtype`` is that of the latents. A change so small that rounding hides it grows as rounding
    does: that a growth is ``rounding_like`` acquits nobody.
    """
    steps = [
        each.distance for each in distances if each.stage is Stage.DENOISING_STEP and each.distance
    ]
    if len(steps) < 2:  # noqa: PLR2004 - one is no growth
        return None
    factors = [after / before for before, after in pairwise(steps)]
    return Growth(
        kind=_kind(distances, steps, max(factors), rounding_of([dtype])),
        steepest=max(factors),
        per_step=geometric_mean(factors),
    )


def _kind(
    distances: Sequence[StageDistance], steps: Sequence[float], steepest: float, rounding: float
) -> GrowthKind:
    if jump_of(distances):
        return GrowthKind.JUMP
    if steepest > ADDS_UP:
        return GrowthKind.ADDS_UP
    if steps[0] <= rounding:
        return GrowthKind.ROUNDING_LIKE
    return GrowthKind.CONSTANT if steps[-1] <= CONSTANT * steps[0] else GrowthKind.AMPLIFIED


_WITH_SOURCE = (Stage.WRITTEN_PROMPT, Stage.TOKEN_IDS, Stage.PROMPT_EMBEDDINGS)
_GOES_WITHOUT_SAYING = {
    Stage.WRITTEN_PROMPT: Stage.TOKEN_IDS,
    Stage.TOKEN_IDS: Stage.PROMPT_EMBEDDINGS,
    Stage.SIGMAS: Stage.TIMESTEPS,
    Stage.INITIAL_LATENTS: Stage.INITIAL_NOISE,
    Stage.INITIAL_NOISE: Stage.DENOISING_STEP,
    Stage.TIMESTEPS: Stage.DENOISING_STEP,
    Stage.PROMPT_EMBEDDINGS: Stage.DENOISING_STEP,
    Stage.DENOISING_STEP: Stage.LATENTS_BEFORE_VAE,
    Stage.LATENTS_BEFORE_VAE: Stage.FLOAT_IMAGE,
    Stage.FLOAT_IMAGE: Stage.UNPROCESSED,
    Stage.UNPROCESSED: Stage.POSTPROCESSED,
}
"""Where the second of a pair is identical, that the first is needs no words."""


def divergence_in_words(pairs: Sequence[Pair], place: int) -> str:
    """Say which stage differs, the first at ``place``, and what before it is identical."""
    text = _named(pairs, place) + _change(*pairs[place])
    same = _identical_before(pairs, place)
    if not same:
        return text
    *others, last = same
    listed = f"{', '.join(others)} and {last}" if others else last
    verb = "is" if same in (["initial noise"], ["float image"], ["written prompt"]) else "are"
    return f"{text}; {listed} {verb} identical"


def _named(pairs: Sequence[Pair], place: int) -> str:
    record = either(pairs[place])
    alike = _series(pairs, record)
    if record.stage is Stage.DENOISING_STEP:
        return f"{record.key.words} of {len(alike)}"
    name = record.stage.words
    if record.stage is Stage.POSTPROCESSED:
        name = f"{name} `{record.source}`"
    if record.stage in _WITH_SOURCE and record.source:
        name = f"{name} of {record.source}"
    return f"{name} ({record.index + 1} of {len(alike)})" if len(alike) > 1 else name


def _change(accepted: StageRecord | None, present: StageRecord | None) -> str:
    if accepted is None:
        return ", which the accepted image's trace lacks"
    if present is None:
        return ", which only the accepted image's trace has"
    if accepted.dtype != present.dtype:
        return f", {accepted.dtype} → {present.dtype}"
    if accepted.shape != present.shape:
        return f", shape {_shape(accepted)} → {_shape(present)}"
    return ""


def _shape(record: StageRecord) -> str:
    return " x ".join(map(str, record.shape)) or "()"


def _identical_before(pairs: Sequence[Pair], place: int) -> list[str]:
    """Name the kinds of stages that lie wholly before ``place`` and are therefore identical."""
    before = dict.fromkeys(either(pair).stage for pair in pairs[:place])
    later = {either(pair).stage for pair in pairs[place:]}
    whole = [stage for stage in before if stage not in later]
    return [
        f"{each.words}s" if each is Stage.DENOISING_STEP else each.words
        for each in whole
        if not _implied(each, whole)
    ]


def _series(pairs: Sequence[Pair], record: StageRecord) -> list[StageRecord]:
    return [each for each in map(either, pairs) if each.key.series == record.key.series]


def _implied(stage: Stage, whole: Sequence[Stage]) -> bool:
    later = _GOES_WITHOUT_SAYING.get(stage)
    return later is not None and (later in whole or _implied(later, whole))


def first_divergence(accepted: Trace, present: Trace) -> FirstDivergence | None:
    """Return the first stage that differs, or that only one trace has; None if none does."""
    pairs = aligned(accepted, present)
    differing = next((pair for pair in pairs if not same(pair)), None)
    if differing is None:
        return None
    record = either(differing)
    distances = tuple(stage_distance(pair) for pair in pairs)
    steps = (each for each in map(either, pairs) if each.stage is Stage.DENOISING_STEP)
    return FirstDivergence(
        stage=record.stage,
        index=record.index,
        of=len(_series(pairs, record)),
        source=record.source,
        words=divergence_in_words(pairs, pairs.index(differing)),
        distances=distances,
        jump=jump_of(distances),
        growth=growth_of(distances, next((step.dtype for step in steps), "")),
    )


def first_differing_layer(
    before: Iterable[LayerRecord], now: Iterable[LayerRecord]
) -> LayerDivergence:
    """Compare two deep traces, calls matched by module and number, in the order of ``now``.

    The records come in the order in which calls ended, so that inner layers come before those they
    are in. Named is the first call whose output differs although its inputs agree: the layer itself
    computes otherwise. Where a function between the layers does (attention that is no module of its
    own), that is the innermost layer around it. If every differing call was given other inputs, the
    difference came from outside, and the first of them is named.
    """
    known = {(each.module, each.call): each for each in before}
    calls: Counter[str] = Counter()
    first: tuple[LayerRecord, LayerRecord] | None = None
    culprit: tuple[LayerRecord, LayerRecord] | None = None
    compared = extra = 0
    for record in now:
        calls[record.module] += 1
        other = known.get((record.module, record.call))
        if other is None:
            extra += 1
            continue
        compared += 1
        if culprit is None and other.sha256 != record.sha256:
            first = first or (other, record)
            if other.inputs == record.inputs:
                culprit = other, record
    lacking = len(known) - compared + extra
    found = culprit or first
    if found is None:
        return LayerDivergence(compared=compared, only_in_one=lacking)
    a, b = found
    return LayerDivergence(
        module=b.module,
        call=b.call,
        of=calls[b.module],
        same_inputs=culprit is not None,
        distance=relative_distance(a, b),
        compared=compared,
        only_in_one=lacking,
    )


def layer_in_words(found: LayerDivergence) -> str:
    """Say it in one line for people."""
    lacking = f"; {found.only_in_one:,} calls are in one trace only" if found.only_in_one else ""
    if found.module is None:
        if not found.compared:
            return f"the two deep traces have no layer in common{lacking}"
        return f"every layer is identical in all {found.compared:,} calls{lacking}"
    inputs = "its inputs are identical" if found.same_inputs else "its inputs differ already"
    distance = "" if found.distance is None else f"; relative distance {found.distance:.1e}"
    return (
        f"first differing layer: {found.module}, call {found.call + 1} of {found.of}; "
        f"{inputs}{distance}{lacking}"
    )
