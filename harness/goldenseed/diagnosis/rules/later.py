"""What the trace shows of a difference that begins after the first step.

Weights and arithmetic are at work in every step, so it is something that depends on the step: a
schedule of the guidance, results that are taken again, latents that a callback changes, or the
scheduler. What a step makes is a sum of its sample and of what it is given, guidance applied, so
that where the sample is the same, the difference of the result points as that of the output does.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto

from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.foreign import acts_at
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.suspicion import (
    LIKELY,
    POSSIBLE,
    SHOWN,
    Suspicion,
    is_rounding,
    near_the_limit,
)
from goldenseed.trace.distances import Pair, either, stage_distance
from goldenseed.trace.sketch import from_text
from goldenseed.trace.stages import Stage, StageRecord, Trace

_PARALLEL = 0.98
"""From this cosine on, of two sketches, two differences are one by a factor."""


class _Made(Enum):
    """How the difference of a step's result goes with that of what the step was given."""

    OF_THE_SAME = auto()
    BY_THE_OUTPUT = auto()
    BY_MORE = auto()
    UNKNOWN = auto()


def later(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain a later step that differs after a first one that does not, from the trace alone.

    More or fewer steps are for the rule of the schedule.
    """
    if root.place is not Place.LATER_STEP or is_rounding(findings, root):
        return
    if len(root.one_sided) == len(root.differing):
        return
    pair = _first(findings, root)
    step = either(pair).index + 1
    distance = stage_distance(pair).distance
    far = "" if distance is None else f" (relative distance {distance:.1e})"
    evidence = f"step {step} is the first that differs{far}; the first step is the same"
    if root.beyond is not None or len(findings.roots) > 1:
        evidence = "the first step differs by rounding at most, a later one by more"
    words = f"from step {step} on"
    near = root.beyond is not None and near_the_limit(findings, root)
    match _Made.UNKNOWN if near else _made(findings, root, pair):
        case _Made.OF_THE_SAME:
            said = "the scheduler makes something else of the same sample and prediction"
            yield Suspicion(Cause.SCHEDULER, SHOWN, words, (evidence, said))
        case _Made.BY_THE_OUTPUT:
            yield from _predicted(findings, words, evidence)
        case _Made.BY_MORE:
            said = "the latents were changed after the step before"
            weight = LIKELY if acts_at(findings, root.place, by_name=True) else SHOWN
            yield Suspicion(Cause.CALLBACK, weight, words, (evidence, said))
        case _Made.UNKNOWN:
            yield from _anything(findings, words, evidence)


def _first(findings: Findings, root: Root) -> Pair:
    """Return the first step that differs, by more than rounding if one does."""
    limit = findings.rounding(root)
    far = (
        pair
        for pair in root.differing
        if None in pair or (stage_distance(pair).distance or 0.0) > limit
    )
    return next(far, root.differing[0])


def _made(findings: Findings, root: Root, pair: Pair) -> _Made:
    step = either(pair).index
    outputs = [
        _output(side.trace or (), step)
        for side in (findings.sides.accepted, findings.sides.present)
    ]
    clipped = ("scheduler.config.thresholding", "scheduler.config.clip_sample")
    if (
        None in outputs
        or either(pair).norm is None
        or any(findings.value(key) is True for key in clipped)
    ):
        return _Made.UNKNOWN
    apart = stage_distance((outputs[0], outputs[1])).distance
    if apart is not None and apart <= findings.rounding(root):
        return _Made.OF_THE_SAME
    cosine = _cosine((outputs[0], outputs[1]), pair)
    if cosine is None:
        return _Made.UNKNOWN
    return _Made.BY_THE_OUTPUT if abs(cosine) > _PARALLEL else _Made.BY_MORE


def _output(trace: Trace, step: int) -> StageRecord | None:
    """Return what a step, counted from 0, was given, guidance applied; None if not recorded."""
    found = (each for each in trace if each.stage is Stage.LATER_OUTPUT)
    return next((each for each in found if each.index == step - 1), None)


def _cosine(outputs: Pair, results: Pair) -> float | None:
    import numpy as np

    differences = []
    for before, now in (outputs, results):
        if before is None or now is None or not before.sketch or not now.sketch:
            return None
        differences.append(from_text(now.sketch) - from_text(before.sketch))
    if either(outputs).shape != either(results).shape:  # a predicted variance beside the noise
        return None
    size = float(np.linalg.norm(differences[0]) * np.linalg.norm(differences[1]))
    return float(differences[0] @ differences[1]) / size if size > 0 else None


def _predicted(findings: Findings, words: str, evidence: str) -> Iterator[Suspicion]:
    """Explain another prediction from the same sample, after predictions that were the same."""
    said = (evidence, "what the step is given differs, and nothing else in the step does")
    guided = _is_guided(findings)
    yield Suspicion(Cause.GUIDANCE, LIKELY if guided else POSSIBLE, words, said)
    yield Suspicion(Cause.CACHE, LIKELY / 2 if guided else LIKELY, words, said)
    yield Suspicion(Cause.PATCH, POSSIBLE, words, said)
    yield Suspicion(Cause.PROMPT, POSSIBLE / 2, words, said)


def _anything(findings: Findings, words: str, evidence: str) -> Iterator[Suspicion]:
    """Share a later step between what depends on the step, by what is known to be as it was."""
    weights = {
        Cause.CALLBACK: LIKELY / 2,
        Cause.GUIDANCE: LIKELY / 2 if _is_guided(findings) else 1,
    }
    weights |= {Cause.SCHEDULER: LIKELY / 2, Cause.CACHE: POSSIBLE}
    said = [evidence]
    changed = any(key.startswith("scheduler.") for key in findings.keys)
    if findings.same_key("scheduler.class") and not changed:
        weights[Cause.SCHEDULER] = POSSIBLE
        said.append("the scheduler's class, configuration and tables are the same")
    if findings.schedule_known and not any(key.startswith("call.") for key in findings.keys):
        weights[Cause.GUIDANCE] = POSSIBLE / 2
        said.append("rows and guidance scale are the same in every step")
    for cause, weight in weights.items():
        yield Suspicion(cause, weight, words, tuple(said))


def _is_guided(findings: Findings) -> bool:
    """Say whether the denoiser predicts more than one row in the first step, to be mixed."""
    trace = findings.sides.present.trace or ()
    return sum(each.stage is Stage.DENOISER_OUTPUT for each in trace) > 1
