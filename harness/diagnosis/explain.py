"""From the evidence to a diagnosis: where two images part, and why."""

from __future__ import annotations

from harness.diagnosis.evidence import Blank, Evidence, Side
from harness.diagnosis.first_divergence import ALL_THE_SAME, NO_ACCEPTED_TRACE, first_divergence
from harness.diagnosis.model import Cause, Diagnosis, RankedCause

__all__ = ["Blank", "Evidence", "Side", "explain"]


def explain(evidence: Evidence) -> Diagnosis:
    """Say where the present image parts from the accepted one and why, the likeliest cause first.

    Pure: the same evidence gives the same diagnosis. Whatever is missing on either side (trace,
    environment, recipe) is not used. Two images without any difference have no causes.
    """
    before, now = evidence.accepted.trace, evidence.present.trace
    if not before or not now:
        return Diagnosis(note=NO_ACCEPTED_TRACE)
    found = first_divergence(before, now)
    if found is None:
        return Diagnosis(note=ALL_THE_SAME)
    unknown = RankedCause(
        cause=Cause.UNKNOWN, confidence=1.0, evidence=(), words="nothing known explains it"
    )
    return Diagnosis(first_divergence=found, causes=(unknown,))
