"""What the diagnosis says of the faults that people reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.diagnosis.fault import Fault
from tests.benchmarks.diagnosis.pair_scoring import place_of
from tests.benchmarks.diagnosis.scoring import Answer, answers, described

_NONE = 99


def report_kinds(faults: Sequence[Fault], work: Path, *, details: bool) -> str:
    """Return the tables of the faults of ``kinds.yaml``; ``details`` adds every one's evidence."""
    found = answers(faults, work)
    moved = [each for each in found if each.fault.label and not each.recorded.same_pixels]
    same = [each.fault.name for each in found if each.fault.label and each.recorded.same_pixels]
    named = [f"{each.fault.name}: {each.named:.2f}" for each in found if each.fault.label is None]
    missed = [each for each in moved if not _is_first(each) or not _is_whole(each)]
    parts = [
        _summary(moved),
        _table(moved),
        f"Controls, and with what a cause was named: {', '.join(named) or 'none'}",
        f"No pixel changed: {', '.join(same) or 'none'}",
        "\n".join(map(described, found if details else missed)),
    ]
    return "\n\n".join(parts)


def _rank(answer: Answer) -> int:
    """Return the place of the true cause; of two, of the one that is named first."""
    places = (answer.rank, place_of(answer, answer.fault.beside))
    return min((each for each in places if each), default=_NONE)


def _is_first(answer: Answer) -> bool:
    return _rank(answer) == 1


def _is_whole(answer: Answer) -> bool:
    """Say whether all true causes are among the first three."""
    places = [answer.rank or _NONE]
    if answer.fault.beside:
        places.append(place_of(answer, answer.fault.beside) or _NONE)
    return max(places) <= 3


def _summary(found: Sequence[Answer]) -> str:
    groups = {
        "all": found,
        "seen": [each for each in found if not each.fault.fresh],
        "fresh": [each for each in found if each.fault.fresh],
        "two at once": [each for each in found if each.fault.beside],
        "two at once, fresh": [each for each in found if each.fault.beside and each.fault.fresh],
    }
    for base in dict.fromkeys(each.fault.base for each in found):
        groups[base] = [each for each in found if each.fault.base == base]
    rows = [
        "| Faults | Number | A true cause first | All true causes in the first three |",
        "|---|---|---|---|",
    ]
    rows += [
        f"| {name} | {len(group)} | {sum(map(_is_first, group))} | {sum(map(_is_whole, group))} |"
        for name, group in groups.items()
        if group
    ]
    return "\n".join(rows)


def _table(found: Sequence[Answer]) -> str:
    rows = [
        "| Fault | Pipeline | True cause | Severity | Half | First answer | Place |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in found:
        fault, first = each.fault, each.first
        label = f"`{fault.label}`" + (f" and `{fault.beside}`" if fault.beside else "")
        said = f"`{first.cause.value}` {first.confidence:.2f}" if first else "none"
        places = [str(each.rank or "none")]
        if fault.beside:
            places.append(str(place_of(each, fault.beside) or "none"))
        rows.append(
            f"| {fault.name} | {fault.base} | {label} | {fault.severity} "
            f"| {'fresh' if fault.fresh else 'seen'} | {said} | {' and '.join(places)} |"
        )
    return "\n".join(rows)
