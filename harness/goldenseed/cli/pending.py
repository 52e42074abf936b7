"""``goldenseed pending``: what of a run waits for a decision, and the commands that make it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from goldenseed.baselines.setting import store_of_project
from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.common import AsJson, Baselines, Reports, Run, project_here
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.from_archive import opened_run
from goldenseed.cli.output import say, say_json
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.reporting.causes import CauseGroup, cause_groups
from goldenseed.reporting.commands import Place
from goldenseed.reporting.view import CaseView, run_view
from goldenseed.reporting.words import count_of, name_of, shortened, visible
from goldenseed.runs.folder import LATEST
from goldenseed.runs.orphans import find_orphans
from goldenseed.runs.record import RunRecord
from goldenseed.runs.renames import Recognised, recognise
from goldenseed.runs.waiting import Waiting, waiting
from goldenseed.verdict.model import Verdict

SCHEMA_VERSION = 1
"""What ``schema_version`` of ``--json`` says; raised when a field changes its meaning."""
_SHOWN = 10
"""How many cases of a group are listed."""
_IN_A_COMMAND = 40
"""How many cases a command names; more are decided on in the report."""
_NAMED = 3
_LINE = 160


def pending(
    run: Run = LATEST,
    *,
    as_json: AsJson = False,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """List what of RUN waits for a decision, by its cause, the worst first, with the commands.

    RUN may be an archive, or draft:RUN of the store, of which nothing is verified here. What was
    accepted or rejected since is left out. Exit code 1: something waits.
    """
    with opened_run(run, reports, baselines) as opened:
        record, place = opened.record, opened.place(baselines)
    store = store_of_project(baselines)
    found = waiting(record, store)
    renamed = _renamed(record, found, store)
    open_cases = record.model_copy(update={"cases": found.cases})
    groups = cause_groups(list(run_view(open_cases, place=place).cases))
    if as_json:
        say_json(_document(record, found, groups, renamed, place))
    else:
        lines = (*_lines(record, found, groups, place), *_renames(renamed, place))
        for line in lines:
            say(visible(line, lines=False))
    if groups:
        raise typer.Exit(ExitCode.FOUND)


def _lines(
    run: RunRecord, found: Waiting, groups: Sequence[CauseGroup], place: Place
) -> Iterator[str]:
    waits = count_of(len(found.cases), "case waits", "cases wait")
    yield f"{run.run_id}: {waits} for a decision" if groups else f"{run.run_id}: nothing waits"
    if not run.complete:
        yield "  the run was cut short: run it again, since nothing of it is accepted"
    for number, group in enumerate(groups, 1):
        yield f"{number}. {count_of(len(group.cases), 'case')}: {group.title}"
        yield from (f"     {_row(case)}" for case in group.cases[:_SHOWN])
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


def _renamed(run: RunRecord, found: Waiting, store: BaselineStore) -> Recognised:
    """Find baselines of cases that wait because they are called otherwise now.

    Where a suite or an entry cannot be read there is no hint: whoever accepts is told.
    """
    if not any(case.verdict is Verdict.NEW for case in found.cases):
        return Recognised()
    project = project_here(store.root)
    with suppress(GoldenseedError):
        return recognise(run, store, project, find_orphans(run, store, project))
    return Recognised()


def _renames(found: Recognised, place: Place) -> Iterator[str]:
    if found.renames:
        pairs = [f"{'::'.join(each.old)} → {'::'.join(each.new)}" for each in found.renames]
        yield (
            f"{count_of(len(pairs), 'case has', 'cases have')} baselines of the same recipe under "
            f"another name: {first_of(pairs, _NAMED)}"
        )
        yield f"   move  {' '.join(place.renaming())}"
    for doubt in found.doubts:
        news = " or ".join("::".join(each) for each in doubt.new)
        command = " ".join(place.renaming("::".join(doubt.old), "SUITE::CASE"))
        yield f"{'::'.join(doubt.old)} may be {news} now"
        yield f"   move  {command}"


def _row(case: CaseView) -> str:
    decided = "; ".join(each.statement for each in case.deciding)
    return shortened(f"{case.record.verdict.value:12} {case.name}  {decided}".rstrip(), _LINE)


def _commands(group: CauseGroup, place: Place) -> Iterator[str]:
    names = [case.name for case in group.cases]
    if len(names) > _IN_A_COMMAND:
        yield f"decide  in the report, then {' '.join(place.deciding())}"
        return
    for verb, words in (("accept", place.accepting(*names)), ("reject", place.rejecting(*names))):
        if words:
            yield f"{verb}  {' '.join(words)}"


def _document(
    run: RunRecord,
    found: Waiting,
    groups: Sequence[CauseGroup],
    renamed: Recognised,
    place: Place,
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "run": run.run_id,
        "complete": run.complete,
        "groups": [
            {"title": group.title, "cases": [_case(case, place) for case in group.cases]}
            for group in groups
        ],
        "accepted": [name_of(case) for case in found.accepted],
        "rejected": [name_of(case) for case in found.rejected],
        "errors": [name_of(case) for case in found.errors],
        "renamed": renamed.document(),
    }


def _case(case: CaseView, place: Place) -> dict[str, Any]:
    record = case.record
    return {
        "suite": record.suite,
        "case": record.id,
        "path": record.path,
        "line": record.line,
        "profile": record.profile,
        "verdict": record.verdict.value,
        "passed": record.passed,
        "pixels_sha256": record.pixels_sha256,
        "reasons": [each.words for each in case.deciding],
        "accept": " ".join(place.accepting(case.name)),
        "reject": " ".join(place.rejecting(case.name)),
    }
