"""The report: one page beside the run's images, which works from a file and without scripts."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.core.files import write_atomically
from goldenseed.reporting.elements import ElementsView
from goldenseed.reporting.numbers import content_in_words, scalar, seconds
from goldenseed.reporting.view import Block, RunView
from goldenseed.reporting.words import capitalised, count_of, shortened, suites_of, visible

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATES = "templates"
_PAGE = "report.html.jinja"
WIDTH = 320
HEIGHT = 72
_LEFT = 34
_LOWEST = -9
"""A plot's bottom, as a power of ten; smaller distances are drawn there."""
_HIGHEST = 0.3
_TICKS = (-8, -6, -4, -2)


@dataclass(frozen=True, slots=True)
class Plot:
    """Relative distances over the stages, on a logarithmic scale, in the units of an SVG."""

    dots: tuple[tuple[float, float, str], ...]
    """Each stage's place from the left and from the top, and its label."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT

    @property
    def line(self) -> str:
        """The dots joined, as an SVG polyline has them."""
        return " ".join(f"{x},{y}" for x, y, _ in self.dots)

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Heights of the scale's lines, with their labels."""
        return tuple((_height(10.0**power), f"1e{power}") for power in _TICKS)


def plot_of(points: Sequence[tuple[str, float]]) -> Plot | None:
    """Lay out the distances of the stages; None where fewer than two have one."""
    if len(points) < 2:  # noqa: PLR2004 - one dot is no curve
        return None
    step = (WIDTH - _LEFT - 6) / (len(points) - 1)
    return Plot(
        tuple(
            (
                round(_LEFT + number * step, 1),
                _height(distance),
                f"{stage}: {f'{distance:.1e}' if distance else 'identical'}",
            )
            for number, (stage, distance) in enumerate(points)
        )
    )


def curve_of(elements: ElementsView) -> Plot | None:
    """Lay out the elements' distances likewise; None where none moved, or there is one alone."""
    moved = any(distance for _, distance in elements.curve)
    return plot_of(elements.curve) if moved else None


def _height(distance: float) -> float:
    power = math.log10(distance) if distance > 0 else _LOWEST
    share = (min(max(power, _LOWEST), _HIGHEST) - _LOWEST) / (_HIGHEST - _LOWEST)
    return round(HEIGHT - 4 - share * (HEIGHT - 8), 1)


def write_report(run: RunView, folder: Path, *, notes: Sequence[Block] = ()) -> Path:
    """Write ``index.html`` into the run's folder and return its path.

    The page makes no request beyond the folder, and its content security policy keeps it from
    making any. ``notes`` are shown above the cases.
    """
    path = folder / "index.html"
    write_atomically(path, render(run, notes=notes).encode("utf-8"), durable=False)
    return path


def render(run: RunView, *, notes: Sequence[Block] = ()) -> str:
    """Return the page of a run whose view was made with its folder."""
    from markupsafe import Markup

    style, script = _asset("report.css"), _asset("report.js")
    return _template().render(
        run=run,
        record=run.record,
        suites=suites_of(run.record),
        shares=list(_shares(run)),
        notes=[*(lock.block for lock in run.locks), *_said(run), *notes],
        # Only the two files of this package are exempt from escaping, and the policy names them.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        policy=_policy(style, script),
    )


def _said(run: RunView) -> Iterator[Block]:
    if run.remarks:
        yield Block(sentences=run.remarks)


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
        "content": content_in_words,
        "count": count_of,
        "fields": lambda document: sorted(_flat(document)),
        "plot": plot_of,
        "curve": curve_of,
        "seconds": seconds,
        "short": shortened,
    }
    return environment.get_template(_PAGE)


def _shown(value: object) -> object:
    """Show unseen characters of every text that reaches the page; its markup is escaped after."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _flat(document: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Lay a nested document out as dotted names and values."""
    for name, value in document.items():
        dotted = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{dotted}.")
        elif isinstance(value, str | int | float | bool) or value is None:
            yield dotted, scalar(value)
        else:
            yield dotted, json.dumps(value, ensure_ascii=False, default=str)


def _asset(name: str) -> str:
    return resources.files("goldenseed.reporting").joinpath(_TEMPLATES, name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """Allow this page's own style, script and images (``file:`` has no origin), nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src 'self' file:",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
