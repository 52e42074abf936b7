"""``goldenseed compare``: two images, or two folders of them, judged without a suite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import AsJson
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say, say_json
from goldenseed.cli.report_folder import check_report_folder
from goldenseed.core.errors import GoldenseedError
from goldenseed.images.compare import ComparisonDocument, ImageComparison, Outcome
from goldenseed.images.folders import FilePair, judge_files, not_looked_at, pair_files, usable_cores
from goldenseed.images.metrics import DEFAULT_METRICS
from goldenseed.images.terms import Region, Terms, terms_of
from goldenseed.reporting.comparison import gate_line, pair_counts, pair_lines
from goldenseed.reporting.words import visible
from goldenseed.reporting.writing import write_verb
from goldenseed.runs.compared_files import SUITE, case_of_files
from goldenseed.runs.folder import new_run_id
from goldenseed.runs.parts import Block, VerbRecord
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.stored import Pictures

_REGION = 4


def compare(
    a: Annotated[Path, typer.Argument(help="The image or folder that is held against.")],
    b: Annotated[Path, typer.Argument(help="The image or folder that is judged.")],
    *,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metrics",
            help="Metrics to show, apart by commas, in place of the default ones.",
            show_default=False,
        ),
    ] = None,
    gates: Annotated[
        Path | None,
        typer.Option("--gates", help="YAML file with a suite's `gates:`.", show_default=False),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            "--mask", help="Image of the same size, white where it counts.", show_default=False
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore",
            help="Region that does not count: left,top,width,height.",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, help="Processes; by default one a core.", show_default=False),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Folder for a report with pictures.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge images by pixels alone: identical, within the gates, or beyond a gate.

    Without --gates, one level of 255 is allowed. Exit code 0: all pairs are identical or within
    the gates. 1: a gate failed, or a pair is incomparable or incomplete. 2: an image cannot be
    read, or nothing can be compared.
    """
    terms = terms_of(
        metrics=_names(metrics),
        gates=gates,
        mask=mask,
        ignore=[_region(text) for text in ignore or ()],
    )
    began = datetime.now(UTC)
    if report is not None:
        folders = [each for each in (a, b) if each.is_dir()]
        check_report_folder(report, f"{SUITE}-", compared=folders)
    found = pair_files(a, b)
    counts: Counter[Outcome] = Counter()
    cases: list[CaseRecord] = []
    judged = judge_files(found.pairs, terms, jobs=jobs or usable_cores())
    kept = (
        judged
        if report is None
        else _kept(zip(found.pairs, judged, strict=True), terms, report, cases)
    )
    counted = _counted(kept, counts)
    if as_json:
        document = _document(a, b, terms, tuple(counted), found.not_looked_at)
        say_json(document.model_dump(mode="json"))
    else:
        _say(counted, counts, terms, found.not_looked_at)
    if report is not None:
        notes = _notes(a, b, terms, found.not_looked_at)
        record = _record(cases, counts, notes, began)
        say(f"report  {write_verb(record, report)}", err=as_json)
    if code := _exit_code(counts):
        raise typer.Exit(code)


def _kept(
    judged: Iterable[tuple[FilePair, ImageComparison]],
    terms: Terms,
    folder: Path,
    cases: list[CaseRecord],
) -> Iterator[ImageComparison]:
    """Keep the pictures of each pair as it is judged, and add its record to ``cases``."""
    pictures = Pictures(folder)
    for pair, found in judged:
        cases.append(case_of_files(pair, found, terms, pictures))
        yield found


def _notes(a: Path, b: Path, terms: Terms, unread: Mapping[str, int]) -> tuple[str, ...]:
    said = [f"A: {a}", f"B: {b}", gate_line(terms.limits)]
    return (*said, not_looked_at(unread)) if unread else tuple(said)


def _record(
    cases: Iterable[CaseRecord], counts: Counter[Outcome], notes: tuple[str, ...], began: datetime
) -> RunRecord:
    return RunRecord(
        run_id=f"{SUITE}-{new_run_id(began)}",
        started=began,
        finished=datetime.now(UTC),
        complete=True,
        cases=tuple(cases),
        verb=VerbRecord(
            name="compare",
            passed=not _exit_code(counts),
            outcome=pair_counts(counts),
            notes=(Block(notes),),
        ),
    )


def _say(
    pairs: Iterator[ImageComparison],
    counts: Counter[Outcome],
    terms: Terms,
    unread: Mapping[str, int],
) -> None:
    """Tell of each pair as it is judged, then of all."""
    for line in pair_lines(pairs, shown=terms.names):
        say(line)
    say(pair_counts(counts))
    if unread:
        say(visible(not_looked_at(unread), lines=False))
    say(gate_line(terms.limits))


def _exit_code(counts: Counter[Outcome]) -> int:
    if counts[Outcome.ERROR]:
        return ExitCode.REFUSED
    passed = counts[Outcome.IDENTICAL] + counts[Outcome.WITHIN]
    return ExitCode.FOUND if counts.total() > passed else ExitCode.FINE


def _counted(
    found: Iterable[ImageComparison], counts: Counter[Outcome]
) -> Iterator[ImageComparison]:
    for comparison in found:
        counts[comparison.outcome] += 1
        yield comparison


def _document(
    a: Path, b: Path, terms: Terms, pairs: tuple[ImageComparison, ...], unread: Mapping[str, int]
) -> ComparisonDocument:
    counts = Counter(pair.outcome for pair in pairs)
    return ComparisonDocument(
        a=str(a),
        b=str(b),
        limits={name: limit.value for name, limit in terms.limits.items()},
        mask=None if terms.mask is None else str(terms.mask),
        ignore=terms.ignore,
        counts={outcome: counts[outcome] for outcome in Outcome},
        not_looked_at=dict(unread),
        pairs=pairs,
    )


def _names(given: list[str] | None) -> tuple[str, ...]:
    if given is None:
        return DEFAULT_METRICS
    return tuple(name.strip() for text in given for name in text.split(",") if name.strip())


def _region(text: str) -> Region:
    parts = text.split(",")
    if len(parts) != _REGION or not all(part.strip().isdecimal() for part in parts):
        raise GoldenseedError(
            f"--ignore {text}: no region", fix="write left,top,width,height in pixels: 0,0,64,16"
        )
    left, top, width, height = map(int, parts)
    return left, top, width, height
