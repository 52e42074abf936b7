"""The report as a reader meets it: opened from a file, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from typer.testing import CliRunner

from goldenseed.cli.main import app
from goldenseed.reporting import run_view, write_report
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Reason, Verdict
from tests.browser import chromium, requested_urls, seen_at, settled, violations
from tests.unit.reporting.recorded import HOSTILE_PROMPTS, case, record, run, stored

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

BASELINE = case("drift").model_dump()["baseline"]
TILES = "[...document.querySelectorAll('.tile a')].map(a => a.querySelector('.name').textContent)"
READY = "document.documentElement.dataset.ready === 'true'"
TOO_WIDE = (
    "[...document.querySelectorAll('body *:not(.unseen, .unseen *, .pane *)')].filter(e => "
    "e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 0.5)"
    ".map(e => e.outerHTML.slice(0, 90))"
)
OPEN = "document.querySelector('#detail .case-head h1')?.textContent"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run with spaces & #")
    cases = [*stored(folder).cases, *(hostile(i, p) for i, p in enumerate(HOSTILE_PROMPTS))]
    found = run(*cases, complete=False, finished=None, environment=record().environment)
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
        baseline=BASELINE
        | {
            "image": "http://example.invalid/beacon.png",
            "profile": text,
            "accepted_by": text,
            "reason": text,
        },
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
    return opened(browser, report)


def opened(browser: Chrome, report: Path, fragment: str = "") -> Chrome:
    browser.get("about:blank")
    browser.get(report.as_uri() + fragment)
    settled(browser, READY)
    return browser


def press(page: Chrome, keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(page).send_keys(keys).perform()


def click(page: Chrome, selector: str) -> None:
    page.execute_script("document.querySelector(arguments[0]).click()", selector)


def open_case(page: Chrome, anchor: str) -> None:
    page.execute_script("location.hash = arguments[0]", anchor)
    settled(page, "document.querySelector('#detail:not([hidden]) .provenance') !== null")


def anchors(page: Chrome) -> list[str]:
    return page.execute_script("return goldenseed.rows.map(row => row.anchor)")


def test_no_prompt_message_or_path_runs_a_script(page: Chrome) -> None:
    # An open alert would make each of these raise.
    elements = "document.querySelectorAll('#detail script, #grid script, [onerror], [onload]')"
    for anchor in anchors(page):
        open_case(page, anchor)
        assert page.execute_script(f"return {elements}.length") == 0
    assert page.title.startswith("Cut short: 14 of 21 cases fail")
    assert page.get_log("browser") == []


def test_prompts_are_shown_as_they_were_written(page: Chrome) -> None:
    shown = set()
    for anchor in anchors(page):
        open_case(page, anchor)
        shown.add(page.execute_script("return document.querySelector('.prompt bdi').textContent"))
    assert set(HOSTILE_PROMPTS[:4]) <= shown
    assert any("left ⟨U+202E⟩to right⟨U+202C⟩ ⟨U+001B⟩[31m" in prompt for prompt in shown)


def test_nothing_is_requested_but_files_of_the_run(page: Chrome, report: Path) -> None:
    for anchor in anchors(page):
        open_case(page, anchor)
    urls = requested_urls(page)
    assert len(urls) > 3
    folder = report.parent.as_uri()
    assert [url for url in urls if not url.startswith((folder, "data:image/png;base64,"))] == []


def test_every_picture_that_is_shown_is_there(page: Chrome) -> None:
    images = "[...document.querySelectorAll('#grid img')]"
    settled(page, f"{images}.every(i => i.complete)")
    assert page.execute_script(f"return {images}.filter(i => !i.naturalWidth).length") == 0
    assert page.execute_script(f"return {images}.length") > 2


def test_a_pressed_verdict_leaves_only_its_cases_and_says_so(page: Chrome) -> None:
    from selenium.webdriver.common.by import By

    button = page.find_element(By.CSS_SELECTOR, "[data-verdict=warn].filter")
    button.send_keys(" ")
    assert page.execute_script(f"return {TILES}") == ["moved::loose[seed=3]"]
    assert button.get_attribute("aria-pressed") == "true"
    assert page.execute_script("return document.getElementById('shown').textContent") == (
        "1 of 21 cases"
    )


def test_filter_search_sort_and_group_stand_in_the_address_and_survive_a_reload(
    page: Chrome,
) -> None:
    click(page, "[data-verdict=drift].filter")
    for name, value in (("sort", "name"), ("by", "none")):
        page.execute_script(
            "const s = document.getElementById(arguments[0]); s.value = arguments[1];"
            "s.dispatchEvent(new Event('change'))",
            f"by-{name}",
            value,
        )
    press(page, "/red apple")
    expected = ["moved::red-apple[seed=7]", "moved::red-apple[seed=1024]"]
    assert page.execute_script(f"return {TILES}") == expected
    address = page.execute_script("return location.hash")
    assert address == "#&verdict=drift&q=red%20apple&sort=name&by=none"
    page.refresh()
    settled(page, READY)
    assert page.execute_script(f"return {TILES}") == expected
    assert page.execute_script("return document.getElementById('search').value") == "red apple"


def test_a_search_without_result_says_so_and_leads_back(page: Chrome) -> None:
    press(page, "/zebra")
    assert page.execute_script("return document.getElementById('nothing').checkVisibility()")
    click(page, "#reset")
    assert len(page.execute_script(f"return {TILES}")) > 5


def test_cases_of_one_cause_stand_together(page: Chrome) -> None:
    heads = page.execute_script(
        "return [...document.querySelectorAll('.group-head h2')].map(h => h.textContent)"
    )
    title = "Moved at denoising step 1, likely cause: denoiser weights: unet (0.85)"
    assert any(head.startswith(f"{title} ") for head in heads)


@pytest.mark.parametrize("fragment", ["steady.table-red-1-6d5e4a", "table-red-1-6d5e4a"])
def test_a_link_to_a_case_opens_it_whatever_is_filtered(page: Chrome, fragment: str) -> None:
    click(page, "[data-verdict=new].filter")
    open_case(page, fragment)
    assert page.execute_script(f"return {OPEN}") == "steady::table[red,seed=1]"
    top = page.execute_script("return document.querySelector('.case-head').getBoundingClientRect()")
    bar = page.execute_script("return document.querySelector('.case-bar').getBoundingClientRect()")
    assert bar["bottom"] <= top["top"] < 200


def test_the_keyboard_goes_through_the_cases_and_back(page: Chrome) -> None:
    from selenium.webdriver.common.keys import Keys

    press(page, "jj")
    press(page, Keys.ENTER)
    settled(page, OPEN)
    second = page.execute_script(f"return {OPEN}")
    press(page, "j")
    settled(page, f"{OPEN} !== arguments[0]", second)
    press(page, "k")
    settled(page, f"{OPEN} === arguments[0]", second)
    press(page, Keys.ESCAPE)
    assert page.execute_script("return document.getElementById('detail').hidden")
    focused = "return document.activeElement.querySelector('.name').textContent"
    assert page.execute_script(focused) == second


def test_back_leads_from_a_case_to_all_cases(page: Chrome) -> None:
    click(page, ".tile a")
    settled(page, OPEN)
    page.back()
    settled(page, "document.getElementById('detail').hidden")


def test_keys_can_be_switched_off(page: Chrome) -> None:
    press(page, "?")
    click(page, "#help input")
    click(page, "#help .buttons button")
    press(page, "j")
    off = page.execute_script("return document.activeElement.closest('#grid')")
    page.execute_script("localStorage.clear()")
    assert off is None


@pytest.mark.parametrize(("count", "words"), [(1, "1 case"), (2, "2 cases")])
def test_a_number_of_cases_agrees_with_its_noun(
    browser: Chrome, tmp_path: Path, count: int, words: str
) -> None:
    opened(browser, write_report(run_view(run(*[case()] * count)), tmp_path))
    assert browser.execute_script("return document.getElementById('shown').textContent") == words


def test_what_the_details_show_is_what_the_record_has(page: Chrome) -> None:
    open_case(page, "moved.red-apple-1024")
    text = page.execute_script("return document.getElementById('detail').textContent")
    for words in (
        "a red apple", "ssim 0.9781 < min_ssim 0.9999", "limit from: suite",
        "More than rounding can do: 5 of 5 measurements are beyond it",
        "Likely cause: denoiser weights: unet (0.85)", "First divergence: denoising step 1 of 4",
        "2026-11-28 11:14 UTC", "pytest 'moved.suite.yaml::red-apple[seed=1024]'",
        "--golden-trace=deep",
        "goldenseed bisect moved.suite.yaml --case 'red-apple[seed=1024]'",
        "num_inference_steps", "diffusers0.41.00.42.1yes",
    ):  # fmt: skip
        assert words in text
    limits = page.execute_script("return document.querySelectorAll('.curve .limit').length")
    assert limits == 5


@pytest.mark.parametrize("width", [360, 400, 768, 1000, 1400])
@pytest.mark.parametrize("anchor", ["", "moved.red-apple-1024"])
def test_the_page_is_never_wider_than_the_window(page: Chrome, width: int, anchor: str) -> None:
    with seen_at(page, width):
        if anchor:
            open_case(page, anchor)
            page.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
        settled(page, f"{TOO_WIDE}.length === 0", seconds=2)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1400, 400])
def test_axe_finds_no_violation(page: Chrome, width: int, dark: bool) -> None:
    found = {}
    with seen_at(page, width, dark=dark):
        found["grid"] = violations(page)
        press(page, "jx?")
        found["keys"] = violations(page)
        click(page, "#help .buttons button")
        open_case(page, "moved.red-apple-1024")
        page.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
        for view in "123456":
            press(page, view)
            settled(page, "!document.querySelector('.panes figcaption').textContent.includes('…')")
            found[f"view {view}"] = violations(page)
        press(page, "a")
        found["reason"] = violations(page)
    assert {state: lines for state, lines in found.items() if lines} == {}


def without_scripts(page: Chrome, report: Path) -> dict[str, object]:
    """Open a page with scripts off; they are off for the driver's own as well."""
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.get(report.as_uri())
        expression = (
            "JSON.stringify({ids: [...document.querySelectorAll('article.case')]"
            ".filter(a => a.checkVisibility()).map(a => a.id),"
            "js: document.documentElement.className,"
            "buttons: [...document.querySelectorAll('button')]"
            ".filter(b => b.checkVisibility()).length,"
            "text: document.querySelector('main').innerText})"
        )
        nodes = page.execute_cdp_cmd(
            "Runtime.evaluate", {"expression": expression, "returnByValue": True}
        )
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    return json.loads(nodes["result"]["value"])


def test_readers_without_scripts_see_every_case_and_no_dead_button(
    page: Chrome, report: Path
) -> None:
    expected = anchors(page)
    found = without_scripts(page, report)
    assert (found["js"], found["buttons"]) == ("", 0)
    assert sorted(found["ids"]) == sorted(expected)
    assert "Likely cause: denoiser weights: unet (0.85)" in found["text"]


def test_copying_gives_the_command_as_it_is_typed(page: Chrome) -> None:
    page.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
    )
    open_case(page, "moved.red-apple-1024")
    click(page, ".command button")
    copied = page.execute_async_script(
        "const done = arguments[0];"
        "setTimeout(() => navigator.clipboard.readText().then(done, e => done(String(e))), 100)"
    )
    assert copied == (
        f"goldenseed accept {record().run_id} 'moved::red-apple[seed=1024]' --reason \"…\""
    )


def test_details_beside_the_page_are_loaded_when_they_are_asked_for(
    browser: Chrome, tmp_path: Path
) -> None:
    many = run(*(case("drift", id=f"c{n}[seed={n}]", metrics={"ssim": 0.5}) for n in range(300)))
    report = write_report(run_view(many), tmp_path)
    opened(browser, report)
    requested_urls(browser)
    open_case(browser, "moved.c260-260")
    assert [url.rpartition("/")[2] for url in requested_urls(browser)] == ["cases-005.js"]
    (tmp_path / "data" / "cases-003.js").unlink()
    browser.execute_script("location.hash = 'moved.c160-160'")
    settled(browser, "document.querySelector('#detail .alarm')?.textContent.includes('missing')")


def test_only_tiles_in_sight_are_in_the_document(browser: Chrome, tmp_path: Path) -> None:
    many = run(*(case("drift", id=f"c{n}[seed={n}]") for n in range(600)))
    opened(browser, write_report(run_view(many), tmp_path))
    assert 0 < browser.execute_script("return document.querySelectorAll('.tile').length") < 80
    browser.execute_script("scrollTo(0, document.body.scrollHeight)")
    settled(browser, f"{TILES}.at(-1) === 'moved::c599[seed=599]'")


def test_a_page_by_itself_shows_its_pictures(browser: Chrome, tmp_path: Path) -> None:
    made, alone = tmp_path / "made", tmp_path / "alone"
    view = run_view(stored(made), made)
    alone.mkdir()
    (alone / "report.html").write_bytes(write_report(view, made, single=True).read_bytes())
    opened(browser, alone / "report.html", "#moved.red-apple-1024&view=difference")
    settled(
        browser, "[...document.querySelectorAll('.pane img')].every(i => i.naturalWidth === 32)"
    )
    press(browser, "5")
    settled(browser, "document.querySelector('.panes figcaption').textContent.startsWith('FLIP: ')")


def test_what_is_printed_is_what_is_shown_with_its_recipe(page: Chrome) -> None:
    click(page, "[data-verdict=warn].filter")
    page.execute_script("dispatchEvent(new Event('beforeprint'))")
    text = page.execute_script("return document.getElementById('sheet').textContent")
    assert "loose[seed=3]" in text
    assert "num_inference_steps" in text
    assert "red-apple" not in text
    page.execute_script("dispatchEvent(new Event('afterprint'))")


def test_the_pages_own_button_prints_the_environment_too_and_folds_it_again(page: Chrome) -> None:
    page.execute_script("window.print = () => { dispatchEvent(new Event('beforeprint')) }")
    click(page, "#print")
    settled(page, "document.getElementById('environment').open")
    assert "loose[seed=3]" in page.execute_script(
        "return document.getElementById('sheet').textContent"
    )
    page.execute_script("dispatchEvent(new Event('afterprint'))")
    assert not page.execute_script("return document.getElementById('environment').open")
    assert page.execute_script("return document.getElementById('sheet').childElementCount") == 0


@pytest.fixture
def compared(tmp_path: Path) -> Path:
    """The page of ``goldenseed compare`` on two folders with a hostile name."""
    for folder, level in (("a", 20), ("b", 60)):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (16, 16), (10, 20, 30)).save(tmp_path / folder / "same.png")
        Image.new("RGB", (16, 16), (10, level, 30)).save(tmp_path / folder / "<b>far #1.png")
    folders = [str(tmp_path / each) for each in ("a", "b")]
    done = CliRunner().invoke(app, ["compare", *folders, "--report", str(tmp_path / "report")])
    assert done.exit_code == 1, done.output
    return tmp_path / "report/index.html"


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (400, True)])
def test_what_a_verb_found_is_shown_on_the_same_page_and_decided_nowhere(
    browser: Chrome, compared: Path, width: int, *, dark: bool
):
    with seen_at(browser, width, dark=dark):
        page = opened(browser, compared)
        assert page.execute_script(f"return {TOO_WIDE}") == []
        assert violations(page) == []
        text = page.execute_script("return document.body.innerText")
        assert "2 pairs: 1 identical, 1 beyond gate" in text
        assert "max_peak_difference 1 (default)" in text
        assert "Beyond a gate" in text
        click(page, ".tile a")
        assert "<b>far #1.png" in str(settled(page, OPEN))
        shown = page.execute_script("return document.querySelector('#detail').innerText")
        assert "goldenseed accept" not in shown
        assert "goldenseed reject" not in shown
        assert [each for each in page.get_log("browser") if each["level"] == "SEVERE"] == []


def test_strings_of_100_kb_are_shown_as_text_and_widen_nothing(
    browser: Chrome, tmp_path: Path
) -> None:
    long = "<b>&" + "y" * 100_000
    record = run(
        case("drift", id=long, prompt=long, error=long, suite=f"s{long}"),
        case("error", id="other", error=long),
        environment={"key": long, long: "value"},
    )
    page = opened(browser, write_report(run_view(record), tmp_path))
    settled(page, f"{TOO_WIDE}.length === 0", seconds=2)
    page.execute_script("goldenseed.open(goldenseed.rows[0])")
    settled(page, "document.querySelector('.prompt bdi')")
    shown = "return document.querySelector('.prompt bdi').textContent"
    assert page.execute_script(shown) == long
    assert page.execute_script("return document.querySelectorAll('main b').length") == 0
    settled(page, f"{TOO_WIDE}.length === 0", seconds=2)
