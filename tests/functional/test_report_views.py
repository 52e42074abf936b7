"""Looking at one case: six views, zoomed in step, down to the values of single pixels."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from goldenseed.images.measure import measure
from goldenseed.reporting import run_view, write_report
from tests.browser import chromium, settled
from tests.drifted_pictures import SIDE, drifted, drifted_cases, pictures
from tests.unit.reporting.recorded import run

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

CAPTION = "document.querySelector('.panes figcaption').textContent"
READOUT = "document.querySelector('.readout').textContent"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("views")
    return write_report(run_view(run(*drifted_cases(folder)), folder), folder)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


def look(browser: Chrome, report: Path, name: str, view: str) -> Chrome:
    browser.get("about:blank")
    browser.get(f"{report.as_uri()}#moved.{name}-1&view={view}")
    settled(
        browser,
        "document.querySelector('.pane') && [...document.querySelectorAll('.pane img')]"
        ".every(i => i.complete && i.naturalWidth)",
    )
    return browser


def press(page: Chrome, keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(page).send_keys(keys).perform()


def shown(page: Chrome) -> np.ndarray:
    """The picture of the first pane as the browser draws it, one sample a pixel."""
    box = page.execute_script(
        "const b = document.querySelector('.layer').getBoundingClientRect();"
        "return [b.left + scrollX, b.top + scrollY, b.width, b.height]"
    )
    clip = dict(zip(("x", "y", "width", "height"), box, strict=True), scale=1)
    data = page.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})["data"]
    image = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    step = image.width // SIDE
    return np.asarray(image)[step // 2 :: step, step // 2 :: step][:SIDE, :SIDE]


def test_the_keys_1_to_6_choose_the_view_and_say_which_side_is_which(
    browser: Chrome, report: Path
) -> None:
    page = look(browser, report, "moved", "side")
    said = []
    for key in "123456":
        press(page, key)
        settled(page, f"!{CAPTION}.includes('…')")
        said.append(page.execute_script(f"return {CAPTION}"))
    assert [words.split(" ")[0] for words in said] == [
        "Baseline", "Current", "Current", "Difference", "FLIP:", "1",
    ]  # fmt: skip
    assert page.execute_script("return location.hash").endswith("view=ssim")


def test_side_by_side_shows_the_accepted_image_on_the_left(browser: Chrome, report: Path) -> None:
    page = look(browser, report, "moved", "side")
    assert np.array_equal(shown(page), np.asarray(pictures()[0]))


def test_a_difference_of_one_level_in_one_pixel_is_white(browser: Chrome, report: Path) -> None:
    page = look(browser, report, "faint", "difference")
    seen = shown(page)
    assert seen[40, 30].tolist() == [255, 0, 0]
    assert seen.sum() == 255
    assert page.execute_script(f"return {CAPTION}") == (
        "Difference of baseline and current × 255: one level shows as 255 of 255"  # noqa: RUF001
    )


def test_a_large_difference_leaves_one_level_in_sight(browser: Chrome, report: Path) -> None:
    page = look(browser, report, "moved", "difference")
    words = page.execute_script(f"return {CAPTION}")
    assert "× 32: one level shows as 32 of 255, 8 levels or more as full" in words  # noqa: RUF001
    accepted, _, moved = (np.asarray(each, int) for each in pictures())
    assert np.array_equal(shown(page), np.minimum(np.abs(accepted - moved) * 32, 255))


def test_the_difference_is_shown_absolute_or_above_a_threshold(
    browser: Chrome, report: Path
) -> None:
    page = look(browser, report, "moved", "difference")
    accepted, _, moved = (np.asarray(each, int) for each in pictures())
    distance = np.abs(accepted - moved)
    page.execute_script("document.querySelectorAll('.controls button')[0].click()")
    assert np.array_equal(shown(page), distance)
    page.execute_script(
        "const t = document.querySelector('.controls input[type=number]'); t.value = 20;"
        "t.dispatchEvent(new Event('input'))"
    )
    assert np.array_equal(shown(page), np.where(distance > 20, 255, 0))


def test_the_slider_wipes_and_fades_from_baseline_to_current(browser: Chrome, report: Path) -> None:
    page = look(browser, report, "moved", "slider")
    accepted, _, moved = map(np.asarray, pictures())
    half = shown(page)
    assert np.array_equal(half[:, :46], moved[:, :46])
    assert np.array_equal(half[:, 50:], accepted[:, 50:])
    slide = (
        "const r = document.querySelector('.controls input[type=range]'); r.value = arguments[0];"
        "r.dispatchEvent(new Event('input'))"
    )
    page.execute_script(slide, 0)
    assert np.array_equal(shown(page), accepted)
    assert page.execute_script(f"return {CAPTION}") == "Baseline"
    page.execute_script("document.querySelector('.controls input[type=checkbox]').click()")
    page.execute_script(slide, 50)
    mixed = (accepted.astype(int) + moved) / 2
    assert np.abs(shown(page) - mixed).max() <= 2


def test_blink_swaps_the_whole_image(browser: Chrome, report: Path) -> None:
    page = look(browser, report, "moved", "blink")
    accepted, _, moved = map(np.asarray, pictures())
    assert np.array_equal(shown(page), moved)
    press(page, " ")
    assert np.array_equal(shown(page), accepted)
    assert page.execute_script(f"return {CAPTION}") == "Baseline (accepted)"


@pytest.mark.parametrize(("view", "metric"), [("flip", "flip"), ("ssim", "ssim")])
def test_the_maps_computed_in_the_browser_are_the_metrics_own(
    browser: Chrome, report: Path, view: str, metric: str
) -> None:
    page = look(browser, report, "moved", view)
    settled(page, f"{CAPTION}.includes('(mean ')")
    plane = page.execute_async_script(
        "const done = arguments[0], row = goldenseed.opened;"
        "goldenseed.details(row).then(d => goldenseed.pixels(row, d)).then("
        f"both => done([...goldenseed.{view}Map(both)]))"
    )
    found = np.asarray(plane).reshape(SIDE, SIDE)
    accepted, _, moved = pictures()
    expected = measure(moved, accepted, [metric])[metric]
    if metric == "ssim":
        assert 1 - found[5:-5, 5:-5].mean() == pytest.approx(expected, abs=1e-5)
    else:
        assert found.mean() == pytest.approx(expected, abs=1e-4)


def test_zoom_goes_to_single_pixels_in_both_panes_and_stays_from_view_to_view(
    browser: Chrome, report: Path
) -> None:
    page = look(browser, report, "faint", "side")
    for _ in range(6):
        press(page, "+")
    boxes = (
        "[...document.querySelectorAll('.layer')].map(l => {"
        "const b = l.getBoundingClientRect(), p = l.parentElement.getBoundingClientRect();"
        "return [b.left - p.left, b.top - p.top, b.width, b.height].map(Math.round)})"
    )
    alike = f"(([a, b]) => String(a) === String(b) && a[2] > {SIDE * 30} && a)({boxes})"
    left = settled(page, alike)
    page.execute_script(
        "const p = document.querySelectorAll('.pane')[1], b = p.getBoundingClientRect();"
        "const at = (x) => ({clientX: b.left + x, clientY: b.top + 80, bubbles: true, pointerId: 1,"
        "buttons: 1, isPrimary: true});"
        "p.querySelector('.layer').dispatchEvent(new PointerEvent('pointerdown', at(90)));"
        "document.dispatchEvent(new PointerEvent('pointermove', at(150)));"
        "document.dispatchEvent(new PointerEvent('pointerup', at(150)))"
    )
    settled(page, f"Math.abs({alike}[0] - arguments[0] - 60) <= 2", left[0])
    scale = page.execute_script("return document.querySelector('.zoomed').textContent")
    press(page, "2")
    assert page.execute_script("return document.querySelector('.zoomed').textContent") == scale
    press(page, "0")
    settled(page, "document.querySelector('.zoomed').textContent !== arguments[0]", scale)


def test_the_pixel_under_the_pointer_is_read_in_both_images(browser: Chrome, report: Path) -> None:
    page = look(browser, report, "faint", "side")
    page.execute_script(
        "const p = document.querySelectorAll('.pane')[1];"
        "const b = p.querySelector('.layer').getBoundingClientRect();"
        "p.dispatchEvent(new PointerEvent('pointermove', {bubbles: true,"
        f"clientX: b.left + b.width * 30.5 / {SIDE}, clientY: b.top + b.height * 40.5 / {SIDE}}}))"
    )
    settled(page, f"{READOUT}.startsWith('x 30')")
    assert page.execute_script(f"return {READOUT}") == (
        "x 30, y 40: baseline 60 80 70, current 61 80 70, change +1 0 0"
    )


def test_the_arrow_keys_go_from_pixel_to_pixel(browser: Chrome, report: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    page = look(browser, report, "faint", "side")
    page.execute_script("document.querySelector('.stage').focus()")
    press(page, Keys.ARROW_LEFT)
    settled(page, f"{READOUT}.startsWith('x 47, y 48: baseline 94 96 95')")


def test_the_histogram_counts_what_differs_by_how_much(browser: Chrome, report: Path) -> None:
    page = look(browser, report, "faint", "side")
    page.execute_script(
        "[...document.querySelectorAll('summary')].find(s => s.textContent === 'Histogram').click()"
    )
    settled(page, "document.querySelector('.differences')")
    rows = page.execute_script(
        "return [...document.querySelectorAll('.differences td:first-of-type')]"
        ".map(cell => cell.textContent)"
    )
    assert rows[:3] == [f"{SIDE * SIDE - 1:,}", "1", "0"]


def test_where_the_bytes_are_left_out_the_page_says_so(
    browser: Chrome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goldenseed.reporting.page_parts.PIXELS_BYTES", 0)
    accepted, _, moved = pictures()
    found = run(drifted(tmp_path, "moved", moved, accepted))
    page = look(browser, write_report(run_view(found, tmp_path), tmp_path), "moved", "flip")
    settled(page, f"{CAPTION}.includes('goldenseed review')")
    press(page, "4")
    distance = np.abs(np.asarray(accepted, int) - np.asarray(moved, int))
    settled(page, "[...document.querySelectorAll('.pane img')].every(i => i.naturalWidth)")
    assert np.array_equal(shown(page), np.minimum(distance * 32, 255))


def test_the_data_are_json_that_a_program_can_read(report: Path) -> None:
    text = (report.parent / "data" / "pixels-000.js").read_text()
    assert json.loads(text.partition(",")[2].rstrip().removesuffix(");"))
