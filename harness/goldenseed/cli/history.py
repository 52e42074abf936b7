"""``goldenseed history``: how cases went over time, from all runs that are on record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goldenseed.baselines.setting import store_of_project
from goldenseed.cli.common import AsJson, Baselines, Reports, find_run, fits
from goldenseed.cli.output import say, say_json
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.history.points import DEFAULT_MEASURE, SECONDS, Series
from goldenseed.images.metrics import METRICS
from goldenseed.reporting.words import count_of, visible

if TYPE_CHECKING:
    from goldenseed.history.asked import Past
    from goldenseed.history.database import History
    from goldenseed.history.keeping import ReadIn
    from goldenseed.history.renames import Rename

SCHEMA_VERSION = 1
"""What ``schema_version`` of ``--json`` says; raised when a field changes its meaning."""
PLOTTED = 6
"""How many series are plotted; of more there is a list."""
_NAMED = 12
_DAYS = {"d": 1, "w": 7}


def history(
    case: Annotated[
        str | None, typer.Argument(help="A case id or pattern, also as suite::case.")
    ] = None,
    *,
    suite: Annotated[str | None, typer.Option("--suite", help="Only this suite, by name.")] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="Only images made on this kind of machine.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only runs from a day on: 2026-11-01, or 30d, 8w back."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            help="What to plot, again for more: a metric, STAGE[INDEX], generate_seconds.",
            show_default="mean_difference",
        ),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option("--add", help="Add a run from elsewhere, by its folder; repeatable."),
    ] = None,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild", help="Read every run folder again, and what cases were called before."
        ),
    ] = False,
    as_json: AsJson = False,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Show how cases went over time: verdicts, distances, seconds, and when something changed.

    Without CASE a list of the cases; with it a plot, and the change points with what changed of
    the environment. Runs in the reports folder that are not yet in reports/history.sqlite are read.
    """
    from goldenseed.history.keeping import with_history
    from goldenseed.history.renames import renames_of

    if not reports.is_dir():
        raise GoldenseedError(
            "no such folder", path=reports, fix="run a suite first, or name one with --reports"
        )
    wanted = _Wanted(case, suite, profile, _day_of(since) if since else None, tuple(metric or ()))
    folders = [find_run(each, reports)[1] for each in add or ()]
    renames = tuple(renames_of(store_of_project(baselines))) if rebuild else ()
    ask = partial(_ask, reports, folders, wanted, renames, rebuild=rebuild, whole=as_json)
    (read, told), damage = with_history(reports, ask)
    for note in (*((damage,) if damage else ()), *read.notes):
        say(f"goldenseed: {note}", err=True)
    if add or rebuild:
        say(f"goldenseed: {count_of(read.added, 'run')} read into the history", err=True)
    if as_json:
        say_json(_document(told, wanted, points=case is not None))
        return
    for line in _lines(told, wanted, reports):
        say(visible(line, lines=False))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked for."""

    case: str | None
    suite: str | None
    profile: str | None
    since: datetime | None
    metrics: tuple[str, ...]

    def __call__(self, series: Series) -> bool:
        """Say whether a series is."""
        if self.suite not in {None, series.suite} or self.profile not in {None, series.profile}:
            return False
        return self.case is None or fits(self.case, {series.case, series.name}, series.case)


def _ask(
    reports: Path,
    folders: Sequence[Path],
    wanted: _Wanted,
    renames: Sequence[Rename],
    history: History,
    *,
    rebuild: bool,
    whole: bool,
) -> tuple[ReadIn, tuple[Past, ...]]:
    """Bring the history up to date and ask it."""
    from goldenseed.history.asked import chosen, pasts_of
    from goldenseed.history.keeping import add_runs, read_in

    if renames:
        history.follow(renames)
    read = read_in(history, reports, anew=rebuild)
    others = add_runs(history, folders)
    read.added += others.added
    read.notes += others.notes
    found = chosen(history, wanted)
    if not found and (wanted.case or wanted.suite or wanted.profile):
        raise _nothing(list(history.series()), reports)
    closely = wanted.case is not None and (whole or len(found) <= PLOTTED)
    known = {each for number in found.values() if closely for each in history.measures(number)}
    if closely and (lost := set(wanted.metrics) - known - METRICS.keys() - set(SECONDS)):
        named = ", ".join(sorted(known | set(SECONDS)))
        raise GoldenseedError(
            f"nothing that was measured is called {min(lost)!r}", fix=f"there is {named}"
        )
    measures = wanted.metrics or (sorted(known) if whole and closely else [DEFAULT_MEASURE])
    return read, pasts_of(
        history, found, measures, since=wanted.since, closely=closely, levels=closely
    )


def _nothing(there: Sequence[Series], reports: Path) -> GoldenseedError:
    cases = list(dict.fromkeys(each.name for each in there))
    profiles = sorted({each.profile for each in there})
    fix = (
        f"it has {first_of(cases, _NAMED)}, on {first_of(profiles, _NAMED)}"
        if there
        else "run a suite first, or add runs from elsewhere with --add"
    )
    return GoldenseedError("the history has no such case", path=reports, fix=fix)


def _lines(told: Sequence[Past], wanted: _Wanted, reports: Path) -> Iterator[str]:
    from goldenseed.history.asked import whole
    from goldenseed.reporting.history import list_lines, plot_lines, series_lines

    measures = wanted.metrics or (DEFAULT_MEASURE,)
    if not told:
        yield f"no runs in the history of {reports}" + (" since then" if wanted.since else "")
    elif wanted.case is not None and len(told) <= PLOTTED:
        for number, each in enumerate(told):
            yield from ("",) * bool(number)
            yield from series_lines(each, measures)
    else:
        if wanted.suite is not None or wanted.metrics:
            runs = len({point.run for each in told for point in each.points})
            for measure in measures:
                yield from plot_lines(measure, whole(told, measure), of=runs)
                yield ""
        yield from list_lines(told)


def _document(told: Sequence[Past], wanted: _Wanted, *, points: bool) -> dict[str, Any]:
    from goldenseed.history.document import series_document

    return {
        "schema_version": SCHEMA_VERSION,
        "since": wanted.since.isoformat() if wanted.since else None,
        "series": [series_document(each, points=points) for each in told],
    }


def _day_of(text: str) -> datetime:
    """Read a day, or how many days or weeks back, as the time it began in UTC."""
    if back := re.fullmatch(r"(\d{1,5})([dw])", text):
        return datetime.now(UTC) - timedelta(days=int(back[1]) * _DAYS[back[2]])
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise GoldenseedError(
            f"--since: {text!r} is no day", fix="write 2026-11-01, or 30d or 8w for how far back"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
