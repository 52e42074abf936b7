"""A self-check of gates, as lines for the terminal and as the record of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from goldenseed.core.listing import first_of
from goldenseed.reporting.numbers import number
from goldenseed.reporting.terminal import block_lines
from goldenseed.reporting.words import count_of, visible
from goldenseed.runs.parts import Block, VerbRecord
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.tools.selfcheck.check import SelfCheck
from goldenseed.tools.selfcheck.findings import Findings, Room, Share

_ROOM = ("gate", "limit", "tolerance", "faintest wrong image")

_NAMED = 5


def selfcheck_lines(check: SelfCheck, found: Findings) -> list[str]:
    """Return the table of wrong images by gates, and what follows; the same text in a pipe."""
    told = block_lines(_findings(check, found))
    return [*told, "", *(visible(line, lines=False) for line in _proposal(check, found))]


def selfcheck_record(
    check: SelfCheck,
    found: Findings,
    cases: Sequence[CaseRecord],
    *,
    run_id: str,
    started: datetime,
    finished: datetime,
) -> RunRecord:
    """Describe a self-check as a run whose ``cases`` are the wrong images that pass every gate."""
    first, *rest = _proposal(check, found)
    tried, passing = found.tests, len(check.passed)
    many = f"{passing:,} of {count_of(tried, 'wrong image')} would pass every gate"
    none = f"every one of {count_of(tried, 'wrong image')} fails a gate"
    return RunRecord(
        run_id=run_id,
        started=started,
        finished=finished,
        complete=True,
        profile=check.profile,
        cases=tuple(cases),
        verb=VerbRecord(
            name="selfcheck",
            passed=not passing,
            outcome=(many if passing else none) if tried else "no wrong image could be tried",
            notes=(
                *_findings(check, found),
                Block((first,), details=("\n".join(rest),) if rest else ()),
            ),
        ),
    )


def _findings(check: SelfCheck, found: Findings) -> Iterator[Block]:
    """Yield what was tried, the tables, and what follows from them."""
    where = f"{check.suite}: {count_of(len(check.cases), 'case')}"
    tried = f"{count_of(found.tests, 'wrong image')} tried, {_sources(check)}"
    yield Block((f"{where} accepted in {check.profile}, {tried}",))
    if found.tests:
        head = ("wrong image", "tests", "fail", *check.limits)
        yield Block(columns=head, rows=tuple(_rows(check, found)))
        yield Block(columns=_ROOM, rows=tuple(_room(check, room) for room in found.rooms))
    yield Block(tuple(_conclusions(check, found)))


def passing_line(check: SelfCheck) -> str:
    """Name the wrong images that pass every gate, in one line."""
    by_name: dict[str, list[str]] = {}
    for trial in check.passed:
        by_name.setdefault(trial.wrong, []).append(trial.case)
    parts = [f"{wrong} in {first_of(cases, _NAMED)}" for wrong, cases in by_name.items()]
    many = count_of(len(check.passed), "wrong image")
    return visible(f"{many} would pass every gate: {'; '.join(parts)}", lines=False)


def _rows(check: SelfCheck, found: Findings) -> list[tuple[str, ...]]:
    limits = ("limit", "", "", *(_limits(check, gate) for gate in check.limits))
    rows = [
        (wrong, str(row[None].tests), *(_percent(row[gate]) for gate in (None, *check.limits)))
        for wrong, row in found.table.items()
    ]
    total = Share(found.tests - len(check.passed), found.tests)
    everything = (total, *(found.gates[gate] for gate in check.limits))
    return [limits, *rows, ("all", str(found.tests), *map(_percent, everything))]


def _room(check: SelfCheck, room: Room) -> tuple[str, ...]:
    tolerance = "not known" if room.tolerance is None else number(room.metric, room.tolerance)
    faintest = f"{number(room.metric, room.faintest)} ({room.wrong} in {room.case})"
    return (room.gate, _limits(check, room.gate), tolerance, faintest)


def _limits(check: SelfCheck, gate: str) -> str:
    values = check.limits.get(gate)
    if not values:
        return "none"
    low, high = (f"{value:g}" for value in (values[0], values[-1]))
    return low if low == high else f"{low}…{high}"


def _percent(share: Share) -> str:
    """Write a share so that neither 0 % nor 100 % is written of anything else."""
    if not share.tests:
        return "-"
    percent = 100 * share.caught / share.tests
    if share.caught in (0, share.tests):
        return f"{percent:.0f} %"
    return f"{min(99, max(1, round(percent)))} %"


def _conclusions(check: SelfCheck, found: Findings) -> Iterator[str]:
    if not found.tests:
        yield "no wrong image could be tried"
    elif check.passed:
        yield f"FAILED: {passing_line(check)}"
    else:
        yield "every wrong image fails a gate"
    by_content = [each for each in check.trials if each.content]
    if by_content:
        scores = ", ".join(dict.fromkeys(name for each in by_content for name in each.content))
        passing = count_of(len(by_content), "wrong image")
        yield f"by content alone: {passing} would pass every gate but fail {scores}"
    for gate in found.blind:
        share = found.gates[gate]
        yield f"blind gate: {gate} fails {share.caught} of {share.tests} wrong images"
    for gate, unseen in found.blind_to.items():
        yield f"blind to some: {gate} fails no {', '.join(unseen)}"
    for gate in found.dead:
        yield f"dead gate: {gate} never decides here: the others fail every image that it fails"
    for tight in found.within_tolerance:
        metric = tight.gate.partition("_")[2]
        where = f" in {count_of(tight.cases, 'case')}" if tight.cases else ""
        yield (
            f"gate within the tolerance: {tight.gate} {tight.limit:g} is tighter than the "
            "tolerance, which "
            f"reaches {number(metric, tight.tolerance, beside=(tight.limit,))}{where}"
        )
    yield from _no_tests(check)
    yield from _left_out(check)


def _no_tests(check: SelfCheck) -> Iterator[str]:
    found: dict[tuple[str, str], list[str]] = {}
    for trial in check.trials:
        if trial.no_test:
            found.setdefault((trial.wrong, trial.no_test), []).append(trial.case)
    for (wrong, why), cases in found.items():
        yield f"no test: {wrong} is {why} in {first_of(cases, _NAMED)}"


def _left_out(check: SelfCheck) -> Iterator[str]:
    found: dict[tuple[str | None, str], list[str]] = {}
    for each in check.left_out:
        found.setdefault((each.wrong, each.why), []).append(each.case)
    for (wrong, why), cases in found.items():
        if wrong is None:
            yield f"not checked: {first_of(cases, _NAMED)}: {why}"
        else:
            yield f"left out: {wrong} in {count_of(len(cases), 'case')}: {why}"


def _proposal(check: SelfCheck, found: Findings) -> Iterator[str]:
    """Propose gates as YAML to paste, with the room that each metric leaves as a comment."""
    rooms = {room.gate: room for room in found.rooms}
    if not found.proposed:
        yield f"no gates can be proposed: nobody knows how far the {_sources(check)} goes"
        return
    yield f"the tightest gates that keep the tolerance out, from the {_sources(check)}:"
    yield "gates:"
    yield "  fail:"
    for gate, limit in found.proposed.items():
        room = rooms.get(gate)
        blunt = room is not None and not room.separates
        value = str(int(limit)) if limit == int(limit) else repr(limit)
        yield f"    {gate}: {value}{'  # does not fail every wrong image' if blunt else ''}"


def _sources(check: SelfCheck) -> str:
    found = dict.fromkeys(each.tolerance.source for each in check.right)
    return ", ".join(found) or "no tolerance"
