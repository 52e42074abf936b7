"""Text files of the user's repository, to which a few lines are added and nothing else is done."""

from __future__ import annotations

from pathlib import Path

from harness.errors import GoldenseedError
from harness.files import read_regular

LIMIT_BYTES = 16 * 2**20


def read_text(file: Path) -> str:
    """Read a text file with its line endings as they are; GoldenseedError if it is not UTF-8."""
    try:
        return read_regular(file, LIMIT_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        line = read_regular(file, LIMIT_BYTES).count(b"\n", 0, error.start) + 1
        raise GoldenseedError(
            "is not UTF-8, so nothing was added to it",
            path=file,
            line=line,
            fix="save it as UTF-8, and run this again",
        ) from error


def line_end(text: str) -> str:
    """Return the line ending that ``text`` uses."""
    return "\r\n" if "\r\n" in text else "\n"
