"""A headless Firefox for tests that must see a page the way its readers do.

It is spoken to by WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/), which it has built in.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import give_up

if TYPE_CHECKING:
    from websocket import WebSocket

DOWNLOADS = "downloads"
"""Where a browser puts what is downloaded, below its profile."""
AXE = Path(__file__).parent / "axe" / "axe.min.js"
_BROWSERS = ("firefox-esr", "firefox")
_STARTS_WITHIN = 60
_PREFERENCES: Mapping[str, object] = {
    "app.update.enabled": False,
    "browser.download.alwaysOpenPanel": False,
    "browser.download.folderList": 2,
    "browser.download.useDownloadDir": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "remote.log.truncate": False,
    "toolkit.telemetry.enabled": False,
    "trailhead.firstrun.didSeeAboutWelcome": True,
}


@dataclass
class Firefox:
    """One tab of a running browser."""

    socket: WebSocket
    tab: str = ""
    logged: list[str] = field(default_factory=list)
    """What the page's console and its errors said."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def command(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command and return its result; events that come before it are taken in."""
        number = next(self._numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            said = json.loads(self.socket.recv())
            if said["type"] == "event":
                self.logged.append(str(said["params"].get("text")))
            elif said.get("id") == number:
                assert said["type"] == "success", f"{method}: {said['message']}"
                return said["result"]

    def get(self, url: str) -> None:
        """Open an address and wait until it is loaded."""
        self.command("browsingContext.navigate", context=self.tab, url=url, wait="complete")

    def run(self, expression: str, *arguments: object) -> Any:
        """Return the value of an expression in the page, by way of JSON; a promise's is awaited.

        Its arguments are the elements of ``given``.
        """
        found = self.command(
            "script.evaluate",
            expression="(async () => {"
            f"const given = {json.dumps(arguments)};"
            f"return JSON.stringify(await ({expression})) ?? 'null'}})()",
            target={"context": self.tab},
            awaitPromise=True,
        )
        assert found["type"] == "success", found["exceptionDetails"]["text"]
        return json.loads(found["result"]["value"])

    def settled(self, expression: str, *arguments: object, seconds: float = 10) -> Any:
        """Wait until an expression is true, and return it."""
        until = monotonic() + seconds
        while not (found := self.run(expression, *arguments)):
            if monotonic() > until:
                pytest.fail(f"never: {expression}, but {found!r}")
            sleep(0.03)
        return found

    def press(self, *keys: str) -> None:
        """Press keys one after the other, characters or WebDriver's codes, as a person would."""
        actions = [{"type": t, "value": key} for key in keys for t in ("keyDown", "keyUp")]
        self._perform({"type": "key", "id": "keys", "actions": actions})

    def point(self, selector: str, *, click: bool = False) -> None:
        """Move the pointer to the middle of an element, and click there."""
        at = self.run(
            "(box => [box.x + box.width / 2, box.y + box.height / 2].map(Math.round))"
            "(document.querySelector(given[0]).getBoundingClientRect())",
            selector,
        )
        move = {"type": "pointerMove", "x": at[0], "y": at[1]}
        pressed = [{"type": t, "button": 0} for t in ("pointerDown", "pointerUp")]
        actions = [move, *(pressed if click else [])]
        self._perform({"type": "pointer", "id": "mouse", "actions": actions})

    def _perform(self, device: Mapping[str, object]) -> None:
        self.command("input.performActions", context=self.tab, actions=[device])

    def resize(self, width: int, height: int = 900) -> None:
        """Give the page another size."""
        size = {"width": width, "height": height}
        self.command("browsingContext.setViewport", context=self.tab, viewport=size)

    def violations(self) -> list[str]:
        """Return what axe-core finds, a line for each element."""
        self.command(
            "script.evaluate",
            expression=AXE.read_text("utf-8"),
            target={"context": self.tab},
            awaitPromise=False,
        )
        found = self.run("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
        return [f"{each['id']}: {n['html'][:160]}" for each in found for n in each["nodes"]]

    def screenshot(self) -> bytes:
        """Return what is in sight, as a PNG file."""
        found = self.command("browsingContext.captureScreenshot", context=self.tab)
        return base64.b64decode(found["data"])


@contextmanager
def firefox(profile: Path, *, dark: bool = False) -> Iterator[Firefox]:
    """Start a browser with an empty profile; without one as ``chromium`` of ``tests.browser``."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        give_up("needs firefox (Debian: firefox-esr)")
    try:
        import websocket
    except ImportError:
        give_up("needs websocket-client, which selenium brings")
    profile.mkdir(parents=True, exist_ok=True)
    preferences = {
        **_PREFERENCES,
        "browser.download.dir": str(profile / DOWNLOADS),
        "layout.css.prefers-color-scheme.content-override": 0 if dark else 1,
    }
    (profile / "user.js").write_text(
        "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in preferences.items())
    )
    words = [
        browser,
        "--headless",
        "--no-remote",
        "--profile",
        str(profile),
        "--remote-debugging-port=0",
    ]
    with (
        (profile / "said").open("wb") as said,
        subprocess.Popen(words, stdout=said, stderr=said) as process,
    ):
        try:
            address = _address(profile / "said", process)
            socket = websocket.create_connection(
                f"{address}/session", suppress_origin=True, timeout=60
            )
            with closing(socket):
                page = Firefox(socket)
                page.command("session.new", capabilities={})
                page.command("session.subscribe", events=["log.entryAdded"])
                page.tab = page.command("browsingContext.getTree")["contexts"][0]["context"]
                yield page
        finally:
            process.terminate()
            process.wait(20)


def _address(said: Path, process: subprocess.Popen[bytes]) -> str:
    until = monotonic() + _STARTS_WITHIN
    while not (
        found := re.search(
            r"WebDriver BiDi listening on (ws://\S+)", said.read_text("utf-8", "replace")
        )
    ):
        if process.poll() is not None or monotonic() > until:
            pytest.fail(f"firefox did not start: {said.read_text('utf-8', 'replace')[-2000:]}")
        sleep(0.05)
    return found[1]
