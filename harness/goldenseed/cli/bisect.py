"""``goldenseed bisect``: which change between two environments moves the images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from filelock import FileLock
from filelock import Timeout as LockTimeout

from goldenseed.bisect.bisecting import Bisecting, Report
from goldenseed.bisect.resolver import Resolver
from goldenseed.bisect.setting_up import Asked, set_up
from goldenseed.bisect.trials import Trials
from goldenseed.bisect.tried import Budget, Tried
from goldenseed.cli.common import AsJson, Baselines, Device, Reports, choose_suite_cases, find_run
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say, say_json
from goldenseed.core.errors import GoldenseedError
from goldenseed.images.folders import usable_cores
from goldenseed.reporting.bisect import bisect_blocks, bisect_document, bisect_record
from goldenseed.reporting.terminal import block_lines
from goldenseed.reporting.writing import write_verb
from goldenseed.runs.inputs import refuse_accepted_inputs
from goldenseed.suite.loading import load_suite

Case = Annotated[
    list[str] | None,
    typer.Option("--case", help="A case's id or pattern; may be given again. Else all."),
]
MaxEnvironments = Annotated[
    int, typer.Option("--max-environments", min=2, help="How many may be tried.")
]
Torch = Annotated[bool, typer.Option("--torch", help="Install torch too: gigabytes.")]
MaxMinutes = Annotated[float | None, typer.Option("--max-minutes", help="How long it may go on.")]
Builds = Annotated[bool, typer.Option("--builds", help="Build packages that have no wheel.")]
Jobs = Annotated[int, typer.Option("--jobs", min=0, help="Environments at once; 0: two, or one.")]
Timeout = Annotated[
    float, typer.Option("--timeout", help="Seconds one environment's images may take.")
]


def bisect(
    suite: Annotated[Path, typer.Argument(help="A suite file.")],
    *,
    good: Annotated[
        str | None,
        typer.Option(
            "--good",
            help="A requirements file, a run, a lock or `.` for what is installed here; "
            "else where the images were accepted.",
            show_default=False,
        ),
    ] = None,
    bad: Annotated[str, typer.Option("--bad", help="Likewise.")] = ".",
    good_suite: Annotated[
        Path | None,
        typer.Option(
            "--good-suite",
            help="SUITE as it was on the good side: its fields and its model's files are searched.",
            show_default=False,
        ),
    ] = None,
    case: Case = None,
    max_environments: MaxEnvironments = 24,
    max_minutes: MaxMinutes = None,
    releases: Annotated[
        bool, typer.Option(help="Go on to the release of the package that did it.")
    ] = True,
    torch: Torch = False,
    builds: Builds = False,
    jobs: Jobs = 0,
    device: Device = "auto",
    timeout: Timeout = 900,
    as_json: AsJson = False,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Find the smallest set of changes between two environments that moves images of SUITE.

    Environments are built by uv and kept in a cache; the same call again goes on where it stopped.
    Exit code 1: images move. 0: none does.
    """
    began = datetime.now(UTC)
    trials, resolver = prepared(
        suite,
        case,
        good=good,
        bad=bad,
        good_suite=None if good_suite is None else load_suite(good_suite),
        reports=reports,
        baselines=baselines,
        budget=Budget(max_environments, max_minutes, timeout),
        torch=torch,
        builds=builds,
        jobs=jobs,
        device=device,
    )
    with alone_in(trials.folder):
        found = Bisecting(trials, resolver, releases=releases).report()
    show_found(found, trials.folder, began, as_json=as_json)
    if found.moved:
        raise typer.Exit(ExitCode.FOUND)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let one search at a time write in its folder; say how it goes on where it is interrupted."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except LockTimeout:
        raise GoldenseedError(
            "another process is at this very search", path=folder, fix="wait for it, or end it"
        ) from None
    except KeyboardInterrupt:
        say(f"stopped: the same command goes on from {folder}", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def prepared(
    suite: Path, patterns: list[str] | None, *, reports: Path, jobs: int, **asked: Any
) -> tuple[Trials, Resolver]:
    """Read the suite, choose its cases and resolve both sides; errors as of ``set_up``."""
    loaded = load_suite(suite)
    cases = choose_suite_cases(loaded, patterns)
    refuse_accepted_inputs(cases, "bisect")
    wanted = Asked(
        suite=loaded,
        cases=tuple(each.id for each in cases),
        reports=reports,
        jobs=jobs or min(2, usable_cores()),
        **asked,
    )
    return set_up(wanted, lambda name: find_run(name, reports)[0], _tell, _announce)


def show_found(found: Report, folder: Path, began: datetime, *, as_json: bool) -> None:
    """Print what was found and write its page."""
    record = bisect_record(found, folder, started=began, finished=datetime.now(UTC))
    if as_json:
        say_json(bisect_document(found))
    else:
        for line in block_lines(bisect_blocks(found)):
            say(line)
    if record:
        say(f"report  {write_verb(record, folder)}", err=as_json)


def _announce(name: str) -> None:
    say(f"trying {name} …", err=True)


def _tell(tried: Tried) -> None:
    outcomes = ", ".join(dict.fromkeys(each.value for each in tried.outcomes.values()))
    came = tried.failed.splitlines()[-1] if tried.failed else outcomes or "made"
    say(
        f"  {tried.name}: {came} "
        f"({tried.build_seconds:.1f} s to build, {tried.seconds:.1f} s in all)",
        err=True,
    )
