"""``goldenseed calibrate``: how far the cases of a suite move by themselves, measured and kept."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.baselines.setting import store_of_project
from goldenseed.cli.common import Baselines, By, Device, Reports, choose_changes, choose_suite_cases
from goldenseed.cli.output import say
from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting.calibration import calibration_lines, calibration_record
from goldenseed.reporting.writing import write_verb
from goldenseed.runs.candidates import who_accepts
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.folder import new_run_id
from goldenseed.runs.inputs import refuse_accepted_inputs
from goldenseed.suite.loading import load_suite
from goldenseed.tools.calibration.calibrating import Calibration
from goldenseed.tools.probe.probing import Probe


def calibrate(
    suite: Annotated[Path, typer.Argument(help="A suite file.", show_default=False)],
    cases: Annotated[
        list[str] | None, typer.Argument(help="Case ids or patterns (red-apple*); else all.")
    ] = None,
    *,
    repeats: Annotated[
        int, typer.Option("-n", "--repeats", min=2, help="How often the images are made.")
    ] = 3,
    harmless: Annotated[
        str,
        typer.Option(
            "--harmless",
            help="Changes whose effect is noise to you, with commas: threads=2,isa=avx2.",
        ),
    ] = "",
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Make the images in float64 too, and keep how near to them the accepted ones are.",
        ),
    ] = False,
    device: Device = "auto",
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds a process may take.")] = 900,
    force: Annotated[bool, typer.Option("--force", help="Write baselines under CI too.")] = False,
    by: By = None,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Measure how far the images of SUITE move by themselves, and keep it with their baselines.

    Each time in a fresh process. Cases need an accepted image in the profile of this machine.
    """
    if os.environ.get("CI") and not force:
        raise GoldenseedError(
            "calibrate does nothing under CI: a job must not rewrite the baselines that judge it",
            fix="calibrate where you accept images, or add --force if this job exists for it",
        )
    loaded = load_suite(suite)
    chosen = choose_suite_cases(loaded, cases)
    refuse_accepted_inputs(chosen, "calibrate")
    store = store_of_project(baselines)
    began = datetime.now(UTC)
    folder = reports / f"calibrate-{new_run_id(began)}"
    calibration = Calibration(
        probe=Probe(
            suite=loaded,
            cases=chosen,
            folder=folder,
            device=device,
            timeout_seconds=timeout,
        ),
        repeats=repeats,
        harmless=choose_changes(harmless) if harmless else (),
        store=store,
        exact=exact,
    )
    who = by or who_accepts(Path.cwd())
    runs: list[StoredRun] = []
    found = calibration.run(who, lambda line: say(line, err=True), runs.append)
    store.measured(found, by=who)
    for line in calibration_lines(found):
        say(line)
    ended = datetime.now(UTC)
    record = calibration_record(runs, found, folder, started=began, finished=ended)
    say(f"report  {write_verb(record, folder)}")
