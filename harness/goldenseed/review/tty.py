"""The terminal that the process runs in: keys one by one, lines, what it can show."""

from __future__ import annotations

import os
import select
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from goldenseed.core.errors import GoldenseedError
from goldenseed.review.pictures import Way, way_of

_SECONDS = 0.3
_ESCAPE = "\x1b"
_ARROWS = {"\x1b[D": "b", "\x1bOD": "b"}
_COLOURS = 1 << 24


class Terminal:
    """Standard input and output, which have to be a terminal."""

    def __init__(self, way: Way | None = None) -> None:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise GoldenseedError(
                "there is no terminal to decide in",
                fix="run it in a terminal, or leave out --terminal to decide in a browser",
            )
        self.columns = max(10, shutil.get_terminal_size().columns - 1)
        true = os.environ.get("COLORTERM", "") in {"truecolor", "24bit"}
        self.colours = _COLOURS if true else 256
        self.way = way or way_of(os.environ, self._attributes)

    def key(self) -> str:
        """Wait for a key; the left arrow is ``b``, and what is no character is empty."""
        with _unbuffered():
            text = os.read(sys.stdin.fileno(), 16).decode(errors="ignore")
        if not text:
            return "q"  # the terminal is gone
        return _ARROWS.get(text, "") if text.startswith(_ESCAPE) else text[0].lower()

    def line(self, prompt: str) -> str:
        """Ask for a line of text."""
        self.write(prompt)
        return sys.stdin.readline()

    def write(self, text: str) -> None:
        """Write as it is."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def _attributes(self) -> str:
        """Ask the terminal what it can do (DA1); "" where it says nothing for a while."""
        found = ""
        with _unbuffered():
            self.write("\x1b[c")
            while not found.endswith("c") and select.select([sys.stdin], [], [], _SECONDS)[0]:
                found += os.read(sys.stdin.fileno(), 64).decode(errors="ignore")
        return found


@contextmanager
def _unbuffered() -> Iterator[None]:
    """Give keys as they are pressed and do not show them; Ctrl-C still interrupts."""
    import termios
    import tty

    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    try:
        tty.setcbreak(number, termios.TCSADRAIN)  # what was typed ahead counts
        yield
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
