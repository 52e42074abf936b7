"""Which change moved the images: the path taken and the culprits, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from goldenseed.bisect.bisecting import Answer, Report
from goldenseed.bisect.search import Found, Outcome
from goldenseed.bisect.sides import Side
from goldenseed.bisect.suspects import ISA, VARIABLE, is_package
from goldenseed.bisect.trials import Trials
from goldenseed.bisect.tried import Tried
from goldenseed.bisect.upgrading import Upgrade
from goldenseed.core.listing import first_of
from goldenseed.reporting.words import shortened, visible
from goldenseed.runs.parts import Block, VerbRecord
from goldenseed.runs.record import RunRecord
from goldenseed.tools.probe.record import tried_record

_HEAD = ("environment", "outcome", "built", "in all")
_LISTED = 6
_LONGEST = 160
_ALL = "all that this machine has"


def bisect_blocks(found: Report) -> tuple[Block, ...]:
    """Return the path taken, then what follows from it."""
    rows = tuple(_row(each) for each in found.tried)
    seconds = sum(each.seconds for each in found.tried)
    differ = f"{len(found.changes)} differences between {found.good.name} and {found.bad.name}"
    path = Block((f"{differ}; {len(found.tried)} environments, {seconds:.0f} s",), _HEAD, rows)
    answers = (Block(tuple(_answer_lines(each))) for each in found.answers)
    rest = tuple(_rest(found))
    return (path, *answers, *([Block(rest)] if rest else ()))


def outcome_line(found: Report) -> str:
    """Say in one line what came of it."""
    said = dict.fromkeys(map(_verdict, found.answers))
    if said:
        return "; ".join(said)
    return "the same environment makes different images" if found.flaky else "no image moves"


def _row(tried: Tried) -> tuple[str, ...]:
    return (
        tried.name,
        _came(tried),
        f"{tried.build_seconds:.1f} s",
        f"{tried.seconds:.1f} s",
    )


def _came(tried: Tried) -> str:
    if tried.failed is not None and not tried.outcomes:
        last = tried.failed.splitlines()[-1] if tried.failed else ""
        words = Outcome.FAILED if tried.build_seconds or tried.seconds > 0 else Outcome.UNRESOLVABLE
        return shortened(visible(f"{words}: {last}", lines=False), _LONGEST)
    outcomes = [*tried.outcomes.values()]
    counts = {each: outcomes.count(each) for each in dict.fromkeys(outcomes)}
    counted = [f"{number} {each}" for each, number in counts.items()]
    said = [each.value for each in counts] if len(counts) == 1 else counted
    return ", ".join(said) + (f" ({tried.partial})" if tried.partial else "")


def _answer_lines(answer: Answer) -> Iterator[str]:
    cases = first_of(answer.cases, _LISTED)
    where = f", first at {answer.parting.words}" if answer.parting.words else ""
    beside = ", with that left out" if answer.beside else ""
    yield f"{cases}{beside}: {answer.parting.verdict}{where}"
    yield f"  {_verdict(answer)}"
    if answer.found.along:
        yield f"  with it comes what it forces along: {', '.join(sorted(answer.found.along))}"
    for group, outcome in answer.found.singly:
        yield f"  {_group(answer, group)} alone: {outcome}"
    yield from (f"  {line}" for line in _confirmation(answer.found, answer.partly))
    for each in answer.releases:
        if each.last_good != each.first_bad:
            yield f"  it came with {each.package} {each.first_bad}; {each.last_good} is as before"
        if each.untold:
            yield f"  {', '.join(each.untold)} could not be tried"
    for name in sorted(filter(is_package, frozenset().union(*answer.found.culprits))):
        came = (each.first_bad for each in answer.releases if each.package == name)
        version = next(came, None) or answer.bad.packages.version(name)
        address = shortened(visible(answer.addresses.get(name, ""), lines=False), _LONGEST)
        at = f": {address}" if address else " (its metadata names no address)"
        if version is not None:
            yield f"  read what the release notes of {name} {version} say of it{at}"


def _verdict(answer: Answer) -> str:
    search = answer.found
    if search.suspects:
        groups = [_group(answer, each) for each in search.suspects]
        sure = "".join(f"{_group(answer, each)} and " for each in search.culprits)
        return f"{sure}one of {len(groups)}: {first_of(groups, _LISTED)} ({search.reason})"
    groups = [_group(answer, each) for each in search.culprits]
    if search.interaction:
        return f"only together: {' and '.join(groups)}"
    return " and ".join(groups)


def _group(answer: Answer, group: frozenset[str]) -> str:
    return ", ".join(change_in_words(answer.good, answer.bad, each) for each in sorted(group))


def change_in_words(good: Side, bad: Side, change: str) -> str:
    """Write a change with what it was and what it is: ``numpy 1.26.4 → 2.4.6``."""
    if change.startswith(VARIABLE):
        name = change.removeprefix(VARIABLE)
        old, new = good.variables.get(name), bad.variables.get(name)
        return f"{name} {'not set' if old is None else old} → {'not set' if new is None else new}"
    if change == ISA:
        return f"instruction set {good.isa or _ALL} → {bad.isa or _ALL}"
    if change in good.told:
        return good.told[change]
    old, new = good.packages.version(change), bad.packages.version(change)
    if old == new:
        return f"{change} {new} (other files)"
    return f"{change} {old or 'none'} → {new or 'none'}"


def _confirmation(search: Found, partly: str | None) -> Iterator[str]:
    if search.confirmed:
        alone = "alone on the good side it is as after"
        yield f"confirmed both ways: {alone}, and without it the bad side is as before"
        if partly:
            yield f"  ({partly}: one of the two images cannot be made to its end)"
    elif search.alone is Outcome.AFTER and search.without is Outcome.THIRD:
        alone = "alone on the good side it is as after"
        yield f"{alone}; without it the bad side is still not as before"
    elif search.culprits and not search.suspects:
        alone = search.alone or "not tried"
        without = search.without or "not tried"
        yield f"alone on the good side: {alone}; everything but it: {without}"
        if search.reason:
            yield f"not confirmed: {search.reason}"


def _rest(found: Report) -> Iterator[str]:
    if found.flaky:
        flickering = first_of(found.flaky, _LISTED)
        yield f"one environment makes different images of {flickering}: nothing is said of them"
    if found.unmoved:
        yield f"the same on both sides: {first_of(found.unmoved, _LISTED)}"
    yield from found.notes


def bisect_document(found: Report) -> dict[str, Any]:
    """Return everything that was found as JSON data."""
    return {
        "good": _side(found.good),
        "bad": _side(found.bad),
        "changes": [
            {"name": each, "words": change_in_words(found.good, found.bad, each)}
            for each in found.changes
        ],
        "answers": [_answer(each) for each in found.answers],
        "unmoved": list(found.unmoved),
        "flaky": list(found.flaky),
        "environments": [_tried(each) for each in found.tried],
        "notes": list(found.notes),
    }


def _side(side: Side) -> dict[str, Any]:
    packages = {name: each.version for name, each in side.packages.each.items()}
    return {"name": side.name, "packages": packages, "variables": dict(side.variables)}


def _answer(answer: Answer) -> dict[str, Any]:
    search = answer.found
    return {
        "cases": list(answer.cases),
        "beside": answer.beside,
        "between": [answer.good.name, answer.bad.name],
        "verdict": answer.parting.verdict.value,
        "stage": answer.parting.stage and answer.parting.stage.value,
        "where": answer.parting.words,
        "culprits": [sorted(each) for each in search.culprits],
        "along": sorted(search.along),
        "interaction": search.interaction,
        "singly": [{"changes": sorted(g), "outcome": o.value} for g, o in search.singly],
        "alone": search.alone and search.alone.value,
        "without": search.without and search.without.value,
        "confirmed": search.confirmed,
        "partly": answer.partly,
        "suspects": [sorted(each) for each in search.suspects],
        "reason": search.reason,
        "releases": [
            {"package": r.package, "last_good": r.last_good, "first_bad": r.first_bad,
             "untold": list(r.untold)}
            for r in answer.releases
        ],
        "addresses": dict(answer.addresses),
        "words": _verdict(answer),
    }  # fmt: skip


def _tried(tried: Tried) -> dict[str, Any]:
    return {
        "name": tried.name,
        "changes": None if tried.changes is None else sorted(tried.changes),
        "outcomes": {case: outcome.value for case, outcome in tried.outcomes.items()},
        "failed": tried.failed,
        "partial": tried.partial,
        "build_seconds": round(tried.build_seconds, 3),
        "seconds": round(tried.seconds, 3),
        "packages": {name: each.version for name, each in tried.packages.each.items()},
    }


def bisect_record(
    found: Report, folder: Path, *, started: datetime, finished: datetime
) -> RunRecord | None:
    """Describe what was found as a run; None where nothing could be compared."""
    compared = [
        (each.name.replace(", ", "+"), each.comparison) for each in found.tried if each.comparison
    ]
    if not compared:
        return None
    blocks = bisect_blocks(found)
    return tried_record(
        compared,
        compared[0][1].a.record,
        run_id=folder.name,
        started=started,
        finished=finished,
        verb=VerbRecord(
            name="bisect",
            passed=not found.moved,
            outcome=outcome_line(found),
            notes=(*blocks[1:], blocks[0]),
        ),
    )


def upgrade_blocks(found: Upgrade, trials: Trials) -> tuple[Block, ...]:
    """Return what changes of the packages, and what that does to the images."""
    rows = tuple(
        (change_in_words(trials.good, trials.bad, each),) for each in trials.changes[:_MOST_ROWS]
    )
    return Block(columns=("what changes",), rows=rows), Block(tuple(_upgrade_lines(found)))


_MOST_ROWS = 60


def _upgrade_lines(found: Upgrade) -> Iterator[str]:
    for cases, words in (
        (found.identical, "identical"),
        (found.rounded, "only rounding"),
        (found.moved, "moved"),
    ):
        if cases:
            yield f"{words}: {len(cases)} ({first_of(cases, _LISTED)})"


def upgrade_document(found: Upgrade, trials: Trials) -> dict[str, Any]:
    """Return what was found as JSON data."""
    return {
        "from": _side(trials.good),
        "to": _side(trials.bad),
        "identical": list(found.identical),
        "rounding": list(found.rounded),
        "moved": list(found.moved),
        "changes": [change_in_words(trials.good, trials.bad, each) for each in trials.changes],
    }


def upgrade_record(
    found: Upgrade, trials: Trials, *, started: datetime, finished: datetime
) -> RunRecord:
    """Describe what an upgrade does as a run, a case for each image made with it."""
    return tried_record(
        [("candidate", found.comparison)],
        found.comparison.a.record,
        run_id=trials.folder.name,
        started=started,
        finished=finished,
        verb=VerbRecord(
            name="upgrade",
            passed=not found.moved,
            outcome="; ".join(_upgrade_lines(found)),
            notes=upgrade_blocks(found, trials),
        ),
    )
