"""``goldenseed sweep``: many seeds and settings of one case, scored, ranked, on contact sheets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goldenseed.cli.common import AsJson, Device, Reports, choose_suite_cases, find_run
from goldenseed.cli.output import say, say_json, tracked
from goldenseed.content.scores import SCORES, check_limits
from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting.sweep import sweep_blocks, sweep_record
from goldenseed.reporting.terminal import block_lines
from goldenseed.reporting.writing import write_verb
from goldenseed.runs.folder import RunWriter, going_on, new_run_id
from goldenseed.suite.cases import Case, Limit
from goldenseed.suite.loading import load_suite
from goldenseed.tools.sweep.grid import MOST, Grid, parse_axis, parse_between, parse_seeds
from goldenseed.tools.sweep.sweeping import Scoring, Sweep, done_so_far, ranked, tried

if TYPE_CHECKING:
    from goldenseed.runs.record import CaseRecord
    from goldenseed.tools.sweep.sweeping import Tried

ASKED = "sweep"
"""The run's option under which stands what is gone through."""


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
    scoring = Scoring(_limits(keep, models or []), _models(models or []))
    if by is not None:
        _limits(f"{by}=0", models or [])
    before = find_run(resume, reports) if resume is not None else None
    grid = _grid(what, suite, seeds, vary or [], before[0].options if before else {})
    if between is not None:
        grid = replace(grid, noises=parse_between(between))
    if before is not None:
        _check_same(before[0].options, grid, before[1])
        writer = going_on(before[1])
        done = done_so_far(before[0].cases, before[1])
        say(
            f"goes on with {writer.folder}: {len(done):,} of {len(grid):,} images are there",
            err=True,
        )
    else:
        began = datetime.now(UTC)
        options = {ASKED: json.dumps(grid.description)}
        name = f"sweep-{new_run_id(began)}"
        writer, done = RunWriter(reports, name, started=began, git=None, options=options), {}
    _make(grid, scoring, writer, done, enough=enough, device=device, trace=trace)
    _tell(writer, grid, scoring, by=by, top=top, as_json=as_json)


def _make(
    grid: Grid,
    scoring: Scoring,
    writer: RunWriter,
    done: Mapping[str, CaseRecord],
    *,
    enough: int | None,
    device: str,
    trace: bool,
) -> None:
    """Make what is not done; what is made stays for ``--resume`` when this is cut short."""
    from goldenseed.backends.protocol import Settings
    from goldenseed.backends.registry import Backends

    backend = Backends(Settings(device=device, trace=trace))

    def watched(of: Grid) -> Iterable[Case]:
        return tracked(of, "sweeping")

    tell = lambda text: say(text, err=True)  # noqa: E731
    work = Sweep(grid, scoring, writer, backend, enough=enough, tell=tell)
    try:
        work.run(done, watched)
    except KeyboardInterrupt:
        say(f"cut short: the same command with --resume {writer.folder.name} goes on", err=True)
        raise
    finally:
        backend.close()
    writer.finish(finished=datetime.now(UTC), complete=True)


def _tell(
    writer: RunWriter, grid: Grid, scoring: Scoring, *, by: str | None, top: int, as_json: bool
) -> None:
    from goldenseed.tools.sweep.picking import write_all_sheets

    record = writer.record
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
        say(f"keep some  goldenseed seeds add {record.run_id} --case '{best[0].id}'", err=as_json)


def _document(each: Tried) -> dict[str, object]:
    return {
        "case": each.id,
        "seed": each.seed,
        **({"axes": dict(each.axes)} if each.axes else {}),
        "image": each.image,
        "pixels_sha256": each.pixels_sha256,
        "scores": dict(each.scores),
    }


def _grid(
    what: str,
    suite: Path | None,
    seeds: str | None,
    vary: Sequence[str],
    options: Mapping[str, str],
) -> Grid:
    """Return what is gone through; drawn seeds of a run that goes on are those drawn then."""
    case = _case(what, suite)
    axes: dict[str, tuple[object, ...]] = {}
    for each in vary:
        name, values = parse_axis(each)
        if name in axes:
            raise GoldenseedError(f"{name} is varied twice", fix="give all its values at once")
        axes[name] = values
    if seeds is None:
        chosen: Sequence[int] = (case.seed,)
    elif seeds.startswith("random:") and ASKED in options:
        parse_seeds(seeds)
        chosen = tuple(json.loads(options[ASKED]).get("drawn", ()))
    else:
        chosen = parse_seeds(seeds)
    grid = Grid(case, chosen, axes)
    if len(grid) > MOST:
        raise GoldenseedError(f"{len(grid):,} images are too many", fix=f"at most {MOST:,}")
    return grid


def _case(what: str, suite: Path | None) -> Case:
    file, colons, named = what.partition("::")
    if colons and Path(file).is_file():
        if suite is not None:
            raise GoldenseedError("--suite is for a prompt", fix=f"leave it out: {file} is one")
        loaded = load_suite(Path(file))
        return choose_suite_cases(loaded, [named])[0]
    if suite is None:
        raise GoldenseedError(
            f"{what!r} is no case of a suite file, and a prompt needs --suite",
            fix='goldenseed sweep suites/x.suite.yaml::CASE, or goldenseed sweep "a red apple" '
            "--suite suites/x.suite.yaml",
        )
    if not what.strip():
        raise GoldenseedError("the prompt is empty", fix='goldenseed sweep "a red apple" --suite …')
    first = load_suite(suite).cases[0]
    return replace(first, case_id="prompt", id=f"prompt[seed={first.seed}]", prompt=what)


def _check_same(options: Mapping[str, str], grid: Grid, folder: Path) -> None:
    if ASKED not in options:
        raise GoldenseedError("is no run of a sweep", path=folder)
    old, new = json.loads(options[ASKED]), json.loads(json.dumps(grid.description))
    if other := [name for name in {**old, **new} if old.get(name) != new.get(name)]:
        raise GoldenseedError(
            f"was of another sweep: {', '.join(other)} was given otherwise",
            path=folder,
            fix="give the same case, --seeds and --vary, or leave --resume out",
        )


def _models(given: Sequence[str]) -> dict[str, Path]:
    """Read ``clip_score=models/clip``."""
    found = {}
    for each in given:
        name, _, folder = each.partition("=")
        if name not in SCORES or not SCORES[name].needs_model or not folder:
            known = ", ".join(score for score, of in SCORES.items() if of.needs_model)
            raise GoldenseedError(
                f"{each!r} is no score with its model", fix=f"NAME=FOLDER of {known}"
            )
        found[name] = Path(folder).absolute()
    return found


def _limits(text: str | None, models: Sequence[str]) -> dict[str, Limit]:
    """Read ``min_sharpness=20 max_faces=1`` as limits that are known."""
    from goldenseed.cli.seed_options import limits_of

    folders = _models(models)
    limits = {
        name: Limit(value, "--keep", model=folders.get(name.partition("_")[2]))
        for name, value in limits_of(text or "").items()
    }
    check_limits(limits)
    return limits
