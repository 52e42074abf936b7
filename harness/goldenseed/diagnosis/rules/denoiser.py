"""What the trace shows of the denoising: what the denoiser is given, makes, and what follows."""

from __future__ import annotations

from collections.abc import Iterator

from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.measures import guidance_of
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.suspicion import (
    LIKELY,
    POSSIBLE,
    SHOWN,
    Suspicion,
    computed_otherwise,
    is_rounding,
)
from goldenseed.trace.distances import either, stage_distance

_SAMPLES = ("0", "sample", "hidden_states", "latent_model_input")
_POSITIONS = {"0": "sample", "1": "timestep"}
"""What denoisers are given by position."""
_TIMES = ("1", "timestep", "timestep_cond")
_TEXTS = ("encoder_hidden_states", "text_embeds", "pooled_projections")
_IMAGES = ("image_embeds", "ip_hidden_states", "image_embeddings")
_GUIDANCE_MISSED = 0.005
"""How far, relative to the scale, an estimate of the guidance may miss: five times what fits."""
_SIZES = ("time_ids", "img_ids", "size")


def denoiser(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain a denoising step that differs, from the trace alone."""
    match root.place:
        case Place.CONDITIONING:
            yield from _given(findings, root)
        case Place.DENOISER:
            yield from _computed(findings, root)
        case Place.GUIDANCE:
            yield from _guided(findings)
        case Place.STEP:
            yield from _stepped(findings, root)
        case Place.FIRST_STEP if not is_rounding(findings, root):
            yield from _first_step(findings, root)
        case Place.LATER_STEP if not is_rounding(findings, root):
            yield from _later(findings, root)


def _given(findings: Findings, root: Root) -> Iterator[Suspicion]:
    rows = [(a.shape[0], b.shape[0]) for a, b in root.reshaped if a and b and a.shape and b.shape]
    parts = {source.partition(".")[2] for source in root.sources}
    named = ", ".join(sorted(_POSITIONS.get(part, part) for part in parts))
    if rows and all(set(pair) == {1, 2} for pair in rows):
        evidence = f"the denoiser is given {rows[0][1]} rows for an image instead of {rows[0][0]}"
        yield Suspicion(Cause.GUIDANCE, SHOWN, "switched on or off", (evidence,))
        return
    if any(either(pair).index for pair in root.one_sided):
        evidence = "the denoiser is called more or fewer times in a step"
        yield Suspicion(Cause.GUIDANCE, SHOWN, "switched on or off", (evidence,))
        return
    if root.recast:
        return
    if root.one_sided:
        parts = {(either(pair).source or "").partition(".")[2] for pair in root.one_sided}
        evidence = f"the denoiser is given {', '.join(sorted(parts))} for one of the images alone"
    elif Place.EMBEDDINGS in root.carried:
        evidence = f"the denoiser is given another {named}; one of the traces lacks the embeddings"
    else:
        evidence = f"the denoiser is given another {named}, though what it is made of is the same"
    for part in sorted(parts):
        if any(name in part for name in _TEXTS):
            yield from _given_text(findings, root, part, evidence)
        else:
            yield Suspicion(_of_part(part), SHOWN, "", (evidence,))


def _given_text(findings: Findings, root: Root, part: str, evidence: str) -> Iterator[Suspicion]:
    if Place.EMBEDDINGS not in root.carried:
        yield Suspicion(Cause.CALL, LIKELY, part, (evidence,))
        yield Suspicion(Cause.TEXT_ENCODER, LIKELY / 2, "which of its layers", (evidence,))
        yield Suspicion(Cause.PROMPT, LIKELY / 4, "", (evidence,))
    elif not is_rounding(findings, root):
        yield from computed_otherwise(Cause.TEXT_ENCODER, findings, root, "text_encoder", evidence)


def _of_part(part: str) -> Cause:
    last = part.rpartition(".")[2]
    if last == "guidance":
        return Cause.GUIDANCE
    if part in _SAMPLES or part in _TIMES:
        return Cause.SCHEDULER
    if any(name in part for name in _IMAGES):
        return Cause.IMAGE_ENCODER
    return Cause.NOISE if last in _SIZES else Cause.CALL


def _computed(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain another output of the denoiser for the same input."""
    distance = "" if root.distance is None else f", by a relative distance of {root.distance:.1e}"
    evidence = f"the denoiser makes something else of the same input{distance}"
    if root.recast:
        return
    if root.one_sided or root.reshaped:
        yield Suspicion(Cause.GUIDANCE, LIKELY, "switched on or off", (evidence,))
    elif not is_rounding(findings, root) or findings.adds_up:
        found = computed_otherwise(Cause.DENOISER, findings, root, _component(root), evidence)
        if _has_adapters(findings):
            # Adapters are put on after the weights beneath them were digested.
            yield Suspicion(Cause.LORA, LIKELY, "", (evidence, "adapters are in use"))
        else:
            yield Suspicion(Cause.LORA, POSSIBLE / 2, "", (evidence,))
        yield from found
        if Place.EMBEDDINGS in root.carried:
            yield Suspicion(Cause.TEXT_ENCODER, POSSIBLE, "", (evidence,))


def _component(root: Root) -> str:
    """Return the denoiser's name from that of its output: ``unet`` of ``unet[1]``."""
    return next((source.partition("[")[0] for source in root.sources if source), "unet")


def _has_adapters(findings: Findings) -> bool:
    recipe = findings.evidence.present.recipe or {}
    model = recipe.get("model")
    return isinstance(model, dict) and bool(model.get("adapters"))


def _guided(findings: Findings) -> Iterator[Suspicion]:
    before, now = (
        guidance_of(trace or ())
        for trace in (findings.evidence.accepted.trace, findings.evidence.present.trace)
    )
    alike = findings.alike
    evidence = [f"the denoiser's predictions are {alike}, what the guidance makes of them is not"]
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
    if is_rounding(findings, root):
        return
    evidence = ["the scheduler makes another step of the same sample and the same prediction"]
    recorded = findings.same_key("scheduler.class")
    if recorded and not any(key.startswith("scheduler.") for key in findings.keys):
        evidence.append("its class, configuration and tables are the same")
        yield Suspicion(Cause.SCHEDULER, LIKELY, "", tuple(evidence))
    else:
        yield Suspicion(Cause.SCHEDULER, SHOWN, "", tuple(evidence))


def _first_step(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Share a first step between what can make it: what happens within it was not recorded.

    Not for the accepted image, that is; the present trace may still show another guidance than the
    recipe asks for, or the same.
    """
    distance = "" if root.distance is None else f" (relative distance {root.distance:.1e})"
    evidence = f"the first step differs{distance} although prompt, schedule and noise are the same"
    yield Suspicion(Cause.DENOISER, 2 * POSSIBLE, "", (evidence,))
    yield Suspicion(Cause.SCHEDULER, 2 * POSSIBLE, "", (evidence,))
    found, asked = guidance_of(findings.evidence.present.trace or ()), _asked_for(findings)
    if found is None or asked is None:
        yield Suspicion(Cause.GUIDANCE, 2 * POSSIBLE, "", (evidence,))
    elif abs(found - asked) > _GUIDANCE_MISSED * abs(asked):
        words = f"about {found:.4g} instead of {asked:.4g}"
        shown = f"estimated from the trace: a guidance scale of {words} in the recipe"
        yield Suspicion(Cause.GUIDANCE, SHOWN, words, (shown, evidence))


def _asked_for(findings: Findings) -> float | None:
    """Return the guidance scale of the recipe, if both recipes have that one."""
    call = (findings.evidence.present.recipe or {}).get("call")
    found = call.get("guidance_scale") if isinstance(call, dict) else None
    same = findings.recipes_known and "call.guidance_scale" not in findings.fields
    return float(found) if same and isinstance(found, int | float) else None


def _later(findings: Findings, root: Root) -> Iterator[Suspicion]:
    step = next((either(pair).index + 1 for pair in root.differing), 0)
    if len(root.one_sided) == len(root.differing):
        return
    first = stage_distance(root.differing[0]).distance
    distance = "" if first is None else f" (relative distance {first:.1e})"
    evidence = f"step {step} is the first that differs{distance}; the first step is the same"
    if root.beyond is not None or len(findings.roots) > 1:
        evidence = "the first step differs by rounding at most, a later one by more"
    yield Suspicion(Cause.SCHEDULER, LIKELY, f"from step {step} on", (evidence,))
    yield Suspicion(Cause.GUIDANCE, POSSIBLE, f"from step {step} on", (evidence,))
