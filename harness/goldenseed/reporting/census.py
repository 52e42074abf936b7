"""What holds the cases of suites, as a table and as a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from goldenseed.core.listing import first_of
from goldenseed.reporting.words import count_of
from goldenseed.runs.parts import Block
from goldenseed.tools.census.holding import Held, Holder
from goldenseed.tools.selfcheck.findings import Share

_HEAD = ("cases", "holds by", "limit", "from", "last failed", "catches")
_NAMED = 2
Shares = Mapping[str, Share]
"""Gate → how many wrong images of the self-check it fails."""


def census_blocks(
    path: str, held: Sequence[Held], caught: Shares, remarks: Sequence[str]
) -> tuple[Block, ...]:
    """Return a table of what holds the cases of a suite, and what nothing holds.

    Cases that are held alike share their rows.
    """
    loose = [each for each in held if not each.compared]
    default = [each for each in held if each.by_default and each.compared]
    sentences = [f"{path}: {count_of(len(held), 'case')}, {_compared(held)}"]
    if loose:
        names = first_of([each.case.id for each in loose], _NAMED)
        sentences.append(f"NOT COMPARED, nothing is accepted and no set or relation holds: {names}")
    if default:
        names = first_of([each.case.id for each in default], _NAMED)
        sentences.append(f"no gate of the suite's own, one level of 255 by default: {names}")
    return (
        Block(sentences=(*sentences, *remarks)),
        Block(columns=_HEAD, rows=tuple(_rows(path, held, caught))),
    )


def _compared(held: Sequence[Held]) -> str:
    count = sum(each.compared for each in held)
    if count == len(held):
        return "all of them held"
    return f"{count:,} held: incomplete"


def _rows(path: str, held: Sequence[Held], caught: Shares) -> Iterator[tuple[str, ...]]:
    alike: dict[tuple[object, ...], list[tuple[str, Holder]]] = {}
    for each in held:
        for holder in each.holders:
            key = holder.kind, holder.name, holder.limit, holder.source, holder.line
            alike.setdefault(key, []).append((each.case.id, holder))
    for found in alike.values():
        holder = found[0][1]
        names = first_of([name for name, _ in found], 1)
        yield (
            "all" if len(found) == len(held) > 1 else names,
            f"{holder.kind} {holder.name}",
            holder.limit,
            _place(path, holder),
            _past([each for _, each in found]),
            _catches(holder, caught),
        )


def _place(path: str, holder: Holder) -> str:
    return holder.source if holder.line is None else f"{path}:{holder.line} ({holder.source})"


def _past(holders: Sequence[Holder]) -> str:
    failed = [each.last_failed for each in holders if each.last_failed is not None]
    if failed:
        return f"{max(failed):%Y-%m-%d %H:%M}"
    runs = max((each.recorded or 0 for each in holders), default=0)
    return f"never in {count_of(runs, 'run')}" if runs else "not on record"


def _catches(holder: Holder, caught: Shares) -> str:
    share = caught.get(holder.name) if holder.kind == "gate" else None
    return f"{share.caught:,} of {share.tests:,} wrong images" if share else ""


def census_document(
    path: str, held: Sequence[Held], caught: Shares, remarks: Sequence[str]
) -> dict[str, Any]:
    """Return the same for programs, case by case."""
    return {
        "suite": held[0].case.suite.name if held else None,
        "path": path,
        "complete": all(each.compared for each in held) and bool(held),
        "remarks": list(remarks),
        "cases": [
            {
                "id": each.case.id,
                "line": each.case.line,
                "compared": each.compared,
                "accepted": list(each.accepted),
                "quarantined_until": each.case.quarantine.until.isoformat()
                if each.case.quarantine
                else None,
                "held_by": [_holder(holder, caught) for holder in each.holders],
            }
            for each in held
        ],
    }


def _holder(found: Holder, caught: Shares) -> dict[str, Any]:
    share = caught.get(found.name) if found.kind == "gate" else None
    return {
        "kind": found.kind,
        "name": found.name,
        "limit": found.limit,
        "source": found.source,
        "line": found.line,
        "last_failed": found.last_failed.isoformat() if found.last_failed else None,
        "recorded": found.recorded,
        "catches": {"caught": share.caught, "of": share.tests} if share else None,
    }
