"""What the moved cases of two compared runs have in common, and which way they went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from harness.runs.comparison import HELD, JudgedPair
from harness.runs.environments import Differences
from harness.runs.separation import Separation, fields_of, separate
from harness.verdict.model import Verdict

BEYOND_NOISE = frozenset({Verdict.WARN, Verdict.DRIFT})
_MATCH = frozenset({Verdict.MATCH})
_IDENTICAL = frozenset({Verdict.IDENTICAL})

CHANGED = "environment "
"""How the name of a field begins that says from what to what a key of the environment changed."""


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


def movement_of(pairs: Sequence[JudgedPair], differences: Sequence[Differences | None]) -> Movement:
    """Part the cases that moved from those that did not, and say what tells them apart.

    ``differences`` are those of each pair's environments: that the environments of some cases
    differ in a key and those of others do not may be what tells them apart.
    """
    described = [
        (pair, fields_of(pair.judged) | _changes(found))
        for pair, found in zip(pairs, differences, strict=True)
    ]
    beyond_noise = any(pair.judged.verdict in BEYOND_NOISE for pair in pairs)
    went, stayed = (BEYOND_NOISE, HELD) if beyond_noise else (_MATCH, _IDENTICAL)
    moved = [(pair, fields) for pair, fields in described if pair.judged.verdict in went]
    held = [fields for pair, fields in described if pair.judged.verdict in stayed]
    return Movement(
        beyond_noise=beyond_noise,
        separation=separate([fields for _, fields in moved], held),
        brighter=sum((pair.brighter or 0.0) > 0 for pair, _ in moved),
        darker=sum((pair.brighter or 0.0) < 0 for pair, _ in moved),
    )


def _changes(differences: Differences | None) -> dict[str, JsonValue]:
    return {f"{CHANGED}{each.key}": f"{each.old} → {each.new}" for each in differences or ()}
