"""``goldenseed upgrade``: what other packages do to a suite's images, and taking them over."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.bisect.bisecting import Bisecting
from goldenseed.bisect.tried import Budget
from goldenseed.bisect.upgrading import Upgrade, new_constraints, rewrite_lock, tried_upgrade
from goldenseed.cli.bisect import (
    Builds,
    Case,
    Jobs,
    MaxEnvironments,
    MaxMinutes,
    Timeout,
    Torch,
    alone_in,
    prepared,
    show_found,
)
from goldenseed.cli.common import AsJson, Baselines, Device, Reports
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say, say_json
from goldenseed.core.files import write_atomically
from goldenseed.reporting.bisect import upgrade_blocks, upgrade_document, upgrade_record
from goldenseed.reporting.terminal import block_lines
from goldenseed.reporting.writing import write_verb


def upgrade(
    suite: Annotated[Path, typer.Argument(help="A suite file.")],
    *,
    to: Annotated[str, typer.Option("--to", help="A requirements file, a run or a lock.")],
    pinned: Annotated[
        str | None,
        typer.Option("--from", help="Likewise; else what is installed here.", show_default=False),
    ] = None,
    case: Case = None,
    bisect: Annotated[
        bool, typer.Option("--bisect", help="Where images move, find which change did it.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take the packages over: constraints and lock.")
    ] = False,
    constraints: Annotated[
        Path, typer.Option("--constraints", help="The file whose versions --accept rewrites.")
    ] = Path("constraints.txt"),
    max_environments: MaxEnvironments = 24,
    max_minutes: MaxMinutes = None,
    torch: Torch = False,
    builds: Builds = False,
    jobs: Jobs = 0,
    device: Device = "auto",
    timeout: Timeout = 900,
    as_json: AsJson = False,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Build other packages beside the pinned ones and say what they do to the images of SUITE.

    Exit code 1: an image moves by more than rounding.
    """
    began = datetime.now(UTC)
    trials, resolver = prepared(
        suite,
        case,
        good=pinned or ".",
        bad=to,
        reports=reports,
        baselines=baselines,
        budget=Budget(max_environments, max_minutes, timeout),
        torch=torch,
        builds=builds,
        jobs=jobs,
        device=device,
    )
    search = Bisecting(trials, resolver)
    with alone_in(trials.folder):
        found = tried_upgrade(search)
    record = upgrade_record(found, trials, started=began, finished=datetime.now(UTC))
    if as_json:
        say_json(upgrade_document(found, trials))
    else:
        for line in block_lines(upgrade_blocks(found, trials)):
            say(line)
    say(f"report  {write_verb(record, trials.folder)}", err=as_json)
    if bisect and found.moved:
        with alone_in(trials.folder):
            report = search.report()
        show_found(report, trials.folder, began, as_json=False)
    if accept:
        _take_over(found, search, suite, constraints)
    elif found.candidate.run is not None:
        say("to take the packages over: the same command with --accept", err=True)
    if found.moved:
        raise typer.Exit(ExitCode.FOUND)


def _take_over(found: Upgrade, search: Bisecting, suite: Path, constraints: Path) -> None:
    """Rewrite what pins the packages; the images are for `goldenseed accept` to decide."""
    loaded = search.trials.maker.suite
    lock = loaded.lock or suite.with_name(f"{loaded.name}.lock.json")
    text = new_constraints(constraints, found.candidate.packages)
    rewrite_lock(search.trials, found.candidate, lock)
    write_atomically(constraints, text)
    say(f"wrote {lock} and {constraints}; next: pip install -c {constraints} …", err=True)
    if found.moved or found.rounded:
        say("then run the suite there, and accept what is right", err=True)
