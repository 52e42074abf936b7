"""Lists in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def first_of(names: Sequence[str], most: int, between: str = ", ") -> str:
    """Name the first ``most`` and count the others: ``a, b and 3 more``; all where they are few."""
    shown = between.join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown


def from_to(names: Sequence[str], most: int) -> str:
    """Name all of a series where they are few, else the first and the last: ``a … z``."""
    return ", ".join(names) if len(names) <= most else f"{names[0]} … {names[-1]}"
