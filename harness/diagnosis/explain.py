"""From the evidence to a diagnosis: where two images part, and why."""

from __future__ import annotations

from collections.abc import Iterator

from harness.diagnosis.effects import effect_of
from harness.diagnosis.evidence import Blank, Evidence, Side
from harness.diagnosis.findings import Findings, findings_of, unreadable
from harness.diagnosis.first_divergence import first_divergence
from harness.diagnosis.model import Cause, ChangedKey, Diagnosis
from harness.diagnosis.ranking import ranked
from harness.diagnosis.rules.recorded import takes_effect
from harness.generation.stages import Stage, Trace

__all__ = ["Blank", "Evidence", "Side", "explain"]

NO_ACCEPTED_TRACE = (
    "the accepted image has no trace: it was accepted before traces were kept, "
    "or from a run without them"
)
ALL_THE_SAME = "every recorded stage is identical: the difference arose after the last of them"
_NO_PRESENT_TRACE = "no trace of the present image was recorded"


def explain(evidence: Evidence) -> Diagnosis:
    """Say where the present image parts from the accepted one and why, the likeliest cause first.

    Pure: the same evidence gives the same diagnosis. Whatever is missing on either side (trace,
    environment, recipe) is not used, and said. Two images without any difference have no causes.
    """
    before, now = evidence.accepted.trace, evidence.present.trace
    divergence, note = None, None
    if before and now:
        divergence = first_divergence(before, now)
        if divergence is None:
            return Diagnosis(note=ALL_THE_SAME)
    elif before or now:
        note = NO_ACCEPTED_TRACE if now else _NO_PRESENT_TRACE
    findings = findings_of(evidence, divergence)
    causes = ranked(findings)
    if divergence is None and causes[0].cause is Cause.UNKNOWN and not _moved(evidence):
        causes = ()
    return Diagnosis(
        first_divergence=divergence,
        causes=causes,
        environment=tuple(_changed_keys(findings)),
        note=note,
        remarks=tuple(_remarks(evidence)),
    )


def _moved(evidence: Evidence) -> bool:
    return any(evidence.metrics.get(name) for name in ("peak_difference", "changed_fraction"))


def _changed_keys(findings: Findings) -> Iterator[ChangedKey]:
    """Yield the keys that differ, and whether each can have made the difference where it began."""
    for key, each in findings.keys.items():
        effect = effect_of(key)
        explains = effect is None or any(
            takes_effect(effect, findings, root) for root in (*findings.roots, *findings.hidden)
        )
        yield ChangedKey(key=key, old=each.old, new=each.new, explains=explains)


def _remarks(evidence: Evidence) -> Iterator[str]:
    """Yield what the diagnosis has to do without."""
    sides = (("accepted", evidence.accepted), ("present", evidence.present))
    for name, side in sides:
        if side.environment is None:
            yield f"the environment of the {name} image is not on record"
    (_, accepted), (_, present) = sides
    for name, trace, other in (
        ("accepted", accepted.trace, present.trace),
        ("present", present.trace, accepted.trace),
    ):
        if trace and other and _ends_early(trace, other):
            yield f"the trace of the {name} image ends early: {_last(trace)} is its last stage"
    names = sorted(set(unreadable(evidence)))
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"{names[0]}{more} could not be read and is not compared"


def _ends_early(trace: Trace, other: Trace) -> bool:
    return _has_pixels(other) and not _has_pixels(trace)


def _has_pixels(trace: Trace) -> bool:
    return any(each.stage is Stage.PIXELS for each in trace)


def _last(trace: Trace) -> str:
    return trace[-1].stage.value.replace("_", " ")
