"""The history on the page, in a real browser: a plot and change points of each case and suite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldenseed.core.files import json_sha256
from goldenseed.history.keeping import recall, remember
from goldenseed.reporting import run_view, write_report
from goldenseed.runs.record import RunRecord, Seconds
from goldenseed.verdict.model import Verdict
from tests.browser import chromium, requested_urls, seen_at, settled, violations
from tests.unit.reporting.recorded import stored

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

READY = "document.documentElement.dataset.ready === 'true'"
HOSTILE = "<img src=x onerror=alert(1)>\u202e"
INK = """(canvas => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return data.filter((value, place) => place % 4 === 3 && value > 0).length;
})(document.querySelector('#detail .history canvas'))"""
DRAWN = "document.querySelectorAll('#detail .history canvas').length === 2"


def earlier(run: RunRecord, days: int) -> RunRecord:
    """The run as it may have been some days ago: nothing had moved, in an older environment."""
    environment = {**run.environment, "package.torch": "2.0.0", "cpu.model": HOSTILE}
    at = run.started - timedelta(days=days)
    update = {"environment_sha256": json_sha256(environment), "verdict": Verdict.IDENTICAL}
    cases = tuple(
        case.model_copy(
            update={
                **update,
                "metrics": {},
                "diagnosis": None,
                "passed": True,
                "pixels_sha256": case.baseline.pixels_sha256,
                "seconds": Seconds(generate=1 + days % 7 / 50),
            }
        )
        for case in run.cases
        if case.baseline
    )
    fields = {"run_id": f"day-{days}", "started": at, "finished": at}
    return run.model_copy(update={**fields, "environment": environment, "cases": cases})


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reports = tmp_path_factory.mktemp("reports")
    folder = reports / "run"
    run = stored(folder)
    for days in range(30, 0, -1):
        remember(earlier(run, days), reports)
    remember(run, reports)
    view = replace(run_view(run, folder), history=recall(run, reports))
    return write_report(view, folder)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


def opened(browser: Chrome, report: Path, fragment: str = "") -> None:
    browser.get("about:blank")
    browser.get(report.as_uri() + fragment)
    settled(browser, READY)


def test_a_case_has_its_plots_and_what_changed(browser: Chrome, report: Path):
    requested_urls(browser)
    opened(browser, report, "#moved.red-apple-1024")
    settled(browser, DRAWN)
    text = browser.find_element("css selector", "#detail .history").text
    assert "31 runs from " in text
    assert "mean difference: 0 to 5.70 levels, last 5.70" in text
    assert "torch 2.0.0 →" in text
    assert "<img src=x onerror=alert(1)>⟨U+202E⟩" in text
    assert "Stability: 100 % of 29 pairs" in text
    assert settled(browser, f"{INK} > 500")
    chart = browser.find_element("css selector", "#detail .history .u-over")
    from selenium.webdriver import ActionChains

    ActionChains(browser).move_to_element_with_offset(
        chart, -chart.size["width"] // 2 + 2, 0
    ).perform()
    said = settled(
        browser,
        "document.querySelector('#detail .hint').textContent.includes(': 0 levels, identical')",
    )
    assert said
    assert all(url.startswith(("file:", "about:", "data:")) for url in requested_urls(browser))
    assert [each for each in browser.get_log("browser") if each["level"] == "SEVERE"] == []


def test_a_suite_has_its_plots(browser: Chrome, report: Path):
    opened(browser, report)
    fold = browser.find_element("id", "suites-past")
    fold.find_element("tag name", "summary").click()
    settled(browser, "document.querySelectorAll('#suites-past canvas').length >= 2")
    assert "worst mean difference: 0 to " in fold.text
    assert "all cases generated in: " in fold.text


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1400, 400])
def test_it_is_accessible_and_fits(browser: Chrome, report: Path, width: int, dark: bool):
    with seen_at(browser, width, dark=dark):
        opened(browser, report, "#moved.red-apple-1024")
        settled(browser, DRAWN)
        assert violations(browser) == []
        assert settled(
            browser,
            f"document.querySelector('#detail .drawn').getBoundingClientRect().right <= {width}",
        )


def test_a_case_without_a_history_has_no_place_for_one(browser: Chrome, report: Path):
    opened(browser, report, "#moved.odd-7")
    settled(browser, "document.querySelector('#detail .case-head')")
    assert not browser.find_elements("css selector", "#detail .history")
