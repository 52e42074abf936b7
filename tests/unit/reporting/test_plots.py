"""What readers without scripts see of stages and of a history."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from goldenseed.history.asked import Past
from goldenseed.history.keeping import recall, remember
from goldenseed.reporting.plots import HEIGHT, WIDTH, course_of, courses_of_suites, stage_plot
from goldenseed.reporting.view import run_view
from goldenseed.runs.record import Seconds
from made_history import made, run_on
from tests.unit.reporting.recorded import page_of, record

NEWER = {"package.diffusers": "0.31.0"}


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Past]:
    folder = tmp_path_factory.mktemp("reports")
    for day in range(12):
        late = day >= 8
        case = made("new", mean=0.25, passed=False) if late else made()
        run = run_on(day, case, made("x", name="pear"), environment=NEWER if late else None)
        remember(run, folder)
    return dict(recall(run, folder))


def test_each_stage_has_a_point_and_each_limit_a_line_at_its_stage():
    points = (("noise", 0.0), ("step 1", 1e-4), ("step 2", 1e-2), ("pixels", math.nan))
    plot = stage_plot(points, [(1, 1e-6)])
    assert plot is not None
    heights = [y for _, y, _ in plot.dots]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == 4
    assert plot.dots[1][2] == "step 1: 1.0e-04"
    left, right, height, says = plot.limits[0]
    assert left < plot.dots[1][0] < right
    assert height > heights[1]
    assert says == "rounding may reach 1.0e-06 at step 1"
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y, _ in plot.dots)
    assert stage_plot(points[:1], []) is None


def test_a_history_is_drawn_with_what_changed(past: dict[tuple[str, str], Past]):
    course = course_of(past["shapes", "apple[seed=1]"])
    assert course is not None
    difference, seconds = course.plots
    assert difference.words == "mean difference: 0 to 0.25 levels, last 0.25"
    assert difference.marks == (difference.dots[8][0],)
    assert seconds.words == "generated in: 1.00 s in each of 12 runs"
    assert seconds.line == ""
    assert course.changes == (("2024-01-09", "image, certain: diffusers 0.30.0 → 0.31.0"),)
    assert course.stability == "100 % of 10 pairs (at least 78 %)"
    assert course_of(None) is None


def test_a_suite_has_the_worst_of_its_cases(past: dict[tuple[str, str], Past]):
    (suite,) = courses_of_suites(list(past.values()))
    assert (suite.name, suite.span) == ("shapes", "12 runs from 2024-01-01")
    assert suite.plots[0].words == "worst mean difference: 0 to 0.25 levels, last 0.25"


def test_the_page_has_both_without_a_script(tmp_path: Path):
    run = record()
    for days in (2, 1):
        cases = [c.model_copy(update={"seconds": Seconds(generate=days)}) for c in run.cases]
        at = run.started.replace(day=days)
        update = {"run_id": f"day-{days}", "started": at, "finished": at, "cases": tuple(cases)}
        remember(run.model_copy(update=update), tmp_path)
    remember(run, tmp_path)
    page = page_of(replace(run_view(run), history=recall(run, tmp_path)))
    bare = page.partition("<noscript>\n<article")[2].partition("</noscript>")[0]
    assert 'class="limit"' in bare
    assert "<title>rounding may reach " in bare
    assert "mean difference: 6.55 levels in each of 3 runs" in bare
    assert "generated in: " in bare
    assert "<h2>History of moved <small>3 runs from 2026-11-01</small></h2>" in page
