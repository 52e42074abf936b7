"""``goldenseed report``: write a run's report again from its record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from goldenseed.cli.common import Baselines, Reports, Run, find_run
from goldenseed.cli.output import say
from goldenseed.core.errors import GoldenseedError
from goldenseed.history.keeping import recall
from goldenseed.reporting.commands import Place
from goldenseed.reporting.html import write_report
from goldenseed.reporting.markdown import write_summary
from goldenseed.reporting.terminal import summary_lines
from goldenseed.reporting.view import run_view


def report(
    run: Run = "latest",
    *,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Write index.html and summary.md of RUN again from its record, also of one cut short.

    The commands that it offers are for the folder in which this is run.
    """
    record, folder = find_run(run, reports)
    view = run_view(record, folder, place=Place.of_folder(folder, baselines))
    try:
        view = replace(view, history=recall(record, reports))
    except GoldenseedError as error:
        say(f"goldenseed: without its history: {error}", err=True)
    page = write_report(view, folder)
    write_summary(view, folder)
    for line in summary_lines(view, str(page)):
        say(line)
