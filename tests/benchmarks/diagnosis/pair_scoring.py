"""What the diagnosis says where two things were done at once: one real, one that only rounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from goldenseed.tolerance.rounding import trace_measures
from tests.benchmarks.diagnosis.fault import Fault
from tests.benchmarks.diagnosis.scoring import HIGH, Answer, answers, described

_HEAD = (
    "| Pair | Pipeline | Real | Size | Rounding | Beyond it | First | Real's place | Rounding's |",
    "|---|---|---|---|---|---|---|---|---|",
)


def place_of(answer: Answer, cause: str | None) -> int | None:
    """Return a cause's place among those named, from 1; None where it is not among them."""
    causes = [each.cause.value for each in answer.diagnosis.causes]
    return causes.index(cause) + 1 if cause in causes else None


def beyond_rounding(answer: Answer) -> str | None:
    """Return the verdict's measure of the traces that is farthest beyond rounding; None if none."""
    sides = (answer.recorded.sides.accepted, answer.recorded.sides.present)
    accepted, present = (side.trace or () for side in sides)
    beyond = [each for each in trace_measures(accepted, present, "float32") if not each.explained]
    worst = max(beyond, key=lambda each: each.value / (each.limit or 1e-30), default=None)
    return None if worst is None else worst.metric


def hides_it(answer: Answer) -> bool:
    """Say whether rounding is named first with confidence although it explains too little."""
    first = answer.first
    named = first is not None and first.cause.value == answer.fault.beside
    return named and first.confidence >= HIGH and beyond_rounding(answer) is not None


def report_pairs(faults: Sequence[Fault], work: Path, *, details: bool) -> str:
    """Return the tables of the pairs; ``details`` adds the evidence of every one."""
    whole = answers(faults, work)
    found = [each for each in whole if not each.recorded.same_pixels]
    missed = [each for each in found if not each.right]
    parts = [_summary(found), _table(found)]
    same = [each for each in whole if each.recorded.same_pixels]
    if same:
        parts.append(f"No pixel changed: {', '.join(each.fault.name for each in same)}")
    parts.append("\n".join(map(described, whole if details else missed)))
    return "\n\n".join(parts)


def _summary(found: Sequence[Answer]) -> str:
    groups = {
        "all": found,
        "beyond rounding": [each for each in found if beyond_rounding(each)],
        "within rounding": [each for each in found if not beyond_rounding(each)],
        "those that the rules were changed for": [each for each in found if not each.fault.fresh],
        "fresh": [each for each in found if each.fault.fresh],
    }
    for base in dict.fromkeys(each.fault.base for each in found):
        groups[base] = [each for each in found if each.fault.base == base]
    rows = [
        "| Pairs | Number | Real first | In the first three | Both there | Rounding hides it |",
        "|---|---|---|---|---|---|",
    ]
    for name, group in groups.items():
        if group:
            counts = (
                len(group),
                sum(each.right for each in group),
                sum((each.rank or 99) <= 3 for each in group),
                sum(_both(each) for each in group),
                sum(hides_it(each) for each in group),
            )
            rows.append(f"| {name} | {' | '.join(map(str, counts))} |")
    return "\n".join(rows)


def _both(answer: Answer) -> bool:
    places = (answer.rank, place_of(answer, answer.fault.beside))
    return all((place or 99) <= 3 for place in places)


def _table(found: Sequence[Answer]) -> str:
    return "\n".join([*_HEAD, *map(_row, found)])


def _row(answer: Answer) -> str:
    fault, first = answer.fault, answer.first
    beyond = beyond_rounding(answer)
    cells = (
        fault.name,
        fault.base,
        f"`{fault.label}`",
        fault.severity,
        f"`{fault.beside}`",
        f"`{beyond}`" if beyond else "nothing",
        "none" if first is None else f"`{first.cause.value}` {first.confidence:.2f}",
        str(answer.rank or "none"),
        str(place_of(answer, fault.beside) or "none"),
    )
    return f"| {' | '.join(cells)} |"
