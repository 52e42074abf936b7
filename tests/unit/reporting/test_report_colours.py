"""The page's colours against the contrast that WCAG 2.2 AA asks for."""

from __future__ import annotations

import re
from importlib import resources

import pytest

VERDICTS = ("drift", "error", "incomparable", "rejected", "new", "warn", "match", "identical")
PAIRS = [
    *((ink, on) for ink in ("ink", "soft", *VERDICTS) for on in ("paper", "sheet")),
    *(("ink", "sunk"), ("soft", "sunk"), ("alarm-ink", "alarm-paper"), ("accent", "paper")),
]


def palette(scheme: str) -> dict[str, str]:
    style = (
        resources.files("goldenseed.reporting").joinpath("templates/report.css").read_text("utf-8")
    )
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    found = re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light if scheme == "light" else light + dark)
    return dict(found)


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "on"), PAIRS)
def test_text_stands_out_from_what_it_stands_on(scheme: str, ink: str, on: str) -> None:
    colours = palette(scheme)
    dark, light = sorted((luminance(colours[ink]), luminance(colours[on])))
    assert (light + 0.05) / (dark + 0.05) >= 4.5
