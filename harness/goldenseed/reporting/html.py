"""The report: one page beside the run's images, which works from a file and without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.core.files import write_atomically
from goldenseed.reporting.headline import lock_notes
from goldenseed.reporting.text import visible
from goldenseed.reporting.view import run_view
from goldenseed.runs.record import RunRecord

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATES = "templates"


def write_report(run: RunRecord, folder: Path, *, notes: Sequence[str] = ()) -> Path:
    """Write ``index.html`` into the run's folder and return its path.

    The page holds its styles and script and links to the PNG files beside it: it makes no request
    beyond the folder, and its content security policy keeps it from making any. Images that are
    not there are shown as missing. ``notes`` are lines shown above the cases. Raises
    GoldenseedError where the file cannot be written.
    """
    path = folder / "index.html"
    write_atomically(path, render(run, folder, notes=notes).encode("utf-8"), durable=False)
    return path


def render(run: RunRecord, folder: Path, *, notes: Sequence[str] = ()) -> str:
    """Return the page for a run whose images are in ``folder``."""
    from markupsafe import Markup

    style, script = _asset("report.css"), _asset("report.js")
    return _template().render(
        run=run_view(run, folder),
        notes=[visible(line) for line in (*lock_notes(run), *notes)],
        # Only the two files of this package are exempt from escaping, and the policy names them.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        policy=_policy(style, script),
    )


@cache
def _template() -> Template:
    """Return the compiled page; compiling it takes longer than filling it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("goldenseed.reporting", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    return environment.get_template("report.html.jinja")


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
