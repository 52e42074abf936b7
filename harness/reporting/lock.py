"""What the report and the closing lines say of an environment that is not the locked one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from harness.environment.lock import LockDifference
from harness.environment.lock_text import lock_table, value_in_words
from harness.reporting.text import visible
from harness.runs.record import RunRecord

_NAMED = 3


def lock_notes(run: RunRecord) -> list[str]:
    """Return the lines of a table for every suite whose lock does not hold; none if all do."""
    return [
        line
        for suite, differences in _by_suite(run)
        for line in (f"{_headline(suite, differences)}:", *lock_table(differences))
    ]


def lock_lines(run: RunRecord) -> list[str]:
    """Say the same in a line a suite, with the first few keys."""
    return [
        visible(f"{_headline(suite, differences)}: {_some(differences)}", lines=False)
        for suite, differences in _by_suite(run)
    ]


def _by_suite(run: RunRecord) -> list[tuple[str, tuple[LockDifference, ...]]]:
    ordered = sorted(run.lock_differences, key=lambda each: (each.suite, each.key))
    return [(suite, tuple(found)) for suite, found in groupby(ordered, lambda each: each.suite)]


def _headline(suite: str, differences: Sequence[LockDifference]) -> str:
    many = "1 key" if len(differences) == 1 else f"{len(differences)} keys"
    return f"the environment differs from the lock of {suite} in {many}"


def _some(differences: Sequence[LockDifference]) -> str:
    named = [
        f"{each.key} {value_in_words(each.expected)} → {value_in_words(each.found)}"
        for each in differences[:_NAMED]
    ]
    more = len(differences) - _NAMED
    return ", ".join(named) + (f", and {more} more" if more > 0 else "")
