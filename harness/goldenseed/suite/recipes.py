"""Recipes: everything in the suite that decides a case's pixels, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pydantic import JsonValue

from goldenseed.core.files import canonical_json, json_sha256
from goldenseed.suite.between import BetweenPrompts
from goldenseed.suite.cases import Case, Suite
from goldenseed.suite.inputs import describe_inputs
from goldenseed.suite.model import DIFFUSERS, ModelSpec, NoiseSpec
from goldenseed.suite.prompts import PromptSpec
from goldenseed.suite.put_together import described_parts, key_of_parts


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field in which two recipes differ."""

    field: str
    """Dotted: ``call.num_inference_steps``, ``model.adapters.0.scale``."""
    old: JsonValue
    """None where the field was absent."""
    new: JsonValue
    """None where the field is absent."""


def recipe_of(case: Case) -> dict[str, JsonValue]:
    """Return everything that decides the pixels of ``case``, as plain data of its own.

    Device, gates, marks, ids and lines are left out: they decide where and how an image is made
    and judged, not which. So are keys of ``model`` without a value, and whatever of
    ``determinism`` is at its strict default: a field that a later release adds, with its own strict
    default, must not change the digest of every recipe there is.
    """
    model = case.model
    described: dict[str, Any] = {
        "backend": None if model.backend == DIFFUSERS else model.backend,
        "source": None if model.factory or model.server else model.source,
        **_factory(model),
        "server": None if model.server is None else model.server.described,
        "revision": model.revision,
        "variant": model.variant,
        "pipeline": model.pipeline,
        "dtype": None if model.server else model.dtype,
        "scheduler": model.scheduler
        and {"class": model.scheduler.class_name, **deepcopy(dict(model.scheduler.config))},
        **described_parts(model),
        "allow_new_weights": list(model.allow_new_weights) or None,
    }
    prompt: Any = list(case.prompt) if isinstance(case.prompt, tuple) else case.prompt
    if isinstance(prompt, PromptSpec | BetweenPrompts):
        prompt = prompt.described
    return {
        **({} if prompt is None else {"prompt": prompt}),
        "seed": case.seed,
        "call": case.arguments(),
        **({"inputs": describe_inputs(case.inputs)} if case.inputs else {}),
        **_postprocess(case),
        **({"before": [each.description for each in case.before]} if case.before else {}),
        "model": {key: value for key, value in described.items() if value is not None},
        "noise": _noise(case.noise),
        **({"safety": "off"} if case.suite.safety == "off" else {}),
        "determinism": "portable"
        if case.suite.determinism.portable
        else case.suite.determinism.relaxed(),
    }


def _postprocess(case: Case) -> dict[str, Any]:
    steps = [deepcopy(dict(each.described)) for each in case.postprocess]
    return {"postprocess": steps} if steps else {}


def _factory(model: ModelSpec) -> dict[str, Any]:
    factory = model.factory
    return (
        {
            "factory": factory.name,
            "factory_sha256": factory.sha256,
            "arguments": deepcopy(dict(factory.arguments)),
        }
        if factory
        else {}
    )


def _noise(noise: NoiseSpec) -> JsonValue:
    """Name the source; of a file what is in it, for its name decides nothing."""
    if noise.between is not None:
        return {"between": list(noise.between), "at": noise.at}
    return noise.kind if noise.path is None else {"file_sha256": noise.sha256}


def recipe_sha256(recipe: Mapping[str, JsonValue]) -> str:
    """Return the SHA-256 of the recipe's canonical JSON: 64 hexadecimal digits."""
    return json_sha256(recipe)


def recipe_differences(
    old: Mapping[str, JsonValue], new: Mapping[str, JsonValue]
) -> tuple[FieldDifference, ...]:
    """Name the fields whose canonical JSON differs, sorted: 5 and 5.0 are equal, 1 and true not."""
    return tuple(_differences("", dict(old), dict(new)))


_ABSENT = object()


def _differences(field: str, old: Any, new: Any) -> Iterator[FieldDifference]:
    old_parts, new_parts = _parts(old), _parts(new)
    if old_parts is None or new_parts is None or isinstance(old, dict) != isinstance(new, dict):
        if old is _ABSENT or new is _ABSENT or canonical_json(old) != canonical_json(new):
            absent_as_none = (None if value is _ABSENT else value for value in (old, new))
            yield FieldDifference(field, *absent_as_none)
        return
    for key in sorted(old_parts.keys() | new_parts.keys()):
        name = f"{field}.{key}" if field else str(key)
        yield from _differences(name, old_parts.get(key, _ABSENT), new_parts.get(key, _ABSENT))


def _parts(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, dict):
        return value
    return dict(enumerate(value)) if isinstance(value, list | tuple) else None


def cases_by_model(suite: Suite) -> dict[str, list[Case]]:
    """Return the cases that one loaded model serves by its key, each in the order of the file."""
    found: dict[str, list[Case]] = {}
    keys: dict[int, str] = {}
    for case in suite.cases:
        key = keys.get(id(case.model)) or keys.setdefault(id(case.model), model_key(case.model))
        found.setdefault(key, []).append(case)
    return found


def as_the_suite_has_it(case: Case) -> Case:
    """Return the case with its suite's own scheduler, which is the one that a lock pins."""
    return replace(case, model=replace(case.model, scheduler=case.suite.model.scheduler))


def locked_models(suite: Suite) -> dict[str, tuple[str | None, Case]]:
    """Return each model's name in a lock, and a case of it, by its key.

    The suite's own, or the first where no case uses that, has no name; the others have the id of
    their first case.
    """
    by_model = cases_by_model(suite)
    own = model_key(suite.model)
    first = own if own in by_model else next(iter(by_model))
    ordered = sorted(by_model, key=lambda key: key != first)
    return {k: (None if k == first else by_model[k][0].id, by_model[k][0]) for k in ordered}


@lru_cache(maxsize=1024)  # asked for every case, and a specification is known by its identity
def model_key(model: ModelSpec) -> str:
    """Digest what decides whether one loaded model serves, whatever it wears.

    A folder counts by its real path.
    """
    return json_sha256(
        {
            "backend": model.backend,
            "source": str(model.folder.resolve()) if model.folder else model.source,
            **_factory(model),
            **({} if model.server is None else {"server": model.server.described}),
            "revision": model.revision,
            "variant": model.variant,
            "pipeline": model.pipeline,
            "dtype": model.dtype,
            "device": model.device,
            "allow_new_weights": list(model.allow_new_weights),
            **key_of_parts(model),
        }
    )
