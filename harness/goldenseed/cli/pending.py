"""``goldenseed pending``: what of a run waits for a decision, and the commands that make it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.common import Baselines, Reports, find_run
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say, say_json
from goldenseed.core.listing import first_of
from goldenseed.reporting.commands import Place
from goldenseed.reporting.view import CaseView, case_view
from goldenseed.reporting.words import count_of, name_of, place_of, shortened, visible
from goldenseed.runs.folder import LATEST
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.waiting import Alike, Waiting, waiting

SCHEMA_VERSION = 1
"""What ``schema_version`` of ``--json`` says; raised when a field changes its meaning."""
_SHOWN = 10
"""How many cases of a group are listed."""
_IN_A_COMMAND = 40
"""How many cases a command names; more are decided on in the report."""
_NAMED = 3
_LINE = 160


def pending(
    run: Annotated[
        str, typer.Argument(help="A run's id, a unique beginning of it, latest, or path.")
    ] = LATEST,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """List what of RUN waits for a decision, by its cause, the worst first, with the commands.

    What was accepted or rejected since is left out. Exit code 1: something waits.
    """
    record, folder = find_run(run, reports)
    found = waiting(record, BaselineStore(baselines))
    place = Place.of_folder(folder, baselines)
    if as_json:
        say_json(_document(record, found, place))
    else:
        for line in _lines(record, found, place):
            say(visible(line, lines=False))
    if found.groups:
        raise typer.Exit(ExitCode.FOUND)


def _lines(run: RunRecord, found: Waiting, place: Place) -> Iterator[str]:
    total = sum(1 for _ in found.cases)
    waits = count_of(total, "case waits", "cases wait")
    yield f"{run.run_id}: {waits} for a decision" if total else f"{run.run_id}: nothing waits"
    if not run.complete:
        yield "  the run was cut short: run it again before you accept of it"
    for number, group in enumerate(found.groups, 1):
        yield f"{number}. {_heading(group)}"
        for case in group.cases[:_SHOWN]:
            yield f"     {_row(case_view(case, place))}"
        if len(group.cases) > _SHOWN:
            yield f"     and {len(group.cases) - _SHOWN:,} more"
        yield from (f"   {line}" for line in _commands(group, place))
    for cases, what in (
        (found.accepted, "accepted since"),
        (found.rejected, "rejected, so to be mended"),
        (found.errors, "in error, so without an image to decide on"),
    ):
        if cases:
            names = [name_of(case) for case in cases]
            yield f"{len(cases):,} {what}: {first_of(names, _NAMED)}"


def _heading(group: Alike) -> str:
    """Say what cases have in common: ``drift: 3 cases part at the initial noise: seed (0.98)``."""
    cases = count_of(len(group.cases), "case")
    if group.stage is None:
        words = cases if not group.cause else f"{cases}, {group.cause}"
    else:
        part = "parts" if len(group.cases) == 1 else "part"
        words = f"{cases} {part} at {place_of(group.stage, group.index)}"
        words = f"{words}: {group.cause}" if group.cause else f"{words}, the cause is not known"
    return f"{group.verdict.value}: {words}"


def _row(case: CaseView) -> str:
    decided = "; ".join(each.statement for each in case.deciding)
    verdict = f"{case.record.verdict.value} " if case.record.passed else ""
    return shortened(f"{case.name}  {verdict}{decided}".rstrip(), _LINE)


def _commands(group: Alike, place: Place) -> Iterator[str]:
    names = [name_of(case) for case in group.cases]
    if len(names) > _IN_A_COMMAND:
        yield f"decide  in the report, then {' '.join(place.deciding())}"
        return
    yield f"accept  {' '.join(place.accepting(*names))}"
    yield f"reject  {' '.join(place.rejecting(*names))}"


def _document(run: RunRecord, found: Waiting, place: Place) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "run": run.run_id,
        "complete": run.complete,
        "groups": [
            {
                "verdict": group.verdict.value,
                "stage": group.stage and group.stage.value,
                "index": group.index,
                "cause": group.cause or None,
                "cases": [_case(case, place) for case in group.cases],
            }
            for group in found.groups
        ],
        "accepted": [name_of(case) for case in found.accepted],
        "rejected": [name_of(case) for case in found.rejected],
        "errors": [name_of(case) for case in found.errors],
    }


def _case(case: CaseRecord, place: Place) -> dict[str, Any]:
    view = case_view(case, place)
    return {
        "suite": case.suite,
        "case": case.id,
        "path": case.path,
        "line": case.line,
        "profile": case.profile,
        "verdict": case.verdict.value,
        "passed": case.passed,
        "pixels_sha256": case.pixels_sha256,
        "reasons": [each.words for each in view.deciding],
        "accept": " ".join(place.accepting(view.name)),
        "reject": " ".join(place.rejecting(view.name)),
    }
