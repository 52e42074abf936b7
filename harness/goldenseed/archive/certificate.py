"""A verification as one page for people: what was shown, and what was not."""

from __future__ import annotations

from datetime import date
from importlib import resources

from goldenseed.archive.documents import package_version
from goldenseed.archive.findings import QUESTIONS, Level, Verification
from goldenseed.archive.reports import outcome
from goldenseed.reporting.words import visible

_SHOWN = 200


def certificate_html(found: Verification, day: date) -> str:
    """Return the page: no script, nothing from elsewhere, every text of the archive escaped.

    ``day`` is that of the verification.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    source = resources.files(__package__).joinpath("certificate.html.jinja").read_text("utf-8")
    return environment.from_string(source).render(
        found=found,
        outcome=outcome(found),
        questions=QUESTIONS,
        shown=_SHOWN,
        version=package_version(),
        day=day.isoformat(),
        replayed=any(each.level is Level.REPLAY for each in found.levels),
    )
