"""Which cases of two runs moved together, what they have in common, and which way they went.

A field is named only if what is said of it holds for every case, and only if its values repeat.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from goldenseed.core.files import canonical_json
from goldenseed.runs.comparison import HELD, JudgedPair
from goldenseed.runs.pairing import Differences
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Verdict

Fields = Mapping[str, JsonValue]

MOST_VALUES = 3
"""A field is named only with so few values; a longer list says nothing to a reader."""

CASES_PER_VALUE = 2
"""How many cases there must be for each value of a field, on average.

A field that differs in every case, as a seed may, parts any cases from any others.
"""

ABSENT = "(not given)"


@dataclass(frozen=True, slots=True)
class FieldSplit:
    """One statement on a field: every case that moved has one of ``values`` there."""

    field: str
    """Dotted, as in the recipe: ``model.scheduler.class``; or ``suite``, ``size``, …"""
    values: tuple[JsonValue, ...]
    other_values: tuple[JsonValue, ...]
    """What only cases that held have there; never empty."""
    held_with: int
    """How many cases held although they have one of ``values``; 0 if the field separates."""
    held_without: int


@dataclass(frozen=True, slots=True)
class Separation:
    """What the cases that moved have in common."""

    moved: int
    held: int
    separating: tuple[FieldSplit, ...] = ()
    """Fields by which the moved cases could have been told beforehand, each by itself."""
    shared: tuple[FieldSplit, ...] = ()
    """Where none does: fields in which all moved cases agree, and only some of the others."""


def separate(moved: Sequence[Fields], held: Sequence[Fields]) -> Separation:
    """Find the fields that part ``moved`` from ``held``; none where either is empty."""
    found = Separation(moved=len(moved), held=len(held))
    if not moved or not held:
        return found
    names = sorted({name for fields in (*moved, *held) for name in fields})
    splits = [split for name in names for split in _splits(name, moved, held)]
    separating = tuple(split for split in splits if not split.held_with)
    shared = () if separating else tuple(split for split in splits if len(split.values) == 1)
    return Separation(moved=len(moved), held=len(held), separating=separating, shared=shared)


def fields_of(case: CaseRecord) -> dict[str, JsonValue]:
    """Lay out what a case can be grouped by: its suite, its size, the leaves of its recipe."""
    return {
        "suite": case.suite,
        "size": f"{case.width}x{case.height}" if case.width and case.height else None,
        **dict(_leaves("", case.recipe)),
    }


def _leaves(prefix: str, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    parts = dict(enumerate(value)) if isinstance(value, list) else value
    if not isinstance(parts, Mapping) or not parts:
        yield prefix, value
        return
    for key, child in parts.items():
        yield from _leaves(f"{prefix}.{key}" if prefix else str(key), child)


def _splits(
    name: str,
    moved: Sequence[Fields],
    held: Sequence[Fields],
) -> Iterator[FieldSplit]:
    """Yield the statement on one field, if there is one worth making."""
    shown: dict[bytes, JsonValue] = {}
    in_moved = [_key(fields.get(name, ABSENT), shown) for fields in moved]
    in_held = [_key(fields.get(name, ABSENT), shown) for fields in held]
    values = sorted(set(in_moved))
    others = set(in_held) - set(values)
    if not others or CASES_PER_VALUE * len(shown) > len(moved) + len(held):
        return
    held_with = sum(value not in others for value in in_held)
    if len(values) <= MOST_VALUES or (held_with == 0 and len(others) <= MOST_VALUES):
        yield FieldSplit(
            field=name,
            values=tuple(shown[value] for value in values),
            other_values=tuple(shown[value] for value in sorted(others)),
            held_with=held_with,
            held_without=len(held) - held_with,
        )


def _key(value: JsonValue, shown: dict[bytes, JsonValue]) -> bytes:
    """Return what makes a value equal to another, 5 and 5.0 being one; remember how to show it."""
    key = canonical_json(value)
    shown.setdefault(key, value)
    return key


BEYOND_TOLERANCE = frozenset({Verdict.WARN, Verdict.DRIFT})
_MATCH = frozenset({Verdict.MATCH})
_IDENTICAL = frozenset({Verdict.IDENTICAL})

CHANGED = "environment "
"""How the name of a field begins that says from what to what a key of the environment changed."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Some cases of a comparison against the others; errors and incomparable pairs left out."""

    beyond_tolerance: bool
    """True: the cases beyond the tolerance against the rest. False, where none is: the cases
    whose pixels differ at all against the identical ones."""
    separation: Separation
    brighter: int
    darker: int


def movement_of(pairs: Sequence[JudgedPair], differences: Sequence[Differences | None]) -> Movement:
    """Part the cases that moved from those that did not, and say what tells them apart.

    ``differences`` are those of each pair's environments, which may be what tells them apart.
    """
    described = [
        (pair, fields_of(pair.judged) | _changes(found))
        for pair, found in zip(pairs, differences, strict=True)
    ]
    beyond_tolerance = any(pair.judged.verdict in BEYOND_TOLERANCE for pair in pairs)
    went, stayed = (BEYOND_TOLERANCE, HELD) if beyond_tolerance else (_MATCH, _IDENTICAL)
    moved = [(pair, fields) for pair, fields in described if pair.judged.verdict in went]
    held = [fields for pair, fields in described if pair.judged.verdict in stayed]
    return Movement(
        beyond_tolerance=beyond_tolerance,
        separation=separate([fields for _, fields in moved], held),
        brighter=sum((pair.brighter or 0.0) > 0 for pair, _ in moved),
        darker=sum((pair.brighter or 0.0) < 0 for pair, _ in moved),
    )


def _changes(differences: Differences | None) -> dict[str, JsonValue]:
    return {f"{CHANGED}{each.key}": f"{each.old} → {each.new}" for each in differences or ()}
