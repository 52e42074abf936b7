"""The report as a reader meets it: opened from a file, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldenseed.reporting import run_view, write_report
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Reason, Verdict
from tests.browser import chromium, requested_urls
from tests.unit.reporting.recorded import HOSTILE_PROMPTS, case, record, run, stored

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

BASELINE = case("drift").model_dump()["baseline"]
VISIBLE_CASES = """
return [...document.querySelectorAll('.case')].filter(c => c.checkVisibility()).map(c => c.id)
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run with spaces & #")
    cases = [*stored(folder).cases, *(hostile(i, p) for i, p in enumerate(HOSTILE_PROMPTS))]
    found = run(*cases, complete=False, finished=None)
    return write_report(run_view(found, folder), folder)


def hostile(index: int, text: str) -> CaseRecord:
    reason = Reason(code="gate", metric=text, value=0.5, limit=0.95, source=text, detail=text)
    return case(
        Verdict.DRIFT,
        id=f"hostile {text}"[:60],
        prompt=text,
        line=index,
        image=text,
        difference=None,
        baseline=BASELINE | {"image": "http://example.invalid/beacon.png", "profile": text},
        error=text + ".",
        reasons=(reason, Reason(code="profile_fallback", value=text, limit=text)),
        metrics={"ssim": 0.5, text: 1.0},
        limits={"min_ssim": 0.95, "max_phash_distance": 6.0},
    )


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser: Chrome, report: Path) -> Chrome:
    browser.get("about:blank")
    browser.get_log("browser")
    requested_urls(browser)
    browser.get(report.as_uri())
    return browser


def click(page: Chrome, selector: str) -> None:
    page.execute_script("document.querySelector(arguments[0]).click()", selector)


def test_no_prompt_message_or_path_runs_a_script(page: Chrome, report: Path) -> None:
    # An open alert would make each of these raise.
    assert page.title.startswith("Cut short: 14 of 21 cases fail")
    elements = page.execute_script(
        "return [...document.querySelectorAll('main script, main svg:not(.divergence > svg), "
        "[onerror], [onload]')].length"
    )
    assert elements == 0


def test_prompts_are_shown_as_they_were_written(page: Chrome) -> None:
    shown = page.execute_script(
        "return [...document.querySelectorAll('.prompt bdi')].map(p => p.textContent)"
    )
    assert set(HOSTILE_PROMPTS[:4]) <= set(shown)


def test_the_console_stays_clean(page: Chrome) -> None:
    assert page.get_log("browser") == []


def test_nothing_is_requested_but_files_of_the_run(page: Chrome, report: Path) -> None:
    page.execute_script("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
    page.set_script_timeout(20)
    page.execute_async_script(
        "const done = arguments[0];"
        "Promise.all([...document.querySelectorAll('main img')].map(i => i.decode()))"
        ".then(() => done())"
    )
    folder = report.parent.as_uri()
    urls = requested_urls(page)
    assert len(urls) > 1
    assert [url for url in urls if not url.startswith(folder)] == []


def test_every_picture_of_the_record_is_there(page: Chrome) -> None:
    page.execute_script("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
    sizes = page.execute_async_script(
        "const done = arguments[0]; const images = [...document.querySelectorAll('main img')];"
        "Promise.all(images.map(i => i.decode())).then("
        "() => done(images.map(i => [i.naturalWidth, +i.getAttribute('width')])))"
    )
    assert sizes
    assert all(natural == declared for natural, declared in sizes)


def test_a_pressed_verdict_leaves_only_its_cases(page: Chrome) -> None:
    click(page, "[data-verdict=warn].filter")
    assert page.execute_script(VISIBLE_CASES) == ["moved.loose-3"]


def test_a_filter_says_whether_it_is_pressed(page: Chrome) -> None:
    state = (
        "return document.querySelector('[data-verdict=new].filter').getAttribute('aria-pressed')"
    )
    before = page.execute_script(state)
    click(page, "[data-verdict=new].filter")
    assert (before, page.execute_script(state)) == ("false", "true")


def test_filters_work_with_the_keyboard(page: Chrome) -> None:
    from selenium.webdriver.common.by import By

    page.find_element(By.CSS_SELECTOR, "[data-verdict=error].filter").send_keys(" ")
    assert page.execute_script(VISIBLE_CASES) == ["moved.odd-7"]


def test_the_search_looks_at_ids_and_prompts(page: Chrome) -> None:
    from selenium.webdriver.common.by import By

    page.find_element(By.ID, "search").send_keys("YELLOW cat")
    assert page.execute_script(VISIBLE_CASES) == ["moved.odd-7"]


def test_a_search_without_result_says_so(page: Chrome) -> None:
    from selenium.webdriver.common.by import By

    page.find_element(By.ID, "search").send_keys("zebra")
    assert page.find_element(By.ID, "nothing").is_displayed()


@pytest.mark.parametrize("fragment", ["steady.table-red-1-6d5e4a", "table-red-1-6d5e4a"])
def test_a_link_to_a_folded_case_opens_it_whatever_is_filtered(page: Chrome, fragment: str) -> None:
    click(page, "[data-verdict=new].filter")
    page.execute_script("location.hash = arguments[0]", fragment)
    opened = page.execute_async_script(
        "requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]("
        "[...document.querySelectorAll('details.tile[open]')].map(d => d.id))))"
    )
    assert opened == ["steady.table-red-1-6d5e4a"]


@pytest.mark.parametrize(("count", "words"), [(1, "1 case"), (2, "2 cases")])
def test_a_number_of_cases_agrees_with_its_noun(
    browser: Chrome, tmp_path: Path, count: int, words: str
) -> None:
    browser.get(write_report(run_view(run(*[case()] * count)), tmp_path).as_uri())
    assert browser.execute_script("return document.getElementById('shown').textContent") == words


def test_a_link_to_a_case_brings_it_into_view(page: Chrome, report: Path) -> None:
    page.get("about:blank")
    page.get(report.as_uri() + "#moved.loose-3")
    top = page.execute_async_script(
        "const done = arguments[0]; setTimeout(() => done("
        "document.getElementById('moved.loose-3').getBoundingClientRect().top), 300)"
    )
    assert 0 <= top < page.execute_script("return innerHeight")


def test_holding_b_swaps_the_current_image_for_the_baseline(page: Chrome) -> None:
    click(page, ".compare")
    caption = "return document.getElementById('stage-caption').textContent"
    key = (
        "document.getElementById('blink').dispatchEvent("
        "new KeyboardEvent(arguments[0], {key: 'b', bubbles: true}))"
    )
    before = page.execute_script(caption)
    page.execute_script(key, "keydown")
    during = page.execute_script(caption)
    page.execute_script(key, "keyup")
    assert (during, page.execute_script(caption)) == ("Baseline", before)


def test_small_pictures_are_compared_with_their_pixels_in_sight(page: Chrome) -> None:
    click(page, ".compare")
    rendering = page.execute_async_script(
        "const done = arguments[0]; const image = document.getElementById('stage-current');"
        "image.decode().then(() => requestAnimationFrame(() => done("
        "[getComputedStyle(image).imageRendering, image.offsetWidth % image.naturalWidth])))"
    )
    assert rendering == ["pixelated", 0]


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_is_never_wider_than_the_window(page: Chrome, width: int) -> None:
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        overflowing = page.execute_script(
            "for (const card of document.querySelectorAll('.case'))"
            "  card.style.contentVisibility = 'visible';"
            "return [...document.querySelectorAll('main, main *:not(.unseen, .unseen *)')].filter("
            "e => e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML.slice(0, 90))"
        )
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert overflowing == []


def test_nothing_is_hidden_from_readers_without_scripts(page: Chrome, report: Path) -> None:
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.get(report.as_uri())
        nodes = page.execute_cdp_cmd(
            "Runtime.evaluate",
            {"expression": "document.documentElement.className", "returnByValue": True},
        )
        from selenium.webdriver.common.by import By

        hidden = [
            card.get_attribute("id")
            for card in page.find_elements(By.CSS_SELECTOR, ".case")
            if not card.is_displayed()
        ]
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert (nodes["result"]["value"], hidden) == ("", [])


def test_copying_gives_the_command_as_it_is_typed(page: Chrome) -> None:
    page.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
    )
    click(page, ".copy")
    copied = page.execute_async_script(
        "const done = arguments[0];"
        "setTimeout(() => navigator.clipboard.readText().then(done, e => done(String(e))), 100)"
    )
    assert copied == (
        f"goldenseed accept {record().run_id} 'moved::red-apple[seed=1024]' --reason \"…\""
    )
