"""The report: a page beside the run's images, which works from a file and without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.core.files import open_regular, write_atomically
from goldenseed.reporting.diagnosis import stage_limits
from goldenseed.reporting.links import Picture
from goldenseed.reporting.numbers import content_in_words, seconds
from goldenseed.reporting.page_data import by_count, environment_changes, flat
from goldenseed.reporting.page_parts import PIXELS_BYTES, Parts, data_uri, parts_of
from goldenseed.reporting.plots import Plot, course_of, courses_of_suites, stage_plot
from goldenseed.reporting.told_parts import part_blocks
from goldenseed.reporting.view import Block, CaseView, RunView
from goldenseed.reporting.words import capitalised, count_of, shortened, suites_of, visible

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATES = "templates"
_PAGE = "report.html.jinja"
_SCRIPTS = (
    "base", "parts", "rows", "address", "gallery", "plots", "history", "pixels", "maps", "flip",
    "zoom", "views", "stage", "detail", "compare", "decisions", "deciding", "grid", "filters",
    "keys", "sheet", "start",
)  # fmt: skip
"""In the order in which they build on each other."""
_CARDS = 60
"""Cases that readers without scripts see in full, the worst first."""
_PICTURED = 10
"""Of these, how many bring their pictures along in a page that holds everything."""
_SINGLE = b" data-single>"
_HEAD = 4096
"""Within so many bytes a page says that it holds everything."""
_LINES = 2_000
"""Cases that they see in a line."""


def write_report(run: RunView, folder: Path, *, single: bool = False) -> Path:
    """Write ``index.html`` and ``data/`` into the run's folder, and return the page's path.

    The page makes no request beyond the folder, and its content security policy keeps it from
    making any; what serves it to decide asks otherwise (``docs/reports.md``). With ``single`` the
    page holds everything, as far as 64 MiB of pictures go.
    """
    parts = parts_of(run, folder, single=single)
    path = folder / "index.html"
    page = _render(run, parts, folder if single else None)
    parts.write(folder)
    write_atomically(path, page.encode("utf-8"), durable=False)
    return path


def is_single(folder: Path) -> bool:
    """Say whether the page in a run's folder is one that holds everything."""
    try:
        with open_regular(folder / "index.html") as file:
            return _SINGLE in file.read(_HEAD)
    except OSError:
        return False


def _render(run: RunView, parts: Parts, embedded: Path | None) -> str:
    from markupsafe import Markup

    style = _asset("uplot/uPlot.min.css") + _asset("report.css")
    script = _script()
    cases = list(run.cases)
    cards = cases[:_CARDS]
    return _template().render(
        run=run,
        record=run.record,
        suites=suites_of(run.record),
        noun=run.gallery.noun if run.gallery else "case",
        shares=list(_shares(run)),
        quarantined=[each for each in cases if each.record.quarantine],
        changes=environment_changes([case.record for case in cases if case.loud]),
        notes=() if run.gallery else run.notes,  # its grid is put in that order, and any other
        merged=part_blocks(run.record),
        found=[*(lock.block for lock in run.locks), *_said(run)],
        cards=cards,
        plots=[_staged(each) for each in cards],
        courses=[course_of(run.history.get((c.record.suite, c.record.id))) for c in cards],
        suite_courses=list(courses_of_suites(list(run.history.values()))),
        lines=cases[_CARDS : _CARDS + _LINES],
        more=max(0, len(cases) - _CARDS - _LINES),
        single=embedded is not None,
        pictured=_PICTURED if embedded else _CARDS,
        source=_embedded(embedded) if embedded else _linked,
        unlinked=_linked,
        without_pixels=parts.left_out,
        mebibytes=PIXELS_BYTES >> 20,
        # Exempt from escaping: this package's own files, which the policy names, and JSON in which
        # no character is markup.
        parts={name: Markup(text) for name, text in parts.inline.items()},  # noqa: S704
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        policy=_policy(style, script),
    )


def _staged(case: CaseView) -> Plot | None:
    return stage_plot(case.why.points, list(stage_limits(case.record))) if case.why else None


def _linked(picture: Picture) -> str:
    return picture.url


def _embedded(folder: Path) -> Callable[[Picture], str]:
    return cache(partial(_or_nothing, folder))


def _or_nothing(folder: Path, picture: Picture) -> str:
    return data_uri(folder, picture) or picture.url


def _said(run: RunView) -> Iterator[Block]:
    if run.remarks:
        yield Block(sentences=run.remarks)
    if warned := run.record.warnings:
        total = count_of(sum(warned.values()), "warning")
        yield Block(
            sentences=(f"{total} of other packages while images were made",),
            columns=("times", "warning"),
            rows=tuple((f"{count:,}", kind) for count, kind in by_count(warned)),
        )


def _shares(run: RunView) -> Iterator[tuple[str, float, float]]:
    """Yield where each verdict's part of the bar over all cases begins, and its length, in %."""
    offset = 0.0
    for section in run.sections:
        share = 100 * len(section.cases) / (len(run.record.cases) + len(run.record.not_compared))
        yield section.verdict, round(offset, 4), round(share, 4)
        offset += share


@cache
def _template() -> Template:
    """Return the compiled page; compiling it takes longer than filling it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("goldenseed.reporting", _TEMPLATES),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "begin": capitalised,
        "by_count": by_count,
        "content": content_in_words,
        "count": count_of,
        "fields": lambda document: sorted(flat(document)),
        "few": lambda values, count: list(islice(values, count)),
        "packages": lambda rows, wanted: [
            row for row in rows if row[0].startswith("package.") is wanted
        ],
        "seconds": seconds,
        "short": shortened,
    }
    return environment.get_template(_PAGE)


def _shown(value: object) -> object:
    """Show unseen characters of every text that reaches the page; its markup is escaped after."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@cache
def _script() -> str:
    libraries = ("panzoom/panzoom.min.js", "uplot/uPlot.iife.min.js")
    names = (*libraries, *(f"scripts/{name}.js" for name in _SCRIPTS))
    return "\n".join(map(_asset, names))


@cache
def _asset(name: str) -> str:
    place = resources.files("goldenseed.reporting").joinpath(_TEMPLATES, *name.split("/"))
    return place.read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """Allow this page's own style, script and images (``file:`` has no origin), nothing else.

    What the script itself loads (``strict-dynamic``) is the data beside the page. To the server
    that a page came from it may connect, which it does only where that server asks it to.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "img-src 'self' file: data:",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}' 'strict-dynamic'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
