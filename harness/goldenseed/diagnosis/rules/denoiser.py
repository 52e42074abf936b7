"""What the trace shows of the denoising: what the denoiser is given, makes, and what follows.

Within the first step a trace has four places, each computed from the one before: what the denoiser
is given, what it returns, what the guidance makes of that and what the scheduler makes of that.
Where one of them differs and the one before does not, one thing alone can have made it, so that
each place has a rule of its own here. Older traces have none of the first three, and then the
first step as a whole differs, which any of them explains.
"""

from __future__ import annotations

from collections.abc import Iterator

from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.foreign import acts_at
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.rules.computed import computed_otherwise
from goldenseed.diagnosis.rules.given import given
from goldenseed.diagnosis.suspicion import (
    LIKELY,
    POSSIBLE,
    SHOWN,
    Suspicion,
    is_rounding,
)
from goldenseed.tolerance.mixtures import guidance_of
from goldenseed.trace.stages import Stage

_GUIDANCE_MISSED = 0.005
"""How far, relative to the scale, an estimate of the guidance may miss: five times what fits."""
_ANOTHER_DRAW = 0.05
"""From this relative distance on, two steps may be of two draws."""
_NOISE = frozenset({Stage.INITIAL_NOISE, Stage.LATER_NOISE})


def denoiser(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain a denoising step that differs, from the trace alone."""
    match root.place:
        case Place.CONDITIONING:
            yield from given(findings, root)
        case Place.DENOISER:
            yield from _computed(findings, root)
        case Place.GUIDANCE:
            yield from _guided(findings)
        case Place.STEP:
            yield from _stepped(findings, root)
        case Place.FIRST_STEP if not is_rounding(findings, root):
            yield from _first_step(findings, root)


def _computed(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain another output of the denoiser for the same input.

    A distance within rounding is for the rule of rounding, unless the difference goes on to add up
    as one does that is made anew in every step: a change of the weights too faint to be seen in one
    evaluation. That is why growth counts here, and at no other place.
    """
    if root.recast:
        return
    distance = "" if root.distance is None else f", by a relative distance of {root.distance:.1e}"
    evidence = f"the denoiser makes something else of the same input{distance}"
    if root.one_sided or root.reshaped:
        yield Suspicion(Cause.GUIDANCE, LIKELY, "switched on or off", (evidence,))
    elif not is_rounding(findings, root) or findings.adds_up:
        if _has_adapters(findings) or any(map(findings.adapted, root.parts)):
            # Adapters are put on after the weights beneath them were digested, so equal digests
            # acquit the weights and not the adapters.
            yield Suspicion(Cause.LORA, LIKELY, "", (evidence, "adapters are in use"))
        else:
            yield Suspicion(Cause.LORA, POSSIBLE / 2, "", (evidence,))
        yield from computed_otherwise(Cause.DENOISER, findings, root, root.parts, evidence)
        if any(f"model.{part}.forwards" in findings.keys for part in root.parts):
            said = "a foreign forward gives it what it likes of what is recorded before it"
            yield Suspicion(Cause.INPUT, LIKELY, "inside its forward", (evidence, said))
        if Place.EMBEDDINGS in root.carried:
            yield Suspicion(Cause.TEXT_ENCODER, POSSIBLE, "", (evidence,))


def _has_adapters(findings: Findings) -> bool:
    recipe = findings.sides.present.recipe or {}
    model = recipe.get("model")
    return isinstance(model, dict) and bool(model.get("adapters"))


def _guided(findings: Findings) -> Iterator[Suspicion]:
    """Explain that the same predictions are mixed otherwise, with both scales where they show.

    The scale is a weight of a sum whose terms and result all have sketches, so that it can be read
    off both traces (``guidance_of``), whatever the pipeline calls it.
    """
    evidence = [
        f"the denoiser's predictions are {findings.alike}, what the guidance makes of them is not"
    ]
    sides = (findings.sides.accepted, findings.sides.present)
    before, now = (guidance_of(side.trace or ()) for side in sides)
    words = ""
    if before is not None and now is not None:
        words = f"about {_told_apart(before, now)}"
        evidence.append(f"estimated from the trace: a guidance scale of {words}")
    yield Suspicion(Cause.GUIDANCE, SHOWN, words, tuple(evidence))


def _told_apart(old: float, new: float) -> str:
    """Return both with as many digits as it takes to see a difference, from four to eight."""
    pairs = ((f"{old:.{digits}g}", f"{new:.{digits}g}") for digits in range(4, 9))
    return " → ".join(next((pair for pair in pairs if pair[0] != pair[1]), (f"{old:.4g}",) * 2))


def _stepped(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain another step of the same sample and prediction.

    If the fingerprint knows the scheduler and finds nothing changed, it is something that no
    fingerprint shows (its code, say), which is less certain.
    """
    if is_rounding(findings, root):
        return
    evidence = ["the scheduler makes another step of the same sample and the same prediction"]
    if not findings.scheduler_same:
        yield Suspicion(Cause.SCHEDULER, SHOWN, "", tuple(evidence))
        return
    evidence.append("its class, configuration and tables are the same")
    if _draws_unseen(findings, root):
        said = "its steps draw from the case's generator, and what they draw is not recorded"
        yield Suspicion(Cause.SEED, 2 * LIKELY, "", (*evidence, said))
    weight = LIKELY / 2 if acts_at(findings, root.place) else LIKELY
    yield Suspicion(Cause.SCHEDULER, weight, "", tuple(evidence))


def _draws_unseen(findings: Findings, root: Root) -> bool:
    """Say whether a step may have drawn other numbers, of which the trace would not tell.

    Where noise that is added is recorded it does; a step of another draw is far off.
    """
    sides = (findings.sides.accepted.trace or (), findings.sides.present.trace or ())
    drawn = any(each.stage in _NOISE for side in sides for each in side)
    far = root.distance is None or root.distance > _ANOTHER_DRAW
    return findings.value("scheduler.step_takes_generator") is True and not drawn and far


def _first_step(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Share a first step between what can make it: what happens within it was not recorded.

    Not for the accepted image, that is. The present trace may have it: a guidance that is not what
    the recipe asks for convicts the guidance, one that is acquits it, and it shares no more.
    """
    distance = "" if root.distance is None else f" (relative distance {root.distance:.1e})"
    evidence = f"the first step differs{distance} although prompt, schedule and noise are the same"
    yield Suspicion(Cause.DENOISER, 2 * POSSIBLE, "", (evidence,))
    yield Suspicion(Cause.SCHEDULER, 2 * POSSIBLE, "", (evidence,))
    found, asked = guidance_of(findings.sides.present.trace or ()), _asked_for(findings)
    if found is None or asked is None:
        yield Suspicion(Cause.GUIDANCE, 2 * POSSIBLE, "", (evidence,))
    elif abs(found - asked) > _GUIDANCE_MISSED * abs(asked):
        words = f"about {found:.4g} instead of {asked:.4g}"
        shown = f"estimated from the trace: a guidance scale of {words} in the recipe"
        yield Suspicion(Cause.GUIDANCE, SHOWN, words, (shown, evidence))


def _asked_for(findings: Findings) -> float | None:
    """Return the guidance scale of the recipe, if both recipes have that one."""
    call = (findings.sides.present.recipe or {}).get("call")
    found = call.get("guidance_scale") if isinstance(call, dict) else None
    same = findings.recipes_known and "call.guidance_scale" not in findings.fields
    return float(found) if same and isinstance(found, int | float) else None
