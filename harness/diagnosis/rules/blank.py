"""Images that show nothing: values that are no numbers, and what a safety checker blanked."""

from __future__ import annotations

from collections.abc import Iterator

from harness.diagnosis.evidence import Blank
from harness.diagnosis.findings import Findings
from harness.diagnosis.model import Cause
from harness.diagnosis.places import Place, Root
from harness.diagnosis.suspicion import LIKELY, POSSIBLE, SHOWN, Suspicion
from harness.generation.stages import Stage, StageRecord, Trace


def blank(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain an image that is blank where the accepted one is not."""
    broken = _first_not_finite(findings)
    now, before = findings.evidence.present.blank, findings.evidence.accepted.blank
    if broken is not None:
        where = broken.stage.value.replace("_", " ")
        words = (
            f"from {where} on"
            if broken.stage is not Stage.DENOISING_STEP
            else (f"from denoising step {broken.index + 1} on")
        )
        evidence = f"NaN or infinite values appear: {words}"
        yield Suspicion(Cause.NOT_FINITE, 4 * SHOWN, words, (evidence,))
    elif now is Blank.BLANKED is not before:
        evidence = "the pipeline says that its safety checker blanked the image"
        yield Suspicion(Cause.SAFETY_CHECKER, 8 * SHOWN, "", (evidence,))
    elif now is Blank.NOT_FINITE is not before:
        evidence = "the pipeline returned NaN or infinite values"
        yield Suspicion(Cause.NOT_FINITE, 4 * SHOWN, "", (evidence,))
    elif _blanked(findings, root):
        yield from _black(findings, root)


def _first_not_finite(findings: Findings) -> StageRecord | None:
    """Return the present trace's first floats without a norm whose accepted twins have one."""
    before = {each.key: each for each in findings.evidence.accepted.trace or ()}
    for record in findings.evidence.present.trace or ():
        twin = before.get(record.key)
        if record.sketch is not None and record.norm is None:
            if twin is None or twin.norm is not None:
                return record
            return None
    return None


def _blanked(findings: Findings, root: Root) -> bool:
    blanking = {Place.VAE, Place.CONVERSION, Place.IMAGE, Place.PIXELS, Place.ANYWHERE}
    if root.place not in blanking:
        return False
    sides = (findings.evidence.accepted, findings.evidence.present)
    was, is_now = (_zero(side.trace) or side.blank is Blank.BLACK for side in sides)
    return is_now and not was


def _zero(trace: Trace | None) -> bool:
    images = [each for each in trace or () if each.stage is Stage.FLOAT_IMAGE]
    return bool(images) and all(each.norm == 0.0 for each in images)


def _black(findings: Findings, root: Root) -> Iterator[Suspicion]:
    if root.place is Place.VAE:
        evidence = "the image is black, and so is what the VAE returned"
        yield Suspicion(Cause.NOT_FINITE, SHOWN, "", (evidence,))
        return
    after_the_vae = root.place in {Place.CONVERSION, Place.PIXELS}
    evidence = "the image is black" + (
        ", although the VAE's output is what it was" if after_the_vae else ""
    )
    if after_the_vae and _without_checker(findings):
        evidence += ", and the pipeline has no safety checker"
        yield Suspicion(Cause.NOT_FINITE, 4 * SHOWN, "", (evidence,))
        yield Suspicion(Cause.SAFETY_CHECKER, POSSIBLE, "", (evidence,))
        return
    checker = findings.value("model.safety_checker.class") is not None
    weight = 4 * SHOWN if after_the_vae else LIKELY
    yield Suspicion(Cause.SAFETY_CHECKER, weight * (2 if checker else 1), "", (evidence,))
    if not after_the_vae:
        yield Suspicion(Cause.NOT_FINITE, LIKELY * (1 if checker else 3), "", (evidence,))


def _without_checker(findings: Findings) -> bool:
    """Say whether both fingerprints describe a loaded pipeline, and none has a safety checker."""
    sides = (findings.evidence.accepted.environment, findings.evidence.present.environment)
    return all(
        side is not None
        and any(key.startswith("model.") and key.endswith(".class") for key in side)
        and side.get("model.safety_checker.class") is None
        for side in sides
    )
