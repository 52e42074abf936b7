"""``goldenseed diff``: two runs compared, from their folders alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import Reports, find_run
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say, say_json
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import open_regular
from goldenseed.reporting.commands import Place
from goldenseed.reporting.comparison import comparison_blocks
from goldenseed.reporting.documents import comparison_document
from goldenseed.reporting.html import write_report
from goldenseed.reporting.terminal import block_lines
from goldenseed.reporting.view import run_view
from goldenseed.reporting.words import visible
from goldenseed.runs.comparison import (
    RunComparison,
    StoredRun,
    compare_runs,
    comparison_id,
    comparison_record,
    layer_lines,
    write_comparison_record,
)
from goldenseed.runs.folder import RECORD
from goldenseed.runs.movement import movement_of
from goldenseed.runs.pairing import CasePair, differences_by_pair, environments_of
from goldenseed.runs.parts import Block

_HEAD_BYTES = 400

RunA = Annotated[str, typer.Argument(help="The run in the baseline's place: path, id, latest.")]
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    reports: Reports = Path("reports"),
) -> None:
    """Compare two runs: which cases moved, how far, and how the environments differ.

    Exit code 0: every case of both runs is identical or within the tolerance. 1: some moved, or
    could not be compared. 2: there is nothing to compare.
    """
    began = datetime.now(UTC)
    a, b = (StoredRun(*find_run(name, reports)) for name in (run_a, run_b))
    folder = report or reports / comparison_id(a.record, b.record)
    if not no_report:
        _refuse_to_overwrite(folder, a, b)
    found = compare_runs(a, b, pictures=None if no_report else folder, progress=_shown)
    differences = differences_by_pair(a.record, b.record, found.pairing.pairs)
    environments = environments_of(found.pairing.pairs, differences)
    movement = movement_of(found.pairs, differences)
    layers = tuple(layer_lines(found))
    if as_json:
        document = comparison_document(found, environments, movement) | {"layers": layers}
        say_json(document)
    else:
        blocks = comparison_blocks(found, environments, movement)
        for line in (*block_lines(blocks), *map(visible, layers)):
            say(line)
    if not no_report:
        notes = tuple(comparison_blocks(found, environments, movement, every_case=False))
        page = _write_report(found, folder, began, notes)
        say(f"report  {page}", err=as_json)
    unpaired = found.pairing.only_in_a or found.pairing.only_in_b
    if not found.same or (unpaired and not common):
        raise typer.Exit(ExitCode.FOUND)


def _refuse_to_overwrite(folder: Path, a: StoredRun, b: StoredRun) -> None:
    """Keep a report out of folders that hold something else, above all the runs themselves."""
    if not folder.exists():
        return
    place = folder.resolve()
    if place in {a.folder.resolve(), b.folder.resolve()}:
        raise GoldenseedError(
            "is the folder of a run that is compared", path=folder, fix="name another folder"
        )
    ours = (folder / RECORD).is_file() and comparison_id(a.record, b.record) in _head(
        folder / RECORD
    )
    if not folder.is_dir() or (any(folder.iterdir()) and not ours):
        raise GoldenseedError(
            "holds something that is not this report", path=folder, fix="name an empty folder"
        )


def _head(file: Path) -> str:
    """Read where a record names its run: nothing here depends on how long it is."""
    with open_regular(file) as stream:
        return stream.read(_HEAD_BYTES).decode(errors="replace")


def _write_report(
    found: RunComparison, folder: Path, began: datetime, notes: Sequence[Block]
) -> Path:
    record = comparison_record(found, started=began, finished=datetime.now(UTC))
    write_comparison_record(record, folder)
    return write_report(
        run_view(record, folder, place=Place.of_folder(folder)), folder, notes=notes
    )


def _shown(pairs: Iterable[CasePair]) -> Iterable[CasePair]:
    """Show how far it is where somebody watches standard error."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    quiet = not console.is_terminal
    return track(pairs, "comparing", console=console, transient=True, disable=quiet)
