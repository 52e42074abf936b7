"""What is written beside a run's record for those who look at it."""

from __future__ import annotations

from pathlib import Path

from goldenseed.core.files import pretty_json, write_atomically
from goldenseed.reporting.annotations import (
    CODE_QUALITY,
    annotations_of,
    code_quality,
    repository_prefix,
)
from goldenseed.reporting.badge import BADGE, ENDPOINT, badge_of, endpoint, svg
from goldenseed.reporting.commands import Place
from goldenseed.reporting.html import write_report
from goldenseed.reporting.markdown import NOWHERE, Published, write_summary
from goldenseed.reporting.view import RunView, run_view
from goldenseed.runs.folder import write_run
from goldenseed.runs.record import RunRecord


def write_presentations(
    run: RunView,
    folder: Path,
    *,
    prefix: str = "",
    published: Published = NOWHERE,
    single: bool = False,
) -> Path:
    """Write page, summary, code quality report and badge of a run; return the page's path.

    ``prefix`` is of ``annotations_of``, ``single`` of ``write_report``. Raises
    GoldenseedError where the folder takes no file.
    """
    page = write_report(run, folder, single=single)
    write_summary(run, folder, published)
    write_for_services(run, folder, prefix=prefix)
    return page


def write_verb(record: RunRecord, folder: Path) -> Path:
    """Write record and presentations of what a verb found; return the page's path.

    Raises GoldenseedError where the folder takes no file.
    """
    write_run(record, folder)
    view = run_view(record, folder, place=Place.of_folder(folder))
    return write_presentations(view, folder, prefix=repository_prefix(Path.cwd()))


def write_for_services(run: RunView, folder: Path, *, prefix: str = "") -> None:
    """Write what GitLab and shields.io read, and the badge as a picture."""
    badge = badge_of(run.record)
    for name, data in (
        (CODE_QUALITY, pretty_json(code_quality(annotations_of(run, prefix)))),
        (ENDPOINT, pretty_json(endpoint(badge))),
        (BADGE, svg(badge).encode()),
    ):
        write_atomically(folder / name, data, durable=False)
