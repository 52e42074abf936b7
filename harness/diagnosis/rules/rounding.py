"""Differences no larger than rounding of which nobody recorded a reason."""

from __future__ import annotations

from collections.abc import Iterator

from harness.diagnosis.findings import Findings
from harness.diagnosis.model import Cause
from harness.diagnosis.places import Place, Root
from harness.diagnosis.reach import COMPUTED
from harness.diagnosis.suspicion import Suspicion, is_rounding


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
