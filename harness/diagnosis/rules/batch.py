"""What the trace shows of the batch: the first dimension of everything."""

from __future__ import annotations

from collections.abc import Iterator

from harness.diagnosis.findings import Findings
from harness.diagnosis.model import Cause
from harness.diagnosis.places import Place, Root
from harness.diagnosis.suspicion import SHOWN, Suspicion

_PLACES = {Place.TOKEN_IDS, Place.EMBEDDINGS, Place.NOISE, Place.LATENTS}


def batch(_findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain that the same is computed for another number of images at once."""
    if root.place not in _PLACES or not root.reshaped:
        return
    shapes = [(a.shape, b.shape) for a, b in root.reshaped if a and b]
    if all(a[1:] == b[1:] and len(a) > 1 for a, b in shapes):
        words = f"{shapes[0][0][0]} → {shapes[0][1][0]}"
        evidence = f"{root.place}: {words} rows, and otherwise the same shape"
        yield Suspicion(Cause.BATCH, SHOWN, words, (evidence,))
