"""``goldenseed accept`` and ``goldenseed reject``: what becomes of images of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.common import (
    Baselines,
    By,
    Cases,
    Reason,
    Reports,
    Run,
    choose_cases,
    find_run,
)
from goldenseed.cli.output import say
from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.candidates import candidates_of, who_accepts


def accept(
    run: Run,
    cases: Cases = None,
    *,
    reason: Reason,
    add: Annotated[
        bool, typer.Option("--add", help="Keep what is accepted and accept this image as well.")
    ] = False,
    by: By = None,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Accept images of RUN as baselines: the named CASES, else all that are not identical."""
    record, folder = find_run(run, reports)
    chosen = choose_cases(record, cases)
    done = BaselineStore(baselines).accept(
        candidates_of(record, folder, chosen),
        by=by or who_accepts(Path.cwd()),
        reason=reason,
        add=add,
    )
    for result in done:
        say(f"{result.outcome.value} {result.candidate.name}")
        for profile in result.rejected_elsewhere:
            say(f"  the same pixels are rejected in {profile}: the case still fails")


def reject(
    run: Run,
    cases: Cases = None,
    *,
    reason: Reason,
    by: By = None,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Reject the images of the named CASES: the same pixels fail from now on, everywhere."""
    if not cases:
        raise GoldenseedError(
            "reject wants its cases named", fix="goldenseed reject RUN CASE --reason TEXT"
        )
    record, folder = find_run(run, reports)
    chosen = choose_cases(record, cases)
    done = BaselineStore(baselines).reject(
        candidates_of(record, folder, chosen), by=by or who_accepts(Path.cwd()), reason=reason
    )
    for result in done:
        say(f"{result.outcome.value} {result.candidate.name}")
