"""Suite cases out of recipes, each field with what became of it as a comment."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from goldenseed.recipes.fields import Fidelity, Field, Recipe
from goldenseed.suite.nodes import plain_scalar

_LONGEST: Final = 160
"""Characters of a value in a comment."""
NO_MODEL: Final = "PUT-THE-MODELS-FOLDER-HERE"


def suite_text(name: str, model: str | None, recipes: Sequence[Recipe]) -> str:
    """Return the text of a suite with one case for each recipe.

    What differs between the cases stands with each; nothing is given a default here.
    """
    head = (
        "# From recipes of elsewhere. Before each case: every field of its recipe, and what became "
        "of it.\n"
        f"suite: {_scalar(name)}\n"
        f"model:\n  source: {json.dumps(model or NO_MODEL, ensure_ascii=False)}\n"
        "cases:\n"
    )
    ids = case_ids([recipe.source.name for recipe in recipes])
    return head + "".join(
        _case(case_id, recipe) for case_id, recipe in zip(ids, recipes, strict=True)
    )


def case_ids(names: Iterable[str]) -> list[str]:
    """Return an id for each source's name: its stem in the characters of an id, none twice."""
    plain = [_plain(name) for name in names]
    counts, seen, ids = Counter(plain), Counter[str](), []
    for name in plain:
        seen[name] += 1
        ids.append(name if counts[name] == 1 else f"{name}-{seen[name]}")
    return ids


def _plain(name: str) -> str:
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", re.split(r"[\\/]", name)[-1])
    plain = re.sub(r"[^a-z0-9]+", "-", stem.casefold()).strip("-")[:60].strip("-")
    return plain or "recipe"


def _case(case_id: str, recipe: Recipe) -> str:
    keys = recipe.keys
    lines = [f"  # {line}\n" for line in fidelity_lines(recipe)]
    lines.append(f"  - id: {_scalar(case_id)}\n")
    if "prompt" in keys:
        lines.append(f"    prompt: {flow(keys.pop('prompt'))}\n")
    lines.append(f"    seeds: {flow(keys.pop('seeds'))}\n")
    lines += [f"    {key}: {flow(keys[key])}\n" for key in sorted(keys) if "." not in key]
    for section in ("call", "model"):
        inside = {
            key.partition(".")[2]: value
            for key, value in keys.items()
            if key.startswith(f"{section}.")
        }
        if inside:
            lines.append(f"    {section}:\n")
            lines += [f"      {key}: {flow(value)}\n" for key, value in inside.items()]
    return "".join(lines)


def fidelity_lines(recipe: Recipe) -> Iterator[str]:
    """Yield a line for each field: how much of it came over, what it became, and why."""
    yield f"{one_line(recipe.source.name)} ({recipe.source.format})"
    for each in recipe.fields:
        stated = (
            f"{one_line(each.name)}: {one_line(each.value)}" if each.value else one_line(each.name)
        )
        became = "; ".join(f"{key}: {one_line(flow(value))}" for key, value in each.keys.items())
        arrow = f" -> {became}" if became else ""
        why = f" ({each.why})" if each.why else ""
        yield f"{each.fidelity:<11}  {stated}{arrow}{why}"


def as_document(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as plain data for ``--json``."""
    return {
        "source": recipe.source.name,
        "format": recipe.source.format,
        "fields": [_field_document(each) for each in recipe.fields],
        **{str(each): recipe.count(each) for each in Fidelity},
    }


def _field_document(each: Field) -> dict[str, Any]:
    return {
        "name": each.name,
        "value": each.value,
        "fidelity": str(each.fidelity),
        "why": each.why,
        "keys": dict(each.keys),
    }


def one_line(text: str) -> str:
    """Return a text without line ends and control characters, shortened in the middle."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    if len(plain) <= _LONGEST:
        return plain
    half = _LONGEST // 2
    return f"{plain[:half]} … {plain[-half:]}"


def _scalar(text: str) -> str:
    return text if plain_scalar(text) == text else json.dumps(text)


def flow(value: Any) -> str:
    """Write a value in YAML's flow style, which JSON is."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(inner) for inner in value) + "]"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    """Quote a text; control characters, which YAML refuses, are escaped."""
    return "".join(
        each if each.isprintable() else f"\\U{ord(each):08x}"
        for each in json.dumps(text, ensure_ascii=False)
    )
