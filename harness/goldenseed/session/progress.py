"""What is said while cases run: that a model loads, that an image takes long."""

from __future__ import annotations

import time
from contextlib import nullcontext

import pytest

STEP_INTERVAL_SECONDS = 10.0


class Progress:
    """Writes a line when a model loads, and now and then while one image takes long.

    Silent on xdist workers, whose terminal nobody sees, and where pytest was asked to be quiet.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._last = time.monotonic()

    def say(self, text: str, *, step: bool = False) -> None:
        """Write ``text``; a step of a longer work only every ten seconds."""
        now = time.monotonic()
        if step and now - self._last < STEP_INTERVAL_SECONDS:
            return
        self._last = now
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is None or self._config.option.verbose < 0:
            return
        capture = self._config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            terminal.ensure_newline()
            terminal.write_line(text)
