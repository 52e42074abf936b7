"""``goldenseed probe``: what moves the pixels here."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import AsJson, Device, Reports, choose_changes, choose_suite_cases
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say, say_json
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import write_atomically
from goldenseed.core.finite_json import finite_json
from goldenseed.reporting.documents import probe_document
from goldenseed.reporting.probe import probe_blocks, probe_markdown, probe_record
from goldenseed.reporting.terminal import block_lines
from goldenseed.reporting.writing import write_verb
from goldenseed.runs.folder import new_run_id
from goldenseed.runs.inputs import refuse_accepted_inputs
from goldenseed.suite.loading import load_suite
from goldenseed.tools.probe.probing import Probe, Tried, repeats_itself

CASES = 2


def probe(
    suite: Annotated[Path | None, typer.Argument(help="A suite file.", show_default=False)] = None,
    cases: Annotated[
        list[str] | None,
        typer.Argument(help="Case ids or patterns (red-apple*); the first two if none is named."),
    ] = None,
    *,
    changes: Annotated[
        str | None,
        typer.Option("--changes", help="Names or patterns, with commas (sdpa-*,tf32); else all."),
    ] = None,
    list_changes: Annotated[
        bool, typer.Option("--list", help="Say which changes there are, and stop.")
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes at once.")] = 1,
    device: Device = "auto",
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds one change may take.")] = 900,
    as_json: AsJson = False,
    reports: Reports = Path("reports"),
) -> None:
    """Rerun a few cases of SUITE with one thing changed at a time, and say what moves the pixels.

    Each change runs in a fresh process and is judged against the unchanged images of the same
    session; baselines play no part. Exit code 1: the same once more gave other pixels.
    """
    chosen = choose_changes(changes)
    if list_changes:
        width = max(len(each.name) for each in chosen)
        for each in chosen:
            say(f"{each.name.ljust(width)}  {each.what}")
        return
    if suite is None:
        raise GoldenseedError("probe wants a suite file", fix="goldenseed probe SUITE")
    loaded = load_suite(suite)
    chosen_cases = choose_suite_cases(loaded, cases, at_most=CASES)
    refuse_accepted_inputs(chosen_cases, "probe")
    began = datetime.now(UTC)
    folder = reports / f"probe-{new_run_id(began)}"
    asked = Probe(
        suite=loaded,
        cases=chosen_cases,
        folder=folder,
        device=device,
        jobs=jobs,
        timeout_seconds=timeout,
    )
    names = ", ".join(case.id for case in asked.cases)
    say(f"probing {names} with {len(chosen)} changes", err=True)
    tried = asked.run(chosen, _tell)
    document = probe_document(tried)
    text = finite_json(document, sort_keys=True, indent=2) + "\n"
    write_atomically(folder / "probe.json", text.encode(), durable=False)
    write_atomically(folder / "probe.md", probe_markdown(tried).encode(), durable=False)
    record = probe_record(tried, folder, started=began, finished=datetime.now(UTC))
    page = write_verb(record, folder) if record else None
    if as_json:
        say_json(document)
    else:
        for line in block_lines(probe_blocks(tried)):
            say(line)
    say(f"runs  {folder}", err=as_json)
    if page:
        say(f"report  {page}", err=as_json)
    if not repeats_itself(tried):
        raise typer.Exit(ExitCode.FOUND)


def _tell(tried: Tried) -> None:
    if tried.skipped is None:
        say(f"{tried.change.name}: {tried.verdict or 'failed'}", err=True)
