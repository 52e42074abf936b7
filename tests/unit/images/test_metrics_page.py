"""The pages on metrics and content scores name all of them, and their ranges."""

import re
from pathlib import Path

import pytest

from goldenseed.content.scores import SCORES
from goldenseed.images.metrics import METRICS, Metric

DOCS = Path(__file__).parents[3] / "docs"
SIGNS = {"inf": "∞"}


def rows(page: str) -> dict[str, list[str]]:
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells if re.fullmatch(r"`\w+`", row[0])}


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_metric_s_range_alpha_mask_and_extra_are_on_the_page(metric: Metric):
    spread, unit, alpha, mask, _, needs = rows("metrics.md")[metric.name]
    ends = [f"{end:g}".replace("-", "\N{MINUS SIGN}") for end in (metric.worst, metric.best)]
    assert spread == " … ".join(SIGNS.get(end, end) for end in ends)
    assert metric.unit in unit
    assert alpha.removeprefix("a ") == metric.alpha
    assert mask == metric.mask
    assert (f"`[{metric.extra}]`" in needs) == bool(metric.extra)
    assert ("weights" in needs or "a model" in needs) == bool(metric.weights)


def test_every_score_and_its_extra_are_on_the_page():
    page = rows("content.md")
    assert set(SCORES) <= set(page)
    for name, score in SCORES.items():
        needs = page[name][-1]
        assert (f"`[{score.extra}]`" in needs) == bool(score.extra)
        assert ("a model" in needs) == score.needs_model
