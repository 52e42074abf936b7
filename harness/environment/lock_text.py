"""What differs from a lock, in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.environment.lock import LockDifference
from harness.environment.reading import EnvironmentValue

MOST_ROWS = 40
"""Rows of a table; more say no more."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGEST_SHOWN = 12
_LONGEST_VALUE = 60


def lock_table(differences: Sequence[LockDifference]) -> list[str]:
    """Lay differences out as lines of a table: key, expected, found."""
    rows = [
        (each.key, value_in_words(each.expected), value_in_words(each.found))
        for each in differences[:MOST_ROWS]
    ]
    head = ("key", "expected", "found")
    wide, middle = (max(len(row[column]) for row in (head, *rows)) for column in (0, 1))
    lines = [f"{a:<{wide}}  {b:<{middle}}  {c}" for a, b, c in (head, *rows)]
    if len(differences) > MOST_ROWS:
        lines.append(f"… and {len(differences) - MOST_ROWS} more")
    return lines


def value_in_words(value: EnvironmentValue) -> str:
    """Write a value for people: a digest shortened, None as a dash."""
    if value is None:
        return "-"
    text = str(value)
    if _DIGEST.fullmatch(text):
        return f"{text[:_DIGEST_SHOWN]}…"
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
