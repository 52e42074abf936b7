"""Which keys of a suite's environment have a say in one image: what it wears, who wrote for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from goldenseed.environment.fingerprint import Value

_ADAPTER = "adapter_file."
_WRITER = "language_model_file."


def own_environment(
    found: Mapping[str, Value], recipe: Mapping[str, JsonValue]
) -> Mapping[str, Value]:
    """Leave out the adapters and language models of a suite that ``recipe`` does not name."""
    model, prompt = recipe.get("model"), recipe.get("prompt")
    if not isinstance(model, dict):
        return found
    worn = {f"{_ADAPTER}{source}" for source in _sources(model.get("adapters"))}
    writer = f"{_WRITER}{prompt.get('model')}/" if isinstance(prompt, dict) else None
    others = {
        key
        for key in found
        if (key.startswith(_ADAPTER) and key not in worn)
        or (key.startswith(_WRITER) and not (writer and key.startswith(writer)))
    }
    return {k: v for k, v in found.items() if k not in others} if others else found


def _sources(adapters: JsonValue) -> Iterator[JsonValue]:
    for each in adapters if isinstance(adapters, list) else ():
        yield each.get("source") if isinstance(each, dict) else None
