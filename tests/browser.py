"""A headless Chromium for tests that must see a page the way its readers do."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


@contextmanager
def chromium(profile: Path) -> Iterator[Chrome]:
    """Start a browser with an empty profile; skips the test where none is installed.

    Under ``CI`` a missing browser fails the test instead: a check that nobody sees skipped is no
    check.
    """
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        give_up("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        give_up("needs selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    page = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield page
    finally:
        page.quit()


def requested_urls(page: Chrome) -> list[str]:
    """Every address the page asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def give_up(reason: str) -> NoReturn:
    """Skip the test, and fail it under ``CI``."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def violations(page: Chrome) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA and good practice, a line for each element."""
    source = (Path(__file__).parent / "axe" / "axe.min.js").read_text("utf-8")
    page.execute_script(source)
    found = page.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']})"
        ".then(r => done(r.violations), e => done([{id: String(e), nodes: []}]))"
    )
    return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]] + [
        each["id"] for each in found if not each["nodes"]
    ]


@contextmanager
def seen_at(page: Chrome, width: int, *, dark: bool = False, height: int = 900) -> Iterator[None]:
    """Look at a page in another width and colour scheme."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    try:
        yield
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def settled(page: Chrome, condition: str, *arguments: object, seconds: float = 10) -> object:
    """Wait until a script's expression is true and return it; fails with what it was last."""
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    def look(found: Chrome) -> object:
        return found.execute_script(f"return {condition}", *arguments)

    try:
        return WebDriverWait(page, seconds, poll_frequency=0.03).until(look)
    except TimeoutException:
        pytest.fail(f"never: {condition}, but {look(page)!r}")


def downloaded(file: Path, seconds: float = 10) -> Path:
    """Wait until a browser has written ``file`` and return it.

    A browser makes the empty file first, to hold its name, and puts the data there afterwards.
    """
    until = monotonic() + seconds
    while monotonic() < until:
        if file.is_file() and file.stat().st_size:
            return file
        sleep(0.03)
    there = sorted(each.name for each in file.parent.iterdir())
    pytest.fail(f"{file.name} was not downloaded, there are {there}")
