"""A sweep and a library of seeds on the page: looked through, compared, picked from, kept."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldenseed.reporting import run_view, write_report
from goldenseed.review.server import ReviewServer
from goldenseed.review.session import Review
from goldenseed.runs.folder import write_run
from goldenseed.runs.record import RunRecord
from goldenseed.seeds.desk import SeedDesk
from goldenseed.seeds.opening import opened as library_at
from goldenseed.seeds.page import write_page
from goldenseed.seeds.wanted import Wanted
from tests.browser import chromium, seen_at, settled, violations
from tests.functional.test_report_in_browser import READY, TOO_WIDE, opened, press
from tests.unit.reporting.swept import LIMIT, swept

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

SHOWN = "goldenseed.shownRows.map(row => row.scores[0])"
TILE = "[...document.querySelector('.tile a').children].map(each => each.textContent)"
PICKED = "goldenseed.rows.filter(row => goldenseed.decisionOf(row)?.decision === 'accept')"
COMMANDS = "[...document.querySelectorAll('dialog[open] .command code')].map(c => c.textContent)"
STATUS = "document.querySelector('dialog[open] [role=status]').textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunRecord, Path]:
    folder = tmp_path_factory.mktemp("reports") / "sweep-20261129T080000Z-aaaa"
    record = swept(folder)
    write_run(record, folder)
    write_report(run_view(record, folder), folder)
    return record, folder


@pytest.fixture(scope="module")
def library(sweep: tuple[RunRecord, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a library that holds the sweep's first eight, one of them tagged and rated."""
    record, folder = sweep
    place = tmp_path_factory.mktemp("library")
    kept = SeedDesk(record, folder, "Zoë", str(place / "s.sqlite"), folder.parent, place, place)
    from goldenseed.review.decisions import Marked

    kept.apply([Marked.of(each, "accept", "") for each in record.cases[:8]])
    with library_at(str(place / "s.sqlite"), writing=True) as seeds:
        found = seeds.search(Wanted(), limit=100, newest=False)
        seeds.change(found[2], tags=("hero", "<b>bold</b>"), rating=5)
        again = seeds.search(Wanted(), limit=100, newest=False)
        return write_page(again, seeds, place / "page", folder.parent)


@pytest.fixture
def page(browser: Chrome, sweep: tuple[RunRecord, Path]) -> Iterator[Chrome]:
    yield opened(browser, sweep[1] / "index.html")
    browser.execute_script("localStorage.clear()")


def choose(page: Chrome, name: str, value: str) -> None:
    page.execute_script(
        "const s = document.getElementById('by-' + arguments[0]); s.value = arguments[1];"
        "s.dispatchEvent(new Event('change'))",
        name,
        value,
    )


def fill(page: Chrome, selector: str, value: str) -> None:
    page.execute_script(
        "const f = document.querySelector(arguments[0]); f.value = arguments[1];"
        "f.dispatchEvent(new Event(f.tagName === 'SELECT' ? 'change' : 'input'))",
        selector,
        value,
    )


def test_each_tile_has_seed_settings_and_scores_and_no_verdict(page: Chrome) -> None:
    assert page.execute_script(f"return {TILE}") == [
        "", "seed 0 left out", "guidance_scale 3", "sharpness 10", "skin fraction 0 %",
    ]  # fmt: skip
    words = page.execute_script("return document.body.innerText")
    assert "8 hold" in words or f"hold min_sharpness {LIMIT:g}" in words
    for judging in ("Accept", "Reject", "baseline", "fail", "worst first", " new"):
        assert judging not in words
    assert page.execute_script("return document.querySelectorAll('.badge, .filter').length") == 0


def test_images_are_sorted_limited_grouped_and_all_of_it_is_in_the_address(page: Chrome) -> None:
    choose(page, "sort", "max_sharpness")
    values = page.execute_script(f"return {SHOWN}")
    assert values == sorted(values, reverse=True)
    assert len(values) == 16
    fill(page, "[data-limit=min_sharpness]", "20")
    fill(page, "[data-limit=max_skin_fraction]", "9.5")  # in the unit in which it is shown: %
    left = page.execute_script(f"return {SHOWN}")
    assert min(left) == 20
    assert 0 < len(left) < 11
    choose(page, "by", "likeness")
    titles = "goldenseed.groups().map(group => group.title)"
    groups = {f"alike: group {number}" for number in (1, 2, 3)} | {"no likeness"}
    assert set(page.execute_script(f"return {titles}")) == groups
    choose(page, "is.guidance_scale", "7")
    again = page.execute_script(f"return {SHOWN}")
    fragment = page.execute_script("return location.hash")
    assert "limits=min_sharpness%3D20%20max_skin_fraction%3D0.095" in fragment
    opened(page, Path(page.current_url.removeprefix("file://").partition("#")[0]), fragment)
    assert page.execute_script(f"return {SHOWN}") == again
    assert page.execute_script("return document.querySelector('.limits').open")
    page.execute_script("document.getElementById('reset').click()")
    assert len(page.execute_script(f"return {SHOWN}")) == 16


def test_what_broke_a_limit_can_be_left_away(page: Chrome) -> None:
    choose(page, "kept", "yes")
    assert min(page.execute_script(f"return {SHOWN}")) >= LIMIT
    choose(page, "kept", "no")
    assert max(page.execute_script(f"return {SHOWN}")) < LIMIT


def test_tiles_are_as_large_as_one_likes_and_stay_so(page: Chrome) -> None:
    across = "document.querySelectorAll('.tile')[1].getBoundingClientRect().width"
    before = page.execute_script(f"return {across}")
    fill(page, "#tile-size", "300")
    large = page.execute_script(f"return {across}")
    assert large > 290 > before
    page.refresh()
    settled(page, READY)
    assert page.execute_script(f"return {across}") == large
    fill(page, "#tile-size", "96")
    assert page.execute_script(f"return {across}") < 130
    assert page.execute_script(f"return {TILE}")[3:] == ["sharpness 10"]


def test_picks_become_commands_that_a_shell_takes_and_survive_a_reload(
    page: Chrome, sweep: tuple[RunRecord, Path]
) -> None:
    press(page, "j")
    press(page, "a")  # the first, and on to the second
    press(page, "s")
    press(page, "a")
    for _ in range(3):
        press(page, "k")
    press(page, "a")  # once more takes it back
    assert page.execute_script(f"return {PICKED}.map(row => row.index)") == [2]
    page.refresh()
    settled(page, READY)
    press(page, "*")
    press(page, "a")
    press(page, "e")
    fill(page, "dialog[open] .said input", "red, it's <b>")
    fill(page, "dialog[open] .said select", "4")
    keep, golden = page.execute_script(f"return {COMMANDS}")
    words = shlex.split(keep)
    names = {each.id for each in sweep[0].cases}
    assert words[:4] == ["goldenseed", "seeds", "add", sweep[0].run_id]
    assert {words[at + 1] for at, word in enumerate(words) if word == "--case"} == names
    assert words[-6:] == ["--tag", "red", "--tag", "it's <b>", "--rating", "4"]
    lines = [shlex.split(line) for line in golden.split("\n")]
    assert len(lines) == 16
    assert {tuple(line[4:]) for line in lines} == {
        ("--suite", "suites/picks.suite.yaml", "--reason", "…")
    }


def test_one_image_is_zoomed_and_its_scores_stand_beside_it(page: Chrome) -> None:
    press(page, "j")
    press(page, "\n")
    settled(page, "document.querySelector('#detail .zoomed')?.textContent.startsWith('48')")
    page.execute_async_script("setTimeout(arguments[0], 20)")  # until it tells of zooming
    before = page.execute_script("return document.querySelector('.zoomed').textContent")
    press(page, "+")
    settled(page, "document.querySelector('.zoomed').textContent !== arguments[0]", before)
    words = page.execute_script("return document.getElementById('detail').innerText")
    assert "sharpness\t10\t≥ 24" in words
    assert "Left out: the image breaks a limit on its content." in words
    assert "Nothing accepted" not in words
    assert violations(page) == []


def test_three_are_compared_in_step_and_any_two_laid_over_each_other(page: Chrome) -> None:
    press(page, "j")
    press(page, "x")
    press(page, "j")
    press(page, "x")
    press(page, "j")
    press(page, "x")
    press(page, "c")
    panes = "[...document.querySelectorAll('#detail figcaption')].map(e => e.textContent)"
    settled(page, "document.querySelectorAll('#detail .pane img').length === 3")
    three = ["seed 0, guidance_scale 3", "seed 0, guidance_scale 7", "seed 1, guidance_scale 3"]
    assert page.execute_script(f"return {panes}") == three
    assert violations(page) == []
    press(page, "+")
    moved = "new Set([...document.querySelectorAll('.layer')].map(e => e.style.transform))"
    settled(page, f"{moved}.size === 1 && ![...{moved}][0].startsWith('scale(1)')")
    page.execute_script(
        "const s = document.querySelectorAll('#detail .choices select')[1]; s.value = '2';"
        "s.dispatchEvent(new Event('change'))"
    )
    press(page, "2")
    settled(page, f"{panes}.join().includes('seed 1, guidance_scale 3 on the left of the line')")
    assert "call.guidance_scale" in page.execute_script(
        "return document.querySelector('.compared').innerText"
    )
    page.refresh()
    settled(page, "document.querySelectorAll('#detail .pane img').length === 2")
    press(page, "\ue00c")
    settled(page, "document.getElementById('detail').hidden")
    assert page.execute_script("return location.hash.includes('compare')") is False


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1280, False)])
def test_both_pages_are_for_everybody(
    browser: Chrome, sweep: tuple[RunRecord, Path], library: Path, width: int, dark: bool
) -> None:
    with seen_at(browser, width, dark=dark):
        for each in (sweep[1] / "index.html", library):
            opened(browser, each)
            browser.execute_script("document.querySelector('.limits').open = true")
            assert browser.execute_script(f"return {TOO_WIDE}") == []
            assert violations(browser) == []
    browser.execute_script("goldenseed.ask(goldenseed.rows.slice(0, 2), 'accept')")
    browser.execute_script("goldenseed.showActions()")
    assert violations(browser) == []
    browser.execute_script("document.querySelector('dialog').close(); localStorage.clear()")


def test_a_library_is_searched_and_its_picks_are_tagged(browser: Chrome, library: Path) -> None:
    opened(browser, library)
    fill(browser, "#search", "HERO <b>")
    rows = browser.execute_script("return goldenseed.shownRows.map(row => row.key)")
    assert len(rows) == 1
    tile = browser.execute_script(f"return {TILE}")
    assert tile[1:5] == ["seed 1", "hero, <b>bold</b>", "a red apple", "rating 5"]
    press(browser, "j")
    press(browser, "a")
    press(browser, "e")
    assert len(browser.execute_script(f"return {COMMANDS}")) == 2  # nothing is said of it yet
    fill(browser, "dialog[open] .said select", "3")
    place = shlex.quote(str(library.parent.parent / "s.sqlite"))
    said, golden, taken = browser.execute_script(f"return {COMMANDS}")
    assert said == f"goldenseed seeds tag --library {place} {rows[0]} --rating 3"
    assert golden.startswith(f"goldenseed seeds promote --library {place} {rows[0]} --suite suites")
    assert taken == f"goldenseed seeds remove --library {place} {rows[0]}"
    browser.execute_script("document.querySelector('dialog').close()")
    browser.execute_script("goldenseed.open(goldenseed.shownRows[0])")
    settled(browser, "document.querySelector('#detail .provenance')")
    assert browser.execute_script("return document.querySelector('#detail img').naturalWidth") == 48


def test_a_review_puts_picks_into_the_library(
    browser: Chrome, sweep: tuple[RunRecord, Path], tmp_path: Path
) -> None:
    record, folder = sweep
    place = str(tmp_path / "kept.sqlite")
    review = Review(SeedDesk(record, folder, "Zoë", place, folder.parent, tmp_path, tmp_path))
    with ReviewServer(review, folder, port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            browser.get(server.link())
            settled(browser, READY)
            browser.execute_script("goldenseed.ask(goldenseed.rows.slice(3, 5), 'accept')")
            browser.execute_script("goldenseed.showActions()")
            fill(browser, "dialog[open] .said input", "hero")
            fill(browser, "dialog[open] .said select", "4")
            do = "document.querySelector('dialog[open] [aria-label^=\"Do it: put\"]')"
            browser.execute_script(f"{do}.click()")
            settled(browser, f"{STATUS}.includes('added as')")
            fill(browser, "dialog[open] .said select", "5")
            browser.execute_script(f"{do}.click()")
            settled(browser, f"{STATUS}.includes('kept as')")
            fill(browser, "dialog[open] .said label:nth-child(3) input", "../picks.suite.yaml")
            fill(browser, "dialog[open] .said label:nth-child(4) input", "the best")
            golden = "document.querySelector('dialog[open] [aria-label^=\"Do it: make\"]')"
            browser.execute_script(f"{golden}.click()")
            settled(browser, f"{STATUS}.includes('Refused')")
        finally:
            server.shutdown()
            thread.join()
    with library_at(place) as seeds:
        found = [each.seed for each in seeds.search(Wanted(), limit=10)]
    assert {each.case for each in found} == {each.id for each in record.cases[3:5]}
    assert {(each.tags, each.rating, each.made_by) for each in found} == {(("hero",), 5, "Zoë")}
