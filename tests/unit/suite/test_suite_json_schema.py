from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from goldenseed.cli.schema import suite_json_schema

SUITE = """\
suite: shapes
model:
  source: toy
  scheduler: {class: DDIMScheduler, timestep_spacing: trailing}
  adapters: [{source: lora/cartoon.safetensors, scale: 0.8}]
defaults: {call: {height: 64}, marks: [quick]}
gates: {fail: {min_ssim: 0.95}}
cases:
  - {id: apple, prompt: a red apple, seeds: [1, 2], model: {adapters: []}}
  - {id: ball, prompts: {red: a red ball}, seeds: {start: 0, count: 8}}
"""


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").removeprefix("#/$defs/")
    return root["$defs"][name] if name else schema


def strays(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Iterator[str]:
    """The keys in ``value`` that the schema has no place for, and those it misses."""
    schema = resolved(schema, root)
    options = [resolved(each, root) for each in schema.get("anyOf", schema.get("oneOf", []))]
    kind = {dict: "object", list: "array"}.get(type(value))
    if kind and options and "properties" not in schema:
        schema = next(each for each in options if each.get("type") == kind)
    if isinstance(value, list):
        for item in value:
            yield from strays(item, schema["items"], root)
    elif isinstance(value, dict):
        yield from schema.get("required", [])[: len(set(schema.get("required", [])) - set(value))]
        known = schema.get("properties", {})
        free = schema.get("additionalProperties", True)
        for key, item in value.items():
            if key in known:
                yield from strays(item, known[key], root)
            elif not free:
                yield key


def test_a_real_suite_fits_the_schema():
    schema = suite_json_schema()
    assert list(strays(yaml.safe_load(SUITE), schema, schema)) == []


def test_a_key_that_is_not_known_does_not_fit_it():
    schema = suite_json_schema()
    text = SUITE.replace("seeds: [1, 2]", "seed: 1").replace("marks", "mark")
    found = list(strays(yaml.safe_load(text), schema, schema))
    assert found == ["mark", "id", "seed"]


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, definition in {"Suite": schema, **schema["$defs"]}.items():
        for field, described in definition.get("properties", {}).items():
            yield f"{name}.{field}", {**resolved(described, schema), **described}


def test_every_field_is_described():
    described = {name: "description" in field for name, field in fields(suite_json_schema())}
    assert [name for name, is_described in described.items() if not is_described] == []


def test_it_names_its_dialect_and_is_json():
    schema = json.loads(json.dumps(suite_json_schema()))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_it_wants_at_most_one_of_prompt_and_prompts():
    case = suite_json_schema()["$defs"]["CaseSection"]  # type: ignore[index,call-overload]
    assert case["not"] == {"required": ["prompt", "prompts"]}  # type: ignore[index,call-overload]


def test_seeds_are_a_list_or_a_range():
    case = suite_json_schema()["$defs"]["CaseSection"]  # type: ignore[index,call-overload]
    kinds = json.dumps(case["properties"]["seeds"])  # type: ignore[index,call-overload]
    assert '"array"' in kinds
    assert "SeedRange" in kinds
