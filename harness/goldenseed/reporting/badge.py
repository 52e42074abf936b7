"""A badge of a run: an SVG of its own, and what shields.io asks of an endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

from goldenseed.reporting.words import shortened, visible
from goldenseed.runs.record import RunRecord

BADGE = "badge.svg"
ENDPOINT = "badge.json"
_LABEL: Final = "golden images"

_LONGEST = 40
_LETTER = 6.6
"""The mean width of a letter of Verdana at 11 px, as badges have it; the SVG holds texts to it."""
_PADDING = 12
_COLOURS = {"pass": "#1a7f37", "fail": "#b3261e", "unknown": "#5f6368"}
"""White text stands out from each by 4.5 to 1 at least."""
_SHIELDS = {"pass": "brightgreen", "fail": "red", "unknown": "lightgrey"}


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says."""

    message: str
    state: str
    """``pass``, ``fail`` or ``unknown``."""


def badge_of(run: RunRecord) -> Badge:
    """Say in a few words how a run ended; one that was cut short or has no case proves nothing."""
    if run.verb is not None:
        return Badge("passes", "pass") if run.verb.passed else Badge("fails", "fail")
    total, left_out = len(run.cases), len(run.not_compared)
    failed = sum(not case.passed and case.xfail is None for case in run.cases)
    broken = sum(not each.passed for each in run.sets)
    apart = sum(not each.passed and each.xfail is None for each in run.relations)
    stopped = sum(not each.held for each in run.pilots)
    if failed or broken or apart or stopped:
        sets = f"{broken:,} of {len(run.sets):,} sets broken"
        relations = f"{apart:,} of {len(run.relations):,} relations broken"
        others = sets if broken else relations if apart else "the pilot did not hold"
        return Badge(f"{failed:,} of {total:,} fail" if failed else others, "fail")
    if not run.complete or not total:
        return Badge("no cases" if run.complete else "cut short", "unknown")
    passing = sum(case.passed for case in run.cases)
    passed = f"{passing:,} pass" if passing == total else f"{passing:,} of {total:,} pass"
    if left_out:
        return Badge(f"{passed}, {left_out:,} not compared", "unknown")
    return Badge(passed, "pass")


def endpoint(badge: Badge) -> dict[str, object]:
    """Return the document that shields.io/badges/endpoint-badge describes."""
    return {
        "schemaVersion": 1,
        "label": _LABEL,
        "message": _shown(badge),
        "color": _SHIELDS[badge.state],
        "isError": badge.state == "fail",
    }


def svg(badge: Badge) -> str:
    """Draw a badge that loads nothing and runs nothing; texts are squeezed to their boxes."""
    texts = (_LABEL, _shown(badge))
    first, second = (round(len(text) * _LETTER) + _PADDING for text in texts)
    title = escape(": ".join(texts))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{first + second}" height="20" role="img" '
        f'aria-label="{title}"><title>{title}</title>'
        f'<rect width="{first}" height="20" fill="#444"/>'
        f'<rect x="{first}" width="{second}" height="20" fill="{_COLOURS[badge.state]}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{_text(texts[0], 0, first)}{_text(texts[1], first, second)}</g></svg>\n"
    )


def _text(text: str, left: int, width: int) -> str:
    place = f'x="{left + _PADDING // 2}" y="14" textLength="{width - _PADDING}"'
    return f'<text {place} lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'


def _shown(badge: Badge) -> str:
    return shortened(visible(badge.message, lines=False), _LONGEST)
