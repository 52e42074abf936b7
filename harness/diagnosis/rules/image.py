"""What the trace shows of the way from the latents to the pixels."""

from __future__ import annotations

from collections.abc import Iterator

from harness.diagnosis.estimates import common_factor
from harness.diagnosis.findings import Findings
from harness.diagnosis.model import Cause
from harness.diagnosis.places import Place, Root
from harness.diagnosis.suspicion import (
    LIKELY,
    POSSIBLE,
    SHOWN,
    Suspicion,
    computed_otherwise,
    is_rounding,
)


def image(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain an image that differs although its latents do not, from the trace alone."""
    match root.place:
        case Place.BEFORE_VAE:
            yield from _latents(root)
        case Place.VAE | Place.IMAGE:
            yield from _decoded(findings, root)
        case Place.CONVERSION | Place.PIXELS:
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


def _decoded(findings: Findings, root: Root) -> Iterator[Suspicion]:
    if root.recast or is_rounding(findings, root):
        return
    distance = "" if root.distance is None else f", by a relative distance of {root.distance:.1e}"
    evidence = f"the latents are the same, what the VAE makes of them is not{distance}"
    narrowed = root.place is Place.VAE
    yield from computed_otherwise(Cause.VAE_WEIGHTS, findings, root, "vae", evidence)
    yield Suspicion(Cause.VAE_TILING, POSSIBLE, "", (evidence,))
    if not narrowed:
        yield Suspicion(Cause.POST_PROCESSING, LIKELY / 2, "", (evidence,))


def _converted(root: Root) -> Iterator[Suspicion]:
    before = (
        "the float image is the same, the pixels are not"
        if root.place is Place.PIXELS
        else "the VAE's output is the same, the image made of it is not"
    )
    shapes = [(a.shape, b.shape) for a, b in root.reshaped if a and b]
    words = ""
    if shapes:
        words = " → ".join(" x ".join(map(str, shape)) for shape in shapes[0])
    yield Suspicion(Cause.POST_PROCESSING, SHOWN, words, (before,))
