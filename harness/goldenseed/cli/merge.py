"""``goldenseed merge``: one run of the runs of many shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import Baselines, Reports, find_run, view_with_history
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say
from goldenseed.cli.settings import pytest_root
from goldenseed.core.listing import first_of
from goldenseed.history.keeping import remember
from goldenseed.reporting.annotations import repository_prefix
from goldenseed.reporting.terminal import summary_lines
from goldenseed.reporting.words import name_of, visible
from goldenseed.reporting.writing import write_presentations
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.folder import point_latest
from goldenseed.runs.merge import Merged, kept_parts, merged_id
from goldenseed.runs.merge import merge as merge_runs
from goldenseed.runs.record import RunRecord

_NAMED = 5


def merge(
    runs: Annotated[
        list[str], typer.Argument(help="The runs: ids, paths of their folders, or both.")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="The folder of the merged run, if not its id in the reports.",
            show_default=False,
        ),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.")] = False,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Make one run of the shards of a cut: its record, its images by links, its report.

    It is reported, accepted, archived, compared and remembered like any other run. Exit code 0:
    everything is there and passes. 1: a case fails or is missing, a set or relation is broken. 2:
    the runs do not belong together.
    """
    parts = kept_parts([StoredRun(*find_run(name, reports)) for name in runs])
    folder = output or reports / merged_id([part.record for part in parts])
    found = merge_runs(parts, folder, pytest_root(Path.cwd()))
    run, kept_here = found.record, folder.resolve().parent == reports.resolve()
    if kept_here and (said := remember(run, reports)):
        say(f"goldenseed: {said}", err=True)
    view = view_with_history(run, folder, reports=reports, baselines=baselines)
    page = folder
    if not no_report:
        page = write_presentations(view, folder, prefix=repository_prefix(Path.cwd()))
    if kept_here:
        point_latest(reports, folder.name)
    for line in (*_said(found), *summary_lines(view, str(page))):
        say(visible(line, lines=False))
    if not passes(run):
        raise typer.Exit(ExitCode.FOUND)


def _said(found: Merged) -> list[str]:
    """Say what was merged and what is missing."""
    run = found.record
    lines = [f"merged {len(run.parts)} runs into {run.run_id}: {len(run.cases):,} cases"]
    for why in dict.fromkeys(each.why for each in found.missing):
        names = [name_of(each) for each in found.missing if each.why == why]
        lines.append(f"MISSING {why}: {len(names):,} cases: {first_of(names, _NAMED)}")
    return lines


def passes(run: RunRecord) -> bool:
    """Whether a session that made all of the run would have passed."""
    cases = all(case.passed or case.xfail is not None for case in run.cases)
    beside = all(each.passed for each in run.sets) and all(each.passed for each in run.relations)
    beside &= all(each.held for each in run.pilots)
    other_tests = run.extent is None or not run.extent.failed
    return run.complete and cases and beside and other_tests
