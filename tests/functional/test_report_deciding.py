"""Deciding on the page: with few keys, by group or selection, kept and exported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldenseed.core.files import read_json
from goldenseed.reporting import run_view, write_report
from goldenseed.review.decisions import read_decisions
from goldenseed.runs.record import CaseRecord, RunRecord
from tests.browser import chromium, downloaded, settled
from tests.unit.reporting.recorded import case, run, stored

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

DECIDED = "[...goldenseed.decided().values()]"


def forty() -> RunRecord:
    """Forty cases as a bad day brings them: six things befell them."""
    counts = {"drift": 14, "warn": 6, "incomparable": 7, "new": 8, "error": 2, "match": 3}
    made: list[CaseRecord] = []
    for verdict, count in counts.items():
        for number in range(count):
            digest = f"{len(made):064x}"
            made.append(
                case(
                    verdict,
                    id=f"{verdict}-{number}[seed={number}]",
                    pixels_sha256=None if verdict == "error" else digest,
                )
            )
    return run(*made)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


def opened(browser: Chrome, report: Path) -> Chrome:
    browser.get("about:blank")
    browser.get(report.as_uri())
    settled(browser, "document.documentElement.dataset.ready")
    return browser


@pytest.fixture
def page(browser: Chrome, tmp_path: Path) -> Iterator[Chrome]:
    yield opened(browser, write_report(run_view(stored(tmp_path), tmp_path), tmp_path))
    browser.execute_script("localStorage.clear()")


def press(page: Chrome, keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(page).send_keys(keys).perform()


def decide(page: Chrome, key: str, reason: str) -> None:
    before = page.execute_script("return goldenseed.decided().size")
    press(page, key)
    settled(page, "document.querySelector('dialog[open] #reason')")
    press(page, f"{reason}\n")
    settled(page, "goldenseed.decided().size > arguments[0]", before)


def decisions(page: Chrome) -> dict[str, tuple[str, str]]:
    found = page.execute_script(
        "return [...goldenseed.decided()].map("
        "([index, d]) => [goldenseed.rows[index].id, d.decision, d.reason])"
    )
    return {name: (decision, reason) for name, decision, reason in found}


def exported(page: Chrome, folder: Path) -> Path:
    behaviour = {"behavior": "allow", "downloadPath": str(folder), "eventsEnabled": True}
    page.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    press(page, "e")
    return downloaded(folder / "decisions.json")


def test_forty_mixed_cases_take_under_twenty_keys_beside_the_reasons(
    browser: Chrome, tmp_path: Path
) -> None:
    record = forty()
    page = opened(browser, write_report(run_view(record), tmp_path))
    keys = 0

    def pressed(key: str, reason: str = "") -> None:
        nonlocal keys
        keys += len(key) + bool(reason)  # Enter ends a reason
        decide(page, key, reason) if reason else press(page, key)

    pressed("j")
    pressed("A", "the new weights are meant")  # moved at one stage for one cause: drift and warn
    pressed("A", "three steps are enough now")  # incomparable
    pressed("a", "one by itself")  # of the new ones the first
    pressed("R", "not what was asked for")  # and the others
    pressed("A", "rounding of the new machine")
    pressed("e")
    found = decisions(page)
    decidable = {each.id for each in record.cases if each.verdict != "error"}
    assert set(found) == decidable
    assert keys == 12
    file = exported(page, tmp_path)
    applied = read_decisions(file)
    assert applied.run == record.run_id
    assert {each.case: (each.decision, each.reason) for each in applied.decisions} == found
    assert {each.case: each.pixels_sha256 for each in applied.decisions} == {
        each.id: each.pixels_sha256 for each in record.cases if each.id in decidable
    }
    page.execute_script("localStorage.clear()")


def test_a_decision_wants_a_reason_and_a_skip_does_not(page: Chrome) -> None:
    press(page, "ja")
    settled(page, "document.querySelector('dialog[open] #reason')")
    press(page, "  \n")
    assert page.execute_script("return document.querySelector('dialog[open]') !== null")
    press(page, "\ue00c")  # Esc
    press(page, "s")
    assert list(decisions(page).values()) == [("skip", "")]


def test_what_is_selected_is_decided_together(page: Chrome) -> None:
    press(page, "jxjx")
    settled(page, "document.querySelector('#deck').textContent.includes('2 selected')")
    decide(page, "r", "blurred")
    assert list(decisions(page).values()) == [("reject", "blurred")] * 2
    assert page.execute_script("return goldenseed.selection.size") == 0


def test_what_cannot_be_accepted_is_left_out_and_that_is_said(page: Chrome) -> None:
    press(page, "*a")
    settled(page, "document.querySelector('dialog[open] #reason')")
    words = page.execute_script("return document.querySelector('dialog[open]').textContent")
    assert words.startswith("Accept 6 cases")
    assert "7 other cases cannot be so decided and are left out." in words
    press(page, "fine\n")
    settled(page, "goldenseed.decided().size")
    assert {name.partition("[")[0] for name in decisions(page)} == {
        "red-apple", "loose", "blue-cup", "at-night", "elsewhere",
    }  # fmt: skip


def test_a_decision_is_undone(page: Chrome) -> None:
    press(page, "j")
    decide(page, "a", "right")
    decide(page, "a", "right too")
    press(page, "u")
    assert list(decisions(page).values()) == [("accept", "right")]


def test_decisions_survive_a_reload_and_those_of_other_pixels_do_not(
    page: Chrome, tmp_path: Path
) -> None:
    press(page, "j")
    decide(page, "A", "right")
    before = decisions(page)
    opened(page, tmp_path / "index.html")
    assert decisions(page) == before
    record = stored(tmp_path)
    other = next(each for each in record.cases if each.id in before)
    changed = tuple(
        each.model_copy(update={"pixels_sha256": "0" * 64}) if each is other else each
        for each in record.cases
    )
    write_report(run_view(record.model_copy(update={"cases": changed}), tmp_path), tmp_path)
    opened(page, tmp_path / "index.html")
    assert set(decisions(page)) == set(before) - {other.id}


def test_after_a_decision_the_next_undecided_case_is_open(page: Chrome) -> None:
    from selenium.webdriver.common.keys import Keys

    press(page, "j")
    press(page, Keys.ENTER)
    settled(page, "goldenseed.opened?.id === 'red-apple[seed=7]'")
    decide(page, "a", "right")
    settled(page, "goldenseed.opened.id === 'red-apple[seed=1024]'")


def test_what_is_not_decided_yet_can_be_shown_alone(page: Chrome) -> None:
    press(page, "j")
    decide(page, "A", "right")
    page.execute_script(
        "const s = document.getElementById('by-decided'); s.value = 'none';"
        "s.dispatchEvent(new Event('change'))"
    )
    assert page.execute_script("return document.getElementById('shown').textContent") == (
        "10 of 13 cases"
    )


def test_hostile_reasons_stay_text_in_page_and_file(page: Chrome, tmp_path: Path) -> None:
    reason = "<img src=x onerror=alert(1)> \"'{{ 7 * 7 }}"
    press(page, "j")
    decide(page, "a", reason)
    assert read_json(exported(page, tmp_path))["decisions"][0]["reason"] == reason
    assert page.execute_script("return document.querySelectorAll('[onerror]').length") == 0
