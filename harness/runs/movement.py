"""What the moved cases of two compared runs have in common, and which way they went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.runs.comparison import HELD, JudgedPair
from harness.runs.separation import Separation, separate
from harness.verdict.model import Verdict

BEYOND_NOISE = frozenset({Verdict.WARN, Verdict.DRIFT})


@dataclass(frozen=True, slots=True)
class Movement:
    """Some cases of a comparison against the others; errors and incomparable pairs left out."""

    beyond_noise: bool
    """True: the cases beyond the noise against the rest. False, where none is beyond it: the cases
    whose pixels differ at all against the identical ones."""
    separation: Separation
    brighter: int
    """How many of the moved images became brighter on average."""
    darker: int


def movement_of(pairs: Sequence[JudgedPair]) -> Movement:
    """Part the cases that moved from those that did not, and say what tells them apart."""
    moved = [pair for pair in pairs if pair.judged.verdict in BEYOND_NOISE]
    held = [pair for pair in pairs if pair.judged.verdict in HELD]
    beyond_noise = bool(moved)
    if not beyond_noise:
        moved = [pair for pair in held if pair.judged.verdict is Verdict.MATCH]
        held = [pair for pair in held if pair.judged.verdict is Verdict.IDENTICAL]
    return Movement(
        beyond_noise=beyond_noise,
        separation=separate([pair.judged for pair in moved], [pair.judged for pair in held]),
        brighter=sum((pair.brighter or 0.0) > 0 for pair in moved),
        darker=sum((pair.brighter or 0.0) < 0 for pair in moved),
    )
