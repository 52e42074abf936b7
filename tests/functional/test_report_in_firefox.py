"""The report as a reader with Firefox meets it: opened from a file, and decided on."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goldenseed.history.keeping import recall, remember
from goldenseed.reporting import run_view, write_report
from goldenseed.review.decisions import read_decisions
from goldenseed.runs.record import RunRecord, Seconds
from tests.browser import downloaded
from tests.drifted_pictures import SIDE, drifted_cases, pictures
from tests.firefox import DOWNLOADS, Firefox, firefox
from tests.unit.reporting.recorded import stored

READY = "document.documentElement.dataset.ready === 'true'"
TILES = "[...document.querySelectorAll('.tile .name')].map(e => e.textContent)"
OPEN = "document.querySelector('#detail:not([hidden]) .case-head h1')?.textContent"
CAPTION = "document.querySelector('.panes figcaption').textContent"
READOUT = "document.querySelector('.readout').textContent"
RED_APPLE = "#moved.red-apple-1024"
ENTER, ESCAPE, ARROW_LEFT = "\ue007", "\ue00c", "\ue012"


def later(run: RunRecord, days: int) -> RunRecord:
    """The same run some days ago, which took another time."""
    at = run.started - timedelta(days=days)
    cases = [c.model_copy(update={"seconds": Seconds(generate=1 + days / 10)}) for c in run.cases]
    update = {"run_id": f"day-{days}", "started": at, "finished": at, "cases": tuple(cases)}
    return run.model_copy(update=update)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reports = tmp_path_factory.mktemp("run with spaces & #")
    folder = reports / "run"
    run = stored(folder)
    run = run.model_copy(update={"cases": (*run.cases, *drifted_cases(folder))})
    for days in (3, 2, 1, 0):
        remember(later(run, days) if days else run, reports)
    return write_report(replace(run_view(run, folder), history=recall(run, reports)), folder)


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("profile")


@pytest.fixture(scope="module")
def browser(profile: Path) -> Iterator[Firefox]:
    with firefox(profile) as page:
        page.resize(1280)
        yield page


@pytest.fixture
def page(browser: Firefox, report: Path) -> Iterator[Firefox]:
    opened(browser, report)
    yield browser
    browser.run("localStorage.clear()")
    assert browser.logged == []


def opened(page: Firefox, report: Path, fragment: str = "") -> None:
    page.get("about:blank")
    page.get(report.as_uri() + fragment)
    page.settled(READY)


def looked_at(page: Firefox, report: Path, name: str, view: str) -> None:
    opened(page, report, f"#moved.{name}-1&view={view}")
    page.settled(
        "document.querySelector('.pane') && [...document.querySelectorAll('.pane img')]"
        ".every(i => i.complete && i.naturalWidth)"
    )


def shown(page: Firefox) -> np.ndarray:
    """The picture of the first pane as the browser draws it, one sample a pixel."""
    left, top, width, height = page.run(
        "(b => [b.left, b.top, b.width, b.height].map(Math.round))"
        "(document.querySelector('.layer').getBoundingClientRect())"
    )
    whole = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image = whole.crop((left, top, left + width, top + height))
    step = width // SIDE
    return np.asarray(image)[step // 2 :: step, step // 2 :: step][:SIDE, :SIDE]


def test_cases_are_grouped_filtered_searched_and_found_again_after_a_reload(page: Firefox):
    heads = page.run("[...document.querySelectorAll('.group-head h2')].map(h => h.textContent)")
    title = "Moved at denoising step 1, likely cause: denoiser weights: unet (0.85)"
    assert any(head.startswith(f"{title} ") for head in heads)
    page.point("[data-verdict=drift].filter", click=True)
    page.press("/", *"red apple")
    expected = ["red-apple[seed=7]", "red-apple[seed=1024]", "moved[seed=1]", "faint[seed=1]"]
    expected = [f"moved::{name}" for name in expected]
    page.settled("document.querySelectorAll('.tile').length === 4")
    assert page.run(TILES) == expected
    assert page.run("location.hash") == "#&verdict=drift&q=red%20apple"
    page.command("browsingContext.reload", context=page.tab, wait="complete")
    page.settled(READY)
    assert page.run(TILES) == expected


def test_the_keyboard_goes_through_the_cases_and_back(page: Firefox):
    page.press("j", "j", ENTER)
    second = page.settled(OPEN)
    page.press("j")
    page.settled(f"{OPEN} !== given[0]", second)
    page.press("k")
    page.settled(f"{OPEN} === given[0]", second)
    page.press("?")
    page.settled("document.querySelector('#help[open]') !== null")
    page.press(ESCAPE)
    page.settled("document.querySelector('#help[open]') === null")
    page.press(ESCAPE)
    page.settled("document.getElementById('detail').hidden")
    assert page.run("document.activeElement.querySelector('.name').textContent") == second


def test_every_view_shows_what_it_says(page: Firefox, report: Path):
    accepted, _, moved = map(np.asarray, pictures())
    looked_at(page, report, "moved", "side")
    page.point("h1")
    assert np.array_equal(shown(page), accepted)
    page.press("2")
    half = shown(page)
    assert np.array_equal(half[:, :46], moved[:, :46])
    assert np.array_equal(half[:, 50:], accepted[:, 50:])
    page.press("3")
    assert np.array_equal(shown(page), moved)
    page.press(" ")
    assert np.array_equal(shown(page), accepted)
    page.press("4")
    page.settled(f"{CAPTION}.includes('× 32')")  # noqa: RUF001 - as the page writes it
    distance = np.abs(accepted.astype(int) - moved)
    assert np.array_equal(shown(page), np.minimum(distance * 32, 255))
    for key, name in (("5", "FLIP: "), ("6", "1 − SSIM: ")):  # noqa: RUF001
        page.press(key)
        assert page.settled(
            f"{CAPTION}.startsWith(given[0]) && {CAPTION}.includes('(mean 0.')", name
        )


def test_a_difference_of_one_level_in_one_pixel_is_white(page: Firefox, report: Path):
    looked_at(page, report, "faint", "difference")
    page.point("h1")
    seen = shown(page)
    assert seen[40, 30].tolist() == [255, 0, 0]
    assert seen.sum() == 255


def test_zoom_goes_to_single_pixels_and_reads_them_in_both_images(page: Firefox, report: Path):
    looked_at(page, report, "faint", "side")
    page.press(*"++++++")
    sizes = "[...document.querySelectorAll('.layer')].map(l => l.getBoundingClientRect().width)"
    page.settled(f"(([a, b]) => a === b && a > {SIDE * 30})({sizes})")
    page.press("0")
    page.run("document.querySelector('.stage').focus()")
    page.press(ARROW_LEFT)
    page.settled(f"{READOUT}.startsWith('x 47, y 48: baseline 94 96 95, current 94 96 95')")
    page.point(".pane")
    page.settled(f"/^x 4[78], y 47: baseline 9[46] 94 9[45], /.test({READOUT})")


def test_a_group_is_decided_with_one_reason_and_exported(page: Firefox, profile: Path):
    page.press("j", "A")
    page.settled("document.querySelector('dialog[open] #reason') !== null")
    page.press(*"new weights", ENTER)
    page.settled("goldenseed.decided().size >= 3")
    page.settled("document.querySelector('dialog[open]') === null")
    page.settled("!document.activeElement.closest('dialog')")
    page.press("e")
    page.settled("document.querySelector('#deck [role=status]').textContent.includes('Exported')")
    found = read_decisions(downloaded(profile / DOWNLOADS / "decisions.json"))
    assert {(each.decision, each.reason) for each in found.decisions} == {("accept", "new weights")}
    assert len(found.decisions) == page.run("goldenseed.decided().size")
    page.command("browsingContext.reload", context=page.tab, wait="complete")
    page.settled(f"{READY} && goldenseed.decided().size === given[0]", len(found.decisions))


def test_a_case_has_its_curve_and_its_history(page: Firefox, report: Path):
    opened(page, report, RED_APPLE)
    page.settled("document.querySelector('#detail .history canvas') !== null")
    assert page.run("document.querySelectorAll('#detail .curve .limit').length") == 5
    assert "4 runs from " in page.run("document.querySelector('#detail .history').textContent")


@pytest.mark.parametrize("width", [400, 1400])
def test_it_fits_and_is_accessible(page: Firefox, report: Path, width: int):
    page.resize(width)
    try:
        opened(page, report, RED_APPLE)
        page.settled("document.querySelector('#detail .history canvas') !== null")
        page.run("document.querySelectorAll('details').forEach(d => { d.open = true })")
        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.violations() == []
    finally:
        page.resize(1280)


def test_in_the_dark_it_is_dark_and_as_accessible(report: Path, tmp_path: Path):
    with firefox(tmp_path / "profile", dark=True) as page:
        opened(page, report, RED_APPLE)
        page.settled("document.querySelector('#detail .history canvas') !== null")
        paper = page.run(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        )
        assert max(paper[:3]) < 60
        assert page.violations() == []
