"""What the trace shows of the start: the noise, timesteps and sigmas."""

from __future__ import annotations

from collections.abc import Iterator

from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.rules.pictures import encoded_the_same
from goldenseed.diagnosis.shifts import shift_between
from goldenseed.diagnosis.suspicion import LIKELY, POSSIBLE, SHOWN, Suspicion, is_rounding
from goldenseed.tolerance.mixtures import common_factor, likeness, offset_between
from goldenseed.trace.distances import Pair, either, stage_distance
from goldenseed.trace.stages import Stage, StageRecord, Trace

_ROUNDED = {"bfloat16": 1.66e-3, "float16": 2.08e-4}
"""The relative distance of normal numbers to themselves, rounded to a dtype: of 8 or 11 binary
digits, by an error that is uniform up to half a unit of the last (measured on a million numbers).
"""
_NEARLY = 1.3
"""A distance estimated from a sketch has a standard error of 9 %, here taken three times."""
_INDEPENDENT = 0.35
"""Below this cosine two draws have nothing in common: 5.6 standard deviations of its estimate."""


def noise(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain initial noise, latents or later noise that differ, from the trace alone."""
    if root.place not in {Place.NOISE, Place.LATENTS, Place.LATER_NOISE}:
        return
    if root.reshaped:
        yield from _reshaped(root)
    elif root.recast:
        yield from _recast(findings, root)
    elif is_rounding(findings, root):
        if root.place is Place.NOISE:
            evidence = (
                f"the noise differs by rounding alone ({root.distance:.1e}), as the generator of "
                "torch does between instruction sets"
            )
            yield Suspicion(Cause.CPU, SHOWN, "", (evidence,))
    elif root.one_sided and len(root.one_sided) == len(root.differing):
        yield from _drawn_more_often(findings, root)
    else:
        yield from _redrawn(findings, root)


def _drawn_more_often(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain draws of one of the images alone: by the scheduler's steps, if it may be another."""
    evidence = f"{root.place}: drawn more often for one of the images"
    steps = root.place is Place.LATER_NOISE and not findings.scheduler_same
    if root.place is Place.LATER_NOISE:
        weight = SHOWN if steps else POSSIBLE
        yield Suspicion(Cause.SCHEDULER, weight, "its steps draw", (evidence,))
    if not steps:
        yield Suspicion(Cause.NOISE, LIKELY / 2, "drawn more or less often", (evidence,))


def _reshaped(root: Root) -> Iterator[Suspicion]:
    before, now = root.reshaped[0]
    shapes = f"{_shape(before.shape)} → {_shape(now.shape)}"
    if before.shape[1:] == now.shape[1:]:
        return
    yield Suspicion(Cause.NOISE, SHOWN, shapes, (f"the noise has another shape: {shapes}",))


def _recast(findings: Findings, root: Root) -> Iterator[Suspicion]:
    before, now = root.recast[0]
    words = f"{before.dtype} → {now.dtype}"
    alone = not any(each.place is Place.EMBEDDINGS and each.recast for each in findings.roots)
    evidence = f"the noise has another dtype: {words}"
    yield Suspicion(Cause.NOISE, LIKELY * (2 if alone else 1), words, (evidence,))
    yield Suspicion(Cause.DTYPE, LIKELY, words, (evidence,))


def _redrawn(findings: Findings, root: Root) -> Iterator[Suspicion]:
    pair = next((pair for pair in root.differing if None not in pair), None)
    if pair is None:
        return
    factor, alike = _estimated(pair)
    distance = "" if root.distance is None else f" (relative distance {root.distance:.1e})"
    if factor is not None:
        words = f"scaled by {factor:.4g}"
        evidence = f"{root.place}: the same, {words}"
        if root.place is Place.LATENTS and _drawn_alike(findings):
            # By the scheduler as a rule, whose numbers are on record: else by what prepares them.
            acquitted = findings.scheduler_same
            yield Suspicion(Cause.SCHEDULER, POSSIBLE if acquitted else SHOWN, words, (evidence,))
            yield Suspicion(Cause.NOISE, SHOWN if acquitted else POSSIBLE, words, (evidence,))
        else:
            yield Suspicion(Cause.NOISE, SHOWN, words, (evidence,))
    elif pair[0] and pair[1] and offset_between(pair[0], pair[1]):
        words = "each channel of it is moved by a number"
        yield Suspicion(Cause.NOISE, SHOWN, words, (f"{root.place}: {words}",))
    elif alike is not None and abs(alike) < _INDEPENDENT:
        evidence = f"{root.place}: another draw altogether (cosine about {alike:.1f})"
        yield Suspicion(Cause.SEED, SHOWN, "", (evidence,))
        if root.place is Place.LATENTS:
            yield Suspicion(Cause.NOISE, LIKELY, "", (evidence,))
    else:
        evidence = f"{root.place}: changed in part{distance}"
        dtype = rounded_to(pair)
        if dtype:
            words = f"as far as rounding to {dtype} moves it"
            yield Suspicion(Cause.NOISE, SHOWN, words, (evidence,))
            yield Suspicion(Cause.SEED, 2 * LIKELY, f"drawn in {dtype}", (evidence,))
            yield Suspicion(Cause.DTYPE, 1.5 * LIKELY, words, (evidence,))
        elif root.place is Place.LATENTS and encoded_the_same(findings):
            return
        weight = SHOWN if root.place is Place.NOISE else LIKELY
        yield Suspicion(Cause.NOISE, weight, "", (evidence,))
        yield Suspicion(Cause.SEED, POSSIBLE, "", (evidence,))


def rounded_to(pair: Pair) -> str:
    """Name the narrower dtype whose rounding moves normal numbers just so far; empty for none."""
    wide, distance = either(pair).dtype in {"float32", "float64"}, stage_distance(pair).distance
    found = (
        dtype
        for dtype, moved in _ROUNDED.items()
        if wide and distance is not None and moved / _NEARLY < distance < moved * _NEARLY
    )
    return next(found, "")


def _drawn_alike(findings: Findings) -> bool:
    """Say whether the noise itself is on record for both, so that the latents are made of it."""
    sides = (findings.sides.accepted, findings.sides.present)
    return all(
        any(each.stage is Stage.INITIAL_NOISE for each in side.trace or ()) for side in sides
    )


def _estimated(pair: Pair) -> tuple[float | None, float | None]:
    before, now = pair
    if before is None or now is None:
        return None, None
    return common_factor(before, now), likeness(before, now)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "()"


def schedule(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain a schedule that differs, and one that lasts longer, from the trace alone."""
    if root.place is Place.LATER_STEP:
        yield from _steps_alone(findings, root)
    if root.place is not Place.SCHEDULE or is_rounding(findings, root):
        return
    before, now = findings.sides.accepted.trace or (), findings.sides.present.trace or ()
    if len({_kinds(before), _kinds(now)}) > 1:
        evidence = f"the schedule is of another kind: {_kinds(before)} → {_kinds(now)}"
        yield Suspicion(Cause.SCHEDULER, SHOWN, "", (evidence,))
        return
    counts = _count(before), _count(now)
    if counts[0] == counts[1]:
        words, evidence = _shifted(findings, root)
        yield Suspicion(Cause.SCHEDULER, SHOWN, words, (evidence,))
        return
    words = f"{counts[0]} → {counts[1]}"
    evidence = f"the number of timesteps differs: {words}"
    yield Suspicion(Cause.STEPS, 2 * LIKELY, words, (evidence,))
    # Schedulers of second order take about twice as many, and some one more.
    likely_order = abs(counts[1] - counts[0]) == 1 or max(counts) >= 2 * min(counts) - 1
    yield Suspicion(
        Cause.SCHEDULER, POSSIBLE * (2 if likely_order else 0.5), f"timesteps {words}", (evidence,)
    )


def _shifted(findings: Findings, root: Root) -> tuple[str, str]:
    """Say how tables of as many timesteps differ: by the shift, where one makes the other."""
    if root.reshaped:
        before, now = root.reshaped[0]
        shapes = f"{_shape(before.shape)} → {_shape(now.shape)}"
        return f"{before.stage.words} {shapes}", f"the {before.stage.words} have another length"
    factors = (shift_between(a, b) for a, b in root.differing if a and b)
    factor = next((each for each in factors if each is not None), None)
    if factor is None:
        return "", "as many timesteps, but others"
    known = (findings.sides.accepted.surroundings or {}).get("scheduler.config.shift")
    dynamic = (findings.sides.accepted.surroundings or {}).get(
        "scheduler.config.use_dynamic_shifting"
    )
    words = f"another shift of the sigmas, about {factor:.3g} times as large"
    if isinstance(known, int | float) and not dynamic:
        words = f"another shift of the sigmas, about {known:.3g} → {known * factor:.3g}"
    return words, "every sigma's odds are as many times as large, which is what a shift makes"


def _steps_alone(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain that one of the images had more steps of one and the same schedule."""
    traces = (findings.sides.accepted.trace or (), findings.sides.present.trace or ())
    whole = all(each and each[-1].stage is Stage.PIXELS for each in traces)
    if whole and root.differing and len(root.one_sided) == len(root.differing):
        counts = tuple(len([pair for pair in root.pairs if pair[side]]) + 1 for side in (0, 1))
        words = f"{counts[0]} → {counts[1]}"
        evidence = (
            f"the schedule is the same, but {counts[1]} of its steps are made, not {counts[0]}"
        )
        yield Suspicion(Cause.STEPS, SHOWN, words, (evidence,))


def _kinds(trace: Trace) -> str:
    found = [each for each in trace if each.stage in {Stage.TIMESTEPS, Stage.SIGMAS}]
    kinds = dict.fromkeys(f"{each.stage.value} ({each.dtype})" for each in found)
    return " and ".join(kinds) or "none"


def _count(trace: Trace) -> int:
    return next((_length(each) for each in trace if each.stage is Stage.TIMESTEPS), 0)


def _length(record: StageRecord) -> int:
    return record.shape[0] if record.shape else 1
