"""What the trace shows of the arithmetic: batch, number formats, and rounding nobody explained."""

from __future__ import annotations

from collections.abc import Iterator

from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.suspicion import SHOWN, Suspicion, is_rounding
from goldenseed.diagnosis.where import COMPUTED

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


def dtype(_findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain values of another dtype by what computes them."""
    if root.place in _INTEGERS or root.place is Place.NOISE or not root.recast:
        return
    before, now = root.recast[0]
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
