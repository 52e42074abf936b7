"""``goldenseed report``: write a run's report again from its record."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import Baselines, Reports, Run, find_run, view_with_history
from goldenseed.cli.output import say
from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting.annotations import annotations_of, github_lines, repository_prefix
from goldenseed.reporting.markdown import Published
from goldenseed.reporting.terminal import summary_lines
from goldenseed.reporting.writing import write_presentations


def report(
    run: Run = "latest",
    *,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    single: Annotated[
        bool, typer.Option("--single", help="Write a page that holds its data and pictures.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            help="Where RUN's folder can be read: the summary links to its cases and pictures.",
            show_default=False,
        ),
    ] = None,
    download_url: Annotated[
        str | None,
        typer.Option(
            "--download-url",
            help="Where RUN's folder can be fetched as one file: the summary links to it.",
            show_default=False,
        ),
    ] = None,
    annotations: Annotated[
        bool,
        typer.Option("--annotations", help="Print annotations of GitHub's workflows as well."),
    ] = False,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Write index.html, summary.md, code-quality.json and the badge of RUN again from its record.

    Also of one cut short. The commands that they offer are for the folder in which this is run.
    """
    published = Published(url, download_url)
    record, folder = find_run(run, reports)
    view = view_with_history(record, folder, reports=reports, baselines=baselines)
    prefix = repository_prefix(Path.cwd())
    page = write_presentations(view, folder, prefix=prefix, published=published, single=single)
    for line in summary_lines(view, str(page)):
        say(line)
    if annotations:
        for line in github_lines(annotations_of(view, prefix), url):
            say(line)
    if show and not webbrowser.open(page.resolve().as_uri()):
        raise GoldenseedError(
            "no browser could be started here",
            path=page,
            fix="open this file in one, or name one in the environment variable BROWSER",
        )
