"""``goldenseed lossless``: whether a fast way of making images is as exact as the slow one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import (
    AsJson,
    Device,
    Reports,
    choose_changes,
    choose_suite_cases,
    find_run,
)
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import pretty_json, write_atomically
from goldenseed.reporting.lossless import (
    PREDICATE,
    lossless_blocks,
    lossless_document,
    lossless_record,
    lossless_svg,
)
from goldenseed.reporting.terminal import block_lines
from goldenseed.reporting.writing import write_verb
from goldenseed.runs.attaching import attach
from goldenseed.runs.folder import new_run_id
from goldenseed.runs.inputs import refuse_accepted_inputs
from goldenseed.suite.loading import load_suite
from goldenseed.tools.lossless.trying import Lossless, legal_changes
from goldenseed.tools.probe.changes import change_named
from goldenseed.tools.probe.probing import Probe


def lossless(
    suite: Annotated[Path, typer.Argument(help="A suite file.")],
    cases: Annotated[
        list[str] | None,
        typer.Argument(help="Case ids or patterns (red-apple*); all if none is named."),
    ] = None,
    *,
    candidate: Annotated[
        str,
        typer.Option(
            "--candidate", help="What is done otherwise: channels_last, batch=2+position=last."
        ),
    ],
    reference: Annotated[
        str | None,
        typer.Option("--reference", help="What it is held against; else as the suite says."),
    ] = None,
    legal: Annotated[
        str | None,
        typer.Option("--legal", help="Changes between machines that are both right, with commas."),
    ] = None,
    attach_to: Annotated[
        str | None,
        typer.Option("--attach", help="A run to keep the answer with, for its archive."),
    ] = None,
    device: Device = "auto",
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds each way may take.")] = 3600,
    as_json: AsJson = False,
    reports: Reports = Path("reports"),
) -> None:
    """Say whether images of SUITE made otherwise are as exact as the suite's own.

    Both are held against the exact image, which is computed in float64, at every stage. Exit code
    1: the candidate is less exact.
    """
    loaded = load_suite(suite)
    if loaded.determinism.portable:
        raise GoldenseedError(
            "the suite is portable: it is computed in float64 already",
            path=suite,
            fix="name a suite that is not",
        )
    chosen = choose_suite_cases(loaded, cases)
    refuse_accepted_inputs(chosen, "lossless")
    attached = find_run(attach_to, reports) if attach_to else None
    began = datetime.now(UTC)
    folder = reports / f"lossless-{new_run_id(began)}"
    own = change_named(candidate)
    other = change_named(reference) if reference else None
    probe = Probe(
        suite=loaded,
        cases=chosen,
        folder=folder,
        device=device,
        timeout_seconds=timeout,
        values=True,
    )
    asked = Lossless(
        probe=probe,
        candidate=own,
        reference=other,
        legal=choose_changes(legal) if legal is not None else legal_changes(),
        tell=lambda text: say(text, err=True),
    )
    answer = asked.run()
    names = {"candidate": own.name, "reference": other.name if other else "as the suite says"}
    document = pretty_json(lossless_document(answer, **names))
    picture = lossless_svg(answer.finding, candidate=own.name)
    write_atomically(folder / "lossless.json", document, durable=False)
    write_atomically(folder / "lossless.svg", picture.encode(), durable=False)
    page = write_verb(
        lossless_record(
            answer,
            candidate=own.name,
            run_id=folder.name,
            started=began,
            finished=datetime.now(UTC),
        ),
        folder,
    )
    if as_json:
        say(json.dumps(json.loads(document), indent=1))
    else:
        for line in block_lines(lossless_blocks(answer.finding)):
            say(line)
    say(f"picture  {folder / 'lossless.svg'}", err=as_json)
    say(f"report  {page}", err=as_json)
    if attached is not None:
        place = attach(*attached, kind=PREDICATE, data=document)
        say(f"attached  {place}", err=as_json)
    if answer.finding.kind == "less exact":
        raise typer.Exit(ExitCode.FOUND)
