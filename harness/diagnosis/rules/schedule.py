"""What the trace shows of the schedule: timesteps and sigmas."""

from __future__ import annotations

from collections.abc import Iterator

from harness.diagnosis.findings import Findings
from harness.diagnosis.model import Cause
from harness.diagnosis.places import Place, Root
from harness.diagnosis.suspicion import LIKELY, POSSIBLE, SHOWN, Suspicion, is_rounding
from harness.generation.stages import Stage, StageRecord, Trace


def schedule(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain a schedule that differs, and one that lasts longer, from the trace alone."""
    if root.place is Place.LATER_STEP:
        yield from _steps_alone(findings, root)
    if root.place is not Place.SCHEDULE or is_rounding(findings, root):
        return
    before, now = findings.evidence.accepted.trace or (), findings.evidence.present.trace or ()
    if len({_kinds(before), _kinds(now)}) > 1:
        evidence = f"the schedule is of another kind: {_kinds(before)} → {_kinds(now)}"
        yield Suspicion(Cause.SCHEDULER, SHOWN, "", (evidence,))
        return
    counts = _count(before), _count(now)
    if counts[0] == counts[1]:
        evidence = "as many timesteps, but others"
        yield Suspicion(Cause.SCHEDULER, SHOWN, "", (evidence,))
        return
    words = f"{counts[0]} → {counts[1]}"
    evidence = f"the number of timesteps differs: {words}"
    yield Suspicion(Cause.STEPS, 2 * LIKELY, words, (evidence,))
    # Schedulers of second order take about twice as many, and some one more.
    likely_order = abs(counts[1] - counts[0]) == 1 or max(counts) >= 2 * min(counts) - 1
    yield Suspicion(
        Cause.SCHEDULER, POSSIBLE * (2 if likely_order else 0.5), f"timesteps {words}", (evidence,)
    )


def _steps_alone(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain that one of the images had more steps of one and the same schedule."""
    traces = (findings.evidence.accepted.trace or (), findings.evidence.present.trace or ())
    whole = all(each and each[-1].stage is Stage.PIXELS for each in traces)
    if whole and root.differing and len(root.one_sided) == len(root.differing):
        counts = tuple(len([pair for pair in root.pairs if pair[side]]) + 1 for side in (0, 1))
        words = f"{counts[0]} → {counts[1]}"
        evidence = (
            f"the schedule is the same, but {counts[1]} of its steps are made, not {counts[0]}"
        )
        yield Suspicion(Cause.STEPS, SHOWN, words, (evidence,))


def _kinds(trace: Trace) -> str:
    found = [each for each in trace if each.stage in {Stage.TIMESTEPS, Stage.SIGMAS}]
    kinds = dict.fromkeys(f"{each.stage.value} ({each.dtype})" for each in found)
    return " and ".join(kinds) or "none"


def _count(trace: Trace) -> int:
    return next((_length(each) for each in trace if each.stage is Stage.TIMESTEPS), 0)


def _length(record: StageRecord) -> int:
    return record.shape[0] if record.shape else 1
