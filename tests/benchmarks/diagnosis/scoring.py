"""What the diagnosis says of each fault, held against what was done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean

from goldenseed.diagnosis.explain import explain
from goldenseed.diagnosis.model import Cause, Diagnosis, RankedCause
from goldenseed.environment.fingerprint import environment_differences
from goldenseed.environment.keys import Kind
from goldenseed.suite.recipes import recipe_differences
from tests.benchmarks.diagnosis.evidence import Recorded, recorded
from tests.benchmarks.diagnosis.fault import Fault

HIGH = 0.5
"""From this confidence on, a cause is named with confidence."""


@dataclass(frozen=True)
class Answer:
    """A fault, what was recorded of it, and what the diagnosis made of that."""

    fault: Fault
    recorded: Recorded
    diagnosis: Diagnosis

    @property
    def first(self) -> RankedCause | None:
        """The likeliest cause named."""
        return next(iter(self.diagnosis.causes), None)

    @property
    def named(self) -> float:
        """The confidence of the likeliest cause but ``unknown``; 0.0 where none is named."""
        known = (each for each in self.diagnosis.causes if each.cause is not Cause.UNKNOWN)
        return max((each.confidence for each in known), default=0.0)

    @property
    def rank(self) -> int | None:
        """The true cause's place, from 1; None where it is not among the causes."""
        causes = [each.cause.value for each in self.diagnosis.causes]
        return causes.index(self.fault.label) + 1 if self.fault.label in causes else None

    @property
    def confidence(self) -> float:
        """The true cause's confidence."""
        rank = self.rank
        return 0.0 if rank is None else self.diagnosis.causes[rank - 1].confidence

    @property
    def right(self) -> bool:
        """Whether the true cause is first."""
        return self.rank == 1


def answers(faults: Sequence[Fault], work: Path) -> list[Answer]:
    """Ask about each fault; the rules are given the evidence and nothing else."""
    found = []
    for fault in faults:
        about = recorded(fault, work)
        found.append(Answer(fault, about, explain(about.sides)))
    return found


def counted(found: Sequence[Answer]) -> list[Answer]:
    """Leave out controls, and faults that changed no bit of the image."""
    return [each for each in found if each.fault.label and not each.recorded.same_pixels]


def top(found: Sequence[Answer], places: int) -> float:
    """Return the share of answers with the truth among the first ``places``."""
    return mean((each.rank or 99) <= places for each in found) if found else float("nan")


def report(faults: Sequence[Fault], work: Path, *, details: bool, misses: Path | None) -> str:
    """Return the tables of docs/diagnosis.md; ``details`` adds the evidence of every fault."""
    found = answers(faults, work)
    wrong = [each for each in counted(found) if not each.right]
    if misses is not None:
        first_half = [each for each in wrong if not each.fault.held_out and not each.fault.fresh]
        misses.write_text("\n".join(map(described, first_half)), encoding="utf-8")
    parts = [
        _summary(found),
        _in_the_records(found),
        _by_cause(counted(found)),
        _calibration(counted(found)),
        _table("Faults", counted(found)),
        _table("Faults that changed no pixel", _without_effect(found)),
        _controls(found),
        "### Misses\n\n" + "\n".join(map(described, found if details else wrong)),
    ]
    return "\n\n".join(parts)


def _without_effect(found: Sequence[Answer]) -> list[Answer]:
    return [each for each in found if each.fault.label and each.recorded.same_pixels]


def _summary(found: Sequence[Answer]) -> str:
    whole = counted(found)
    groups = {
        "all": whole,
        "seen half": [each for each in whole if not each.fault.held_out and not each.fault.fresh],
        "held-out half": [each for each in whole if each.fault.held_out and not each.fault.fresh],
        "fresh": [each for each in whole if each.fault.fresh],
        "all but the fresh": [each for each in whole if not each.fault.fresh],
    }
    for place in ("recipe", "fingerprint", "call", "trace"):
        name = f"shown by the {place}" if place != "trace" else "shown by the trace alone"
        groups[name] = [each for each in whole if each.recorded.shown_by == place]
    for base in dict.fromkeys(each.fault.base for each in whole):
        groups[base] = [each for each in whole if each.fault.base == base]
    rows = [
        f"| {name} | {len(group)} | {top(group, 1):.1%} | {top(group, 3):.1%} |"
        for name, group in groups.items()
        if group
    ]
    head = ["| Faults | Number | First | In the first three |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _in_the_records(found: Sequence[Answer]) -> str:
    """Count the runs whose own record says what was scored here."""
    told = [each for each in found if each.recorded.case.diagnosis is not None]
    same = [each for each in told if each.recorded.case.diagnosis.causes == each.diagnosis.causes]
    return f"The runs' own records say the same in {len(same)} of {len(told)} diagnosed cases."


def _by_cause(found: Sequence[Answer]) -> str:
    rows = []
    for cause in Cause:
        own = [each for each in found if each.fault.label == cause.value]
        if own:
            rows.append(
                f"| `{cause.value}` | {len(own)} | {sum(each.right for each in own)} "
                f"| {sum((each.rank or 99) <= 3 for each in own)} |"
            )
    head = ["| Cause | Faults | First | In the first three |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _calibration(found: Sequence[Answer]) -> str:
    rows = ["| Confidence of the first answer | Answers | Right |", "|---|---|---|"]
    edges = (0.0, 0.5, 0.8, 0.95, 1.01)
    for low, high in pairwise(edges):
        own = [each for each in found if each.first and low <= each.first.confidence < high]
        if own:
            share = mean(each.right for each in own)
            rows.append(f"| {low:g} … {min(high, 1):g} | {len(own)} | {share:.0%} |")
    for name, wanted in (("right", True), ("wrong", False)):
        own = [each.first.confidence for each in found if each.first and each.right is wanted]
        if own:
            rows.append(f"| mean of the {name} ones: {mean(own):.2f} | {len(own)} | |")
    return "\n".join(rows)


def _table(title: str, found: Sequence[Answer]) -> str:
    rows = [
        f"### {title}",
        "",
        "| Fault | Pipeline | True cause | Severity | Shown by | Half | Place | Confidence |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        fault = each.fault
        note = f" ({fault.note})" if fault.note else ""
        rows.append(
            f"| {fault.name}{note} | {fault.base} | `{fault.label}` | {fault.severity} "
            f"| {each.recorded.shown_by} | {_half(fault)} "
            f"| {each.rank or 'none'} | {each.confidence:.2f} |"
        )
    return "\n".join(rows)


def _half(fault: Fault) -> str:
    if fault.fresh:
        return "fresh"
    return "held out" if fault.held_out else "seen"


def _controls(found: Sequence[Answer]) -> str:
    rows = ["### Controls", "", "| Control | Pipeline | Named with | Answer |", "|---|---|---|---|"]
    for each in found:
        if each.fault.label is None:
            said = ", ".join(cause.cause.value for cause in each.diagnosis.causes) or "none"
            rows.append(f"| {each.fault.name} | {each.fault.base} | {each.named:.2f} | {said} |")
    return "\n".join(rows)


def described(answer: Answer) -> str:
    """Describe an answer by its evidence."""
    about, divergence = answer.recorded, answer.diagnosis.first_divergence
    lines = [f"- {answer.fault.name} ({answer.fault.base}): expected `{answer.fault.label}`"]
    said = (
        f"{each.cause.value} {each.confidence:.2f} ({each.words})"
        for each in answer.diagnosis.causes[:4]
    )
    lines.append(f"  said: {'; '.join(said) or 'nothing'}")
    if divergence is not None:
        lines.append(f"  first divergence: {divergence.words}")
        lines.append(f"  distances: {', '.join(_distances(answer))}")
    lines.extend(f"  {each}" for each in _recorded_differences(about))
    if about.case.error:
        lines.append(f"  error: {about.case.error.partition(chr(10))[0].partition(': ')[2]}")
    return "\n".join(lines)


def _distances(answer: Answer) -> Iterator[str]:
    divergence = answer.diagnosis.first_divergence
    for each in divergence.distances if divergence else ():
        value = each.distance
        if value:
            source = f" {each.source}" if each.source else ""
            yield f"{each.stage.value}[{each.index}]{source} {value:.1e}"


def _recorded_differences(about: Recorded) -> Iterator[str]:
    before, now = about.sides.accepted, about.sides.present
    for each in recipe_differences(before.recipe or {}, now.recipe or {}):
        yield f"recipe: {each.field} {each.old} → {each.new}"
    if now.environment is None:
        yield "no environment of the present side"
        return
    if before.in_force != now.in_force:
        yield f"inside the call: {dict(before.in_force)} → {dict(now.in_force)}"
    for key in environment_differences(before.environment or {}, now.environment):
        if key.kind is not Kind.RECORDED:
            yield f"environment: {key.key} {str(key.old)[:40]} → {str(key.new)[:40]}"
