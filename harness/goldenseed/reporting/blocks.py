"""What is said above the cases: sentences with a table, and environments off their lock."""

from __future__ import annotations

from dataclasses import dataclass

from goldenseed.core.listing import first_of
from goldenseed.environment.lock import MOST_ROWS, LockDifference, value_in_words
from goldenseed.reporting.words import count_of
from goldenseed.runs.parts import Block

__all__ = ["Block", "LockView"]

_KEYS = 3
"""How many keys off their lock a sentence names."""


@dataclass(frozen=True, slots=True)
class LockView:
    """A suite whose environment is not the locked one."""

    suite: str
    differences: tuple[LockDifference, ...]

    @property
    def headline(self) -> str:
        """In how many keys it differs."""
        keys = count_of(len(self.differences), "key")
        return f"the environment differs from the lock of {self.suite} in {keys}"

    @property
    def sentence(self) -> str:
        """The same with the first few keys."""
        named = [
            f"{each.key} {value_in_words(each.expected)} → {value_in_words(each.found)}"
            for each in self.differences
        ]
        return f"{self.headline}: {first_of(named, _KEYS)}"

    @property
    def block(self) -> Block:
        """The same with a table of the keys."""
        rows = [
            (each.key, value_in_words(each.expected), value_in_words(each.found))
            for each in self.differences[:MOST_ROWS]
        ]
        more = len(self.differences) - MOST_ROWS
        return Block(
            sentences=(self.headline,),
            columns=("key", "expected", "found"),
            rows=tuple(rows),
            details=(f"… and {more} more",) if more > 0 else (),
        )
