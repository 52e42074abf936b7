"""``goldenseed sweep``: many seeds and settings of one case, scored, ranked, on contact sheets."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goldenseed.backends.cluster.crew import Crew
from goldenseed.cli.common import AsJson, Device, Reports, find_run
from goldenseed.cli.output import say, say_json, tracked
from goldenseed.cli.run import cluster_address
from goldenseed.cli.sweep_options import ASKED, Asked, asked_as_data, check_same, scoring_of
from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting.sweep import sweep_blocks, sweep_record
from goldenseed.reporting.terminal import block_lines
from goldenseed.reporting.writing import write_verb
from goldenseed.runs.folder import RunWriter, going_on, new_run_id
from goldenseed.runs.journal import only_writer
from goldenseed.tools.sweep.on_ray import OnRay, SweepActor, SweepStation
from goldenseed.tools.sweep.sweeping import Here, Sweep, in_order, is_there, ranked, tried

if TYPE_CHECKING:
    from goldenseed.runs.record import CaseRecord
    from goldenseed.tools.sweep.grid import Grid, Point
    from goldenseed.tools.sweep.on_ray import Swept
    from goldenseed.tools.sweep.sweeping import Making, Scoring, Tried


def sweep(
    what: Annotated[
        str, typer.Argument(help="A case, suites/x.suite.yaml::red-apple, or a prompt.")
    ],
    *,
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="0:10000, 0:100:5, 1,5,9 or random:50.")
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option("--vary", help="An argument's values: guidance_scale=3:9:1, eta=0,0.5."),
    ] = None,
    between: Annotated[
        str | None,
        typer.Option("--between", help="Nine points from seed 1's noise to seed 2's: 1:2:9."),
    ] = None,
    towards: Annotated[
        str | None,
        typer.Option("--towards", help="Another prompt: points from the case's to it."),
    ] = None,
    points: Annotated[
        int, typer.Option("--points", min=2, max=10_000, help="How many, both ends among them.")
    ] = 5,
    suite: Annotated[
        Path | None, typer.Option("--suite", help="Of a prompt: the suite whose model draws it.")
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option("--keep", help='Keep what holds limits: "min_sharpness=20 max_faces=1".'),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Rank the kept by max_NAME or min_NAME of a content score."),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, max=10_000, help="How many to name.")] = 20,
    enough: Annotated[
        int | None, typer.Option("--enough", min=1, help="Stop once so many are kept.")
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--score", help="A score by a model: clip_score=models/clip."),
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", help="ray or ray://HOST:10001: who makes the images.")
    ] = None,
    actors: Annotated[
        int | None,
        typer.Option("--actors", min=1, help="How many; by default one for each GPU, else CPU."),
    ] = None,
    trace: Annotated[bool, typer.Option("--trace/--no-trace", help="Record the stages.")] = True,
    resume: Annotated[
        str | None, typer.Option("--resume", help="Go on with a run that was cut short.")
    ] = None,
    device: Device = "auto",
    as_json: AsJson = False,
    reports: Reports = Path("reports"),
) -> None:
    """Make the images of many seeds, and of settings, and say which are worth a look.

    They become a run with scores and contact sheets; nothing is accepted. Those that are picked
    go into the library of seeds, from which `goldenseed seeds promote` makes golden cases.
    """
    scoring = scoring_of(keep, by, models or [])
    if actors is not None and on is None:
        raise GoldenseedError("--actors is for --on ray", fix="leave it out")
    before = find_run(resume, reports) if resume is not None else None
    options = before[0].options if before else {}
    asked = Asked(what, suite, seeds, vary or [], between, towards, points)
    swept = asked.swept()
    grid = asked.grid(swept, options)
    document = asked_as_data(grid, scoring, trace=trace)
    began = datetime.now(UTC)
    name = f"sweep-{new_run_id(began)}"
    if before is not None:
        check_same(options, document, before[1])
    with only_writer(before[1] if before else reports / name):
        if before is not None:
            writer, found = going_on(before[1], lambda each: is_there(each, before[1]))
            done = {each.id: each for each in found.cases}
            there = f"{len(done):,} of {len(grid):,} images are there"
            say(f"goes on with {writer.folder}: {there}", err=True)
        else:
            options = {ASKED: json.dumps(document)}
            writer, done = RunWriter(reports, name, started=began, git=None, options=options), {}
        cluster = None if on is None else (cluster_address(on), str(actors or ""))
        with _making(swept, grid, scoring, writer, cluster, device=device, trace=trace) as making:
            _make(grid, writer, making, done, enough)
        writer.finish(finished=datetime.now(UTC), complete=True)
        _tell(writer, grid, scoring, by=by, top=top, as_json=as_json)


@contextmanager
def _making(
    swept: Swept,
    grid: Grid,
    scoring: Scoring,
    writer: RunWriter,
    cluster: tuple[str, str] | None,
    *,
    device: str,
    trace: bool,
) -> Iterator[Making]:
    """Yield what makes the images: this process, or actors at an address, so many of them."""
    from goldenseed.backends.protocol import Settings
    from goldenseed.backends.registry import Backends

    if cluster is None:
        backend = Backends(Settings(device=device, trace=trace))
        try:
            yield Here(grid.case, scoring, writer.folder, backend)
        finally:
            backend.close()
        return
    given = {"device": device, "swept": swept, "scoring": scoring, "trace": trace}
    station = SweepStation.here(Path.cwd(), writer.folder.absolute(), **given)
    crew = Crew(*cluster, SweepActor, station)
    try:
        yield OnRay(grid.case, crew)
    finally:
        say(crew.said, err=True)
        crew.close()


def _make(
    grid: Grid,
    writer: RunWriter,
    making: Making,
    done: Mapping[str, CaseRecord],
    enough: int | None,
) -> None:
    """Make what is not done; what is made stays for ``--resume`` when this is cut short."""

    def watched(of: Grid) -> Iterable[Point]:
        return tracked(of, "sweeping")

    tell = lambda text: say(text, err=True)  # noqa: E731
    try:
        Sweep(grid, writer, making, enough, tell).run(done, watched)
    except KeyboardInterrupt:
        say(f"cut short: the same command with --resume {writer.folder.name} goes on", err=True)
        raise


def _tell(
    writer: RunWriter, grid: Grid, scoring: Scoring, *, by: str | None, top: int, as_json: bool
) -> None:
    from goldenseed.tools.sweep.picking import write_all_sheets

    cases = in_order(writer.record.cases, grid)
    record = writer.record.model_copy(update={"cases": cases})
    found = list(tried(record.cases, grid))
    found, sheets = write_all_sheets(found, writer.folder, by)
    best = ranked(found, by)[:top]
    blocks = sweep_blocks(found, best, asked=len(grid), limits=scoring.limits, by=by)
    page = write_verb(sweep_record(record, found, blocks), writer.folder)
    if as_json:
        say_json(
            {
                "run": record.run_id,
                "asked": len(grid),
                "made": len(found),
                "kept": sum(each.kept for each in found),
                "best": [_document(each) for each in best],
                "sheets": [str(path) for path in sheets],
            }
        )
    else:
        for line in block_lines(blocks):
            say(line)
    for path in sheets[:1]:
        say(f"sheets  {path.parent} ({len(sheets)})", err=as_json)
    say(f"report  {page}", err=as_json)
    if best:
        case = shlex.quote(best[0].id)
        say(f"keep some  goldenseed seeds add {record.run_id} --case {case}", err=as_json)


def _document(each: Tried) -> dict[str, object]:
    return {
        "case": each.id,
        "seed": each.seed,
        **({"axes": dict(each.axes)} if each.axes else {}),
        "image": each.image,
        "pixels_sha256": each.pixels_sha256,
        "scores": dict(each.scores),
    }
