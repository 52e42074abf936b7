"""``goldenseed diff``: two runs compared, from their folders alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import AsJson, Reports
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.from_archive import opened_run
from goldenseed.cli.output import say, say_json, tracked
from goldenseed.cli.report_folder import check_report_folder
from goldenseed.reporting.comparison import comparison_blocks
from goldenseed.reporting.documents import comparison_document
from goldenseed.reporting.terminal import block_lines
from goldenseed.reporting.words import visible
from goldenseed.reporting.writing import write_verb
from goldenseed.runs.comparison import (
    StoredRun,
    compare_runs,
    comparison_id,
    comparison_record,
    layer_lines,
)
from goldenseed.runs.movement import movement_of
from goldenseed.runs.pairing import differences_by_pair, environments_of
from goldenseed.runs.parts import Block, VerbRecord

RunA = Annotated[
    str, typer.Argument(help="The run in the baseline's place: path, id, latest; or an archive.")
]
RunB = Annotated[str, typer.Argument(help="The run that is judged.")]


def diff(
    run_a: RunA,
    run_b: RunB,
    *,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Folder for the report, if not reports/diff-A-B.",
            show_default=False,
        ),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.")] = False,
    common: Annotated[
        bool,
        typer.Option("--common", help="Do not mind cases that only one of the runs has."),
    ] = False,
    as_json: AsJson = False,
    reports: Reports = Path("reports"),
) -> None:
    """Compare two runs: which cases moved, how far, and how the environments differ.

    Each may lie in an archive, of which nothing is verified here but the images.
    Exit code 0: every case of both runs is identical or within the tolerance. 1: some moved, or
    could not be compared. 2: there is nothing to compare.
    """
    began = datetime.now(UTC)
    with opened_run(run_a, reports) as one, opened_run(run_b, reports) as other:
        a, b = (StoredRun(each.record, each.folder) for each in (one, other))
        run_id = comparison_id(a.record, b.record)
        folder = report or reports / run_id
        if not no_report:
            check_report_folder(folder, run_id, compared=(a.folder, b.folder))
        pictures, progress = None if no_report else folder, partial(tracked, doing="comparing")
        found = compare_runs(a, b, pictures=pictures, progress=progress)
        layers = tuple(layer_lines(found))
    differences = differences_by_pair(a.record, b.record, found.pairing.pairs)
    environments = environments_of(found.pairing.pairs, differences)
    movement = movement_of(found.pairs, differences)
    if as_json:
        document = comparison_document(found, environments, movement) | {"layers": layers}
        say_json(document)
    else:
        blocks = comparison_blocks(found, environments, movement)
        for line in (*block_lines(blocks), *map(visible, layers)):
            say(line)
    unpaired = found.pairing.only_in_a or found.pairing.only_in_b
    same = found.same and (common or not unpaired)
    if not no_report:
        notes = [*comparison_blocks(found, environments, movement, every_case=False)]
        verb = VerbRecord(name="diff", passed=same, notes=(*notes, *_layers(layers)))
        record = comparison_record(found, started=began, finished=datetime.now(UTC), verb=verb)
        say(f"report  {write_verb(record, folder)}", err=as_json)
    if not same:
        raise typer.Exit(ExitCode.FOUND)


def _layers(lines: Sequence[str]) -> Iterator[Block]:
    if lines:
        yield Block(("at which layer the deep traces part:",), details=tuple(lines))
