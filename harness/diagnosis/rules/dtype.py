"""What the trace shows of number formats: values of another dtype."""

from __future__ import annotations

from collections.abc import Iterator

from harness.comparison.trace_distances import either
from harness.diagnosis.findings import Findings
from harness.diagnosis.model import Cause
from harness.diagnosis.places import Place, Root
from harness.diagnosis.suspicion import SHOWN, Suspicion

_INTEGERS = {Place.TOKEN_IDS, Place.SCHEDULE, Place.PIXELS}
"""Where another dtype is another kind of value; schedules have a rule of their own."""


def dtype(_findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain values of another dtype by what computes them."""
    if root.place in _INTEGERS or root.place is Place.NOISE or not root.recast:
        return
    pair = root.recast[0]
    words = " → ".join(each.dtype for each in pair if each)
    source = either(pair).source
    evidence = f"{root.place} of {source}: {words}" if source else f"{root.place}: {words}"
    yield Suspicion(Cause.DTYPE, SHOWN, words, (evidence,))
