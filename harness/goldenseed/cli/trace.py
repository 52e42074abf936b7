"""``goldenseed trace``: the stages of one image, and the noise it began with."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import Reports, Run, choose_cases
from goldenseed.cli.from_archive import opened_run
from goldenseed.cli.output import say
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import write_atomically
from goldenseed.reporting.words import visible
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.stored import stored_trace
from goldenseed.trace.files import read_foreign_trace
from goldenseed.trace.stages import StageRecord, Trace

_DIGITS = 12
"""Of a digest, as many as tell two apart."""


def trace(
    run: Run,
    case: Annotated[
        str | None, typer.Argument(help="The case, SUITE::ID or ID; none for a trace's file.")
    ] = None,
    *,
    noise: Annotated[
        Path | None,
        typer.Option("--noise", help="Write the initial noise there, as .npy, for another engine."),
    ] = None,
    reports: Reports = Path("reports"),
) -> None:
    """List the stages of one image: what an engine records to be compared with it.

    RUN may be a trace's file, that of another engine too, which is then checked.
    """
    if case is None:
        if noise is not None:
            raise GoldenseedError("--noise is of a case", fix="name a run, and a case of it")
        _show(read_foreign_trace(Path(run)))
        return
    with opened_run(run, reports) as found:
        chosen = choose_cases(found.record, [case])
        records = (*chosen.named, *chosen.matched)
        if len(records) > 1:
            names = ", ".join(each.id for each in records[:5])
            raise GoldenseedError(f"{case!r} fits several cases: {names}", fix="name one of them")
        stages = stored_trace(found.folder, records[0])
    if not stages:
        raise GoldenseedError(
            f"{records[0].id} has no trace", path=found.folder, fix="run it with traces"
        )
    if noise is None:
        _show(stages)
    else:
        _write_noise(noise, records[0], stages)


def _show(stages: Trace) -> None:
    rows = [_row(each) for each in stages]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        say(visible("  ".join(cells).rstrip(), lines=False))


def _row(record: StageRecord) -> tuple[str, ...]:
    return (
        record.stage.value,
        str(record.index),
        record.source or "-",
        " x ".join(map(str, record.shape)) or "()",
        record.dtype,
        "-" if record.norm is None else f"{record.norm:.6g}",
        record.sha256[:_DIGITS],
    )


def _write_noise(path: Path, case: CaseRecord, stages: Trace) -> None:
    import numpy as np

    from goldenseed.backends.diffusers.drawn_again import noise_drawn_again

    values = noise_drawn_again(case.recipe, stages)
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    write_atomically(path, file.getvalue())
    shape = " x ".join(map(str, values.shape))
    say(f"noise  {path}: {values.dtype} {shape}, the image's own bit for bit")
