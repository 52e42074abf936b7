"""``goldenseed import``: pictures and traces of another engine as a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.baselines.setting import store_of_project
from goldenseed.cli.common import Baselines, Reports
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.from_archive import opened_run
from goldenseed.cli.output import say
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, read_json
from goldenseed.core.listing import first_of
from goldenseed.environment.keys import EnvironmentValue
from goldenseed.reporting.words import visible
from goldenseed.reporting.writing import write_verb
from goldenseed.runs.comparison import dtype_of
from goldenseed.runs.folder import new_run_id
from goldenseed.runs.foreign import Delivery, Left, delivered, engine_environment, foreign_records
from goldenseed.runs.judging import Judging
from goldenseed.runs.made import Made
from goldenseed.runs.parts import VerbRecord
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.scoring import with_content
from goldenseed.suite.cases import Limit
from goldenseed.suite.masking import MaskSpec
from goldenseed.verdict.model import Verdict, passing

_LISTED = 5
"""How many names a line has."""


def import_run(
    folder: Annotated[
        Path, typer.Argument(help="Where the engine left CASE.png and CASE.trace.json.gz.")
    ],
    *,
    like: Annotated[
        str, typer.Option("--like", help="The run whose cases they are: path, id, latest; archive.")
    ],
    engine: Annotated[str, typer.Option("--engine", help="What made them: 'tensorrt 10.3'.")],
    environment: Annotated[
        Path | None,
        typer.Option(
            "--environment",
            help="JSON of what it says of itself: an object of dotted keys and plain values.",
        ),
    ] = None,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Make a run of pictures and traces that another engine made of a run's cases.

    It is judged as any run, under a profile of the engine's own. `goldenseed diff` then says where
    engine and reference part. Exit code 1: something that it left cannot be read.
    """
    began = datetime.now(UTC)
    said = engine_environment(engine, _read(environment))
    run_id = new_run_id(began)
    with opened_run(like, reports) as reference:
        delivery = delivered(folder, reference.record)
        judging = Judging(reports / run_id, store_of_project(baselines), passing("warn"))
        judged = partial(_judged, judging, reference.folder)
        records = tuple(foreign_records(delivery, said, judged))
    errors = [each for each in records if each.verdict is Verdict.ERROR]
    run = RunRecord(
        run_id=run_id,
        started=began,
        finished=datetime.now(UTC),
        complete=True,
        profile=next((each.profile for each in records if each.profile), None),
        environment=said,
        cases=records,
        verb=VerbRecord(name="import", passed=not errors),
    )
    page = write_verb(run, reports / run_id)
    for line in (*_lines(delivery, run), f"run  {run_id}", f"report  {page}"):
        say(visible(line, lines=False))
    if errors:
        raise typer.Exit(ExitCode.FOUND)


def _read(environment: Path | None) -> Mapping[str, EnvironmentValue]:
    found = {} if environment is None else read_json(environment)
    if isinstance(found, dict) and not any(isinstance(v, dict | list) for v in found.values()):
        return found
    raise GoldenseedError(
        "holds no environment: an object of dotted keys and plain values",
        path=environment,
        fix='write what the engine says of itself: {"scheduler.config.shift": 3.0}',
    )


def _judged(
    judging: Judging, reference: Path, left: Left, record: CaseRecord, made: Made
) -> CaseRecord:
    """Judge as a session does, with gates, mask and content limits of the reference's case."""
    limits = {
        name: Limit(value, left.case.limit_sources.get(name, "suite"))
        for name, value in left.case.limits.items()
    }
    mask, used = None, left.case.masked
    if used is not None:
        file = inside(reference, used.image)
        mask = MaskSpec(used.source, file, used.ignore, path=file, line=1)
    judged = judging.judge(record, made, limits=limits, dtype=dtype_of(record), mask=mask)
    prompt = record.recipe.get("prompt")
    scored = {name: Limit(each, "suite") for name, each in left.case.content_limits.items()}
    return with_content(judged, made.pictures, prompt if isinstance(prompt, str) else None, scored)


def _lines(delivery: Delivery, run: RunRecord) -> Iterator[str]:
    counts = ", ".join(f"{count} {verdict.value}" for verdict, count in run.counts().items())
    yield f"imported {len(run.cases)}: {counts}"
    for each in run.cases:
        if each.error:
            yield f"error  {each.suite}::{each.id}: {each.error}"
    if delivery.lacking:
        names = first_of([f"{each.suite}::{each.id}" for each in delivery.lacking], _LISTED)
        yield f"left out {len(delivery.lacking)} without a picture: {names}"
    if delivery.unknown:
        files = first_of(delivery.unknown, _LISTED)
        yield f"not looked at, since no case is so called: {files}"
