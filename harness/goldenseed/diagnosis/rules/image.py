"""What the trace shows from the latents to the pixels, and images that show nothing."""

from __future__ import annotations

from collections.abc import Iterator

from goldenseed.diagnosis.evidence import Blank, Findings
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.rules.computed import computed_otherwise
from goldenseed.diagnosis.suspicion import (
    LIKELY,
    POSSIBLE,
    SHOWN,
    Suspicion,
    is_rounding,
)
from goldenseed.suite.parts import Role, named
from goldenseed.tolerance.mixtures import common_factor
from goldenseed.trace.stages import Stage, StageRecord, Trace


def image(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain an image that differs although its latents do not, from the trace alone."""
    match root.place:
        case Place.BEFORE_VAE:
            yield from _latents(root)
        case Place.IMAGE if _without(findings, Role.DECODER):
            yield from _converted(root)
        case Place.VAE | Place.IMAGE:
            yield from _decoded(findings, root)
        case Place.CONVERSION | Place.UNPROCESSED | Place.PIXELS:
            yield from _converted(root)


def _latents(root: Root) -> Iterator[Suspicion]:
    factors = (common_factor(a, b) for a, b in root.differing if a and b)
    factor = next(factors, None)
    if root.recast:
        return
    if factor is not None:
        words = f"scaled by {factor:.4g}"
        evidence = f"the VAE is given the same latents, {words}"
        yield Suspicion(Cause.VAE_WEIGHTS, 2 * LIKELY, f"its scaling factor, {words}", (evidence,))
    else:
        evidence = "the latents are changed between the last step and the VAE"
        yield Suspicion(Cause.VAE_WEIGHTS, POSSIBLE, "its scaling or shift", (evidence,))
        if Place.DENOISER in root.carried:
            said = "or in a denoiser that left no record"
            yield Suspicion(Cause.DENOISER, POSSIBLE, "", (evidence, said))


def _decoded(findings: Findings, root: Root) -> Iterator[Suspicion]:
    if root.recast or is_rounding(findings, root):
        return
    distance = "" if root.distance is None else f", by a relative distance of {root.distance:.1e}"
    evidence = f"the latents are the same, what the VAE makes of them is not{distance}"
    decoders = findings.parts(Role.DECODER)
    yield from computed_otherwise(Cause.VAE_WEIGHTS, findings, root, decoders, evidence)
    yield Suspicion(Cause.VAE_TILING, POSSIBLE, "", (evidence,))
    if root.place is not Place.VAE:
        yield Suspicion(Cause.POST_PROCESSING, LIKELY / 2, "", (evidence,))


def _converted(root: Root) -> Iterator[Suspicion]:
    before = {
        Place.PIXELS: "the float image is the same, the pixels are not",
        Place.UNPROCESSED: "the float image is the same, the pixels made of it are not",
        Place.IMAGE: "the last latents are the same, the image made of them is not",
    }.get(root.place, "the VAE's output is the same, the image made of it is not")
    words = ""
    if root.reshaped:
        words = " → ".join(" x ".join(map(str, each.shape)) for each in root.reshaped[0])
    yield Suspicion(Cause.POST_PROCESSING, SHOWN, words, (before,))


def blank(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain an image that is blank where the accepted one is not."""
    broken = _first_not_finite(findings)
    now, before = findings.sides.present.blank, findings.sides.accepted.blank
    if broken is not None:
        words = f"from {broken.key.words} on"
        evidence = f"NaN or infinite values appear: {words}"
        yield Suspicion(Cause.NOT_FINITE, 4 * SHOWN, words, (evidence,))
    elif now is Blank.BLANKED is not before:
        evidence = "the pipeline says that its safety checker blanked the image"
        yield Suspicion(Cause.SAFETY_CHECKER, 8 * SHOWN, "", (evidence,))
    elif now is Blank.NOT_FINITE is not before:
        evidence = "the pipeline returned NaN or infinite values"
        yield Suspicion(Cause.NOT_FINITE, 4 * SHOWN, "", (evidence,))
    elif now is Blank.ONE_COLOUR is not before:
        evidence = "every pixel of the image has the same colour"
        weight = 4 * SHOWN if root.place in _SHOWS_NOTHING else LIKELY
        yield Suspicion(Cause.ONE_COLOUR, weight, "", (evidence,))
    elif _blanked(findings, root):
        yield from _black(findings, root)


_SHOWS_NOTHING = frozenset(
    {
        Place.VAE,
        Place.CONVERSION,
        Place.IMAGE,
        Place.UNPROCESSED,
        Place.POSTPROCESSED,
        Place.PIXELS,
        Place.ANYWHERE,
    }
)
"""Where an image that shows nothing is made of something."""


def _first_not_finite(findings: Findings) -> StageRecord | None:
    """Return the present trace's first floats without a norm whose accepted twins have one."""
    before = {each.key: each for each in findings.sides.accepted.trace or ()}
    for record in findings.sides.present.trace or ():
        twin = before.get(record.key)
        if record.sketch is not None and record.norm is None:
            if twin is None or twin.norm is not None:
                return record
            return None
    return None


def _blanked(findings: Findings, root: Root) -> bool:
    if root.place not in _SHOWS_NOTHING:
        return False
    sides = (findings.sides.accepted, findings.sides.present)
    was, is_now = (_zero(side.trace) or side.blank is Blank.BLACK for side in sides)
    return is_now and not was


def _zero(trace: Trace | None) -> bool:
    images = [each for each in trace or () if each.stage is Stage.FLOAT_IMAGE]
    return bool(images) and all(each.norm == 0.0 for each in images)


def _black(findings: Findings, root: Root) -> Iterator[Suspicion]:
    if root.place is Place.VAE:
        evidence = "the image is black, and so is what the VAE returned"
        yield Suspicion(Cause.NOT_FINITE, 4 * SHOWN, "", (evidence,))
        return
    after_the_vae = root.place in {Place.CONVERSION, Place.PIXELS}
    evidence = "the image is black" + (
        ", although the VAE's output is what it was" if after_the_vae else ""
    )
    if after_the_vae and _without(findings, Role.SAFETY_CHECKER):
        evidence += ", and the pipeline has no safety checker"
        yield Suspicion(Cause.NOT_FINITE, 4 * SHOWN, "", (evidence,))
        yield Suspicion(Cause.SAFETY_CHECKER, POSSIBLE, "", (evidence,))
        return
    checker = findings.value("model.safety_checker.class") is not None
    weight = 4 * SHOWN if after_the_vae else LIKELY
    yield Suspicion(Cause.SAFETY_CHECKER, weight * (2 if checker else 1), "", (evidence,))
    if not after_the_vae:
        yield Suspicion(Cause.NOT_FINITE, LIKELY * (1 if checker else 3), "", (evidence,))


def _without(findings: Findings, role: Role) -> bool:
    """Say whether both fingerprints describe a loaded pipeline, and none has a part of a role."""
    for side in (findings.sides.accepted.environment, findings.sides.present.environment):
        parts = [
            key.split(".")[1]
            for key, value in (side or {}).items()
            if key.startswith("model.") and key.endswith(".class") and value is not None
        ]
        if not parts or named(parts, role):
            return False
    return True
