"""In which keys two fingerprints differ, and what that means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.environment.keys import Kind, kind_of
from harness.files import canonical_json

Value = str | int | float | bool | None
_WEIGHTS = re.compile(r"model\.([^.]+)\.sha256")


@dataclass(frozen=True, slots=True)
class KeyDifference:
    """One key whose values differ."""

    key: str
    kind: Kind
    old: Value
    """None where the key was absent."""
    new: Value
    """None where the key is absent."""


def environment_differences(
    old: Mapping[str, Value], new: Mapping[str, Value]
) -> tuple[KeyDifference, ...]:
    """Name the keys in which two fingerprints differ, by kind (identity first), then by name.

    A key that is absent from one equals None in the other. Numbers are compared as the digests of
    fingerprints do: 5 and 5.0 are one value, 1 and true are two.
    """
    order = list(Kind)
    differing = [
        KeyDifference(key, kind_of(key), old.get(key), new.get(key))
        for key in old.keys() | new.keys()
        if canonical_json(old.get(key)) != canonical_json(new.get(key))
    ]
    return tuple(sorted(differing, key=lambda each: (order.index(each.kind), each.key)))


def changed_weights(old: Mapping[str, Value], new: Mapping[str, Value]) -> tuple[str, ...]:
    """Name the components whose weights, as they were loaded, are not the same in two fingerprints.

    A component of which one of them tells nothing is not among them.
    """
    known = (
        (match[1], old[key], new[key])
        for key in sorted(old.keys() & new.keys())
        if (match := _WEIGHTS.fullmatch(key))
    )
    return tuple(component for component, before, now in known if before != now)
