"""``goldenseed reject``: put images of a run on the reject list."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.baselines.store import BaselineStore
from harness.cli.common import Baselines, By, Cases, Reason, Reports, Run, choose_cases, find_run
from harness.errors import GoldenseedError
from harness.runs.candidates import candidates_of
from harness.runs.who import who_accepts


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
        typer.echo(f"{result.outcome.value} {result.candidate.name}")
