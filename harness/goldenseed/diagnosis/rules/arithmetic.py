"""What the trace shows of the arithmetic: batch, number formats, and rounding nobody explained."""

from __future__ import annotations

from collections.abc import Iterator

from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.suspicion import SHOWN, Suspicion, is_rounding
from goldenseed.diagnosis.where import COMPUTED
from goldenseed.suite.parts import MADE_OF_NOTHING, Given, given_as
from goldenseed.trace.stages import StageRecord

_PLACES = {Place.TOKEN_IDS, Place.EMBEDDINGS, Place.NOISE, Place.LATENTS}


def batch(_findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain that the same is computed for another number of images at once."""
    if root.place not in _PLACES or not root.reshaped:
        return
    shapes = [(a.shape, b.shape) for a, b in root.reshaped]
    if all(a[1:] == b[1:] and len(a) > 1 for a, b in shapes):
        words = f"{shapes[0][0][0]} → {shapes[0][1][0]}"
        evidence = f"{root.place}: {words} rows, and otherwise the same shape"
        yield Suspicion(Cause.BATCH, SHOWN, words, (evidence,))


_INTEGERS = {Place.TOKEN_IDS, Place.SCHEDULE, Place.PIXELS}
"""Where another dtype is another kind of value; schedules have a rule of their own."""


def recast(root: Root) -> list[tuple[StageRecord, StageRecord]]:
    """Return the records of another dtype, but for times and sizes that the denoiser is told.

    Those are computed of nothing: another dtype of them is another way of telling.
    """
    told = MADE_OF_NOTHING | {Given.TIME}
    at_denoiser = root.place is Place.CONDITIONING
    return [(a, b) for a, b in root.recast if not (at_denoiser and given_as(b.key.value) in told)]


def dtype(_findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain values of another dtype by what computes them."""
    if root.place in _INTEGERS or root.place is Place.NOISE or not recast(root):
        return
    before, now = recast(root)[0]
    words = f"{before.dtype} → {now.dtype}"
    of = f" of {now.source}" if now.source else ""
    evidence = f"{root.place}{of}: {words}"
    yield Suspicion(Cause.DTYPE, SHOWN, words, (evidence,))


def rounding(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Name, without much belief, what can change the order of sums and leaves no mark."""
    if root.place not in COMPUTED or root.place is Place.NOISE or not is_rounding(findings, root):
        return
    evidence = (
        f"{root.place}: a relative distance of {root.distance:.1e}, which the order of sums alone "
        "explains"
    )
    for cause in (Cause.CPU, Cause.ATTENTION, Cause.KERNELS, Cause.BATCH):
        yield Suspicion(cause, 0.5, "", (evidence,))
