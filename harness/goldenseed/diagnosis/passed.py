"""The fields in which two recipes differ, with what a foreign call passed on otherwise."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from pydantic import JsonValue

from goldenseed.environment.keys import PASSED_ON
from goldenseed.suite.recipes import FieldDifference, recipe_differences

if TYPE_CHECKING:
    from goldenseed.diagnosis.evidence import Side


def differing_fields(accepted: Side, present: Side) -> dict[str, FieldDifference]:
    """Return the fields that differ, as the pipelines' own calls got them.

    What a side does not tell of was passed on as its recipe has it.
    """
    found = {}
    if accepted.recipe is not None and present.recipe is not None:
        differing = recipe_differences(accepted.recipe, present.recipe)
        found = {each.field: each for each in differing}
    told = (accepted.in_force, present.in_force)
    keys = dict.fromkeys(key for side in told for key in side if key.startswith(PASSED_ON))
    for key in keys:
        field = _field(key.removeprefix(PASSED_ON), present.recipe or accepted.recipe or {})
        old, new = (
            side.in_force[key] if key in side.in_force else _asked(field, side.recipe or {})
            for side in (accepted, present)
        )
        found.pop(field, None)
        if old != new:
            found[field] = FieldDifference(field, old, new)
    return found


def is_passed_on(field: str, keys: Container[str]) -> bool:
    """Say whether a field differs in what a foreign call passed on; ``keys``: those that differ."""
    return f"{PASSED_ON}{field.rpartition('.')[2]}" in keys


def field_of_key(key: str) -> str | None:
    """Return the field of a key of the fingerprint that is about such an argument, else None."""
    return f"call.{key.removeprefix(PASSED_ON)}" if key.startswith(PASSED_ON) else None


def _field(name: str, recipe: Mapping[str, JsonValue]) -> str:
    """Return where a recipe has an argument: among the inputs, as the prompt, or in the call."""
    inputs = recipe.get("inputs")
    if isinstance(inputs, dict) and name in inputs:
        return f"inputs.{name}"
    return "prompt" if name == "prompt" else f"call.{name}"


def _asked(field: str, recipe: Mapping[str, JsonValue]) -> JsonValue:
    found: JsonValue = dict(recipe)
    for part in field.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
