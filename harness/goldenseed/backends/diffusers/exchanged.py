"""What others have put in the places of a pipeline's own: methods, functions, objects, numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from goldenseed.backends.diffusers.foreign import (
    foreign_functions,
    foreign_methods,
    foreign_objects,
    listed,
    replaced_on,
)
from goldenseed.backends.diffusers.held import is_plain, plain_attributes
from goldenseed.backends.diffusers.modular import blocks_of
from goldenseed.core.files import sha256_hex
from goldenseed.environment.keys import EnvironmentValue, guarded

_LONGEST: Final = 40
"""Characters of an attribute's value that are kept whole."""
_SEEN: Final = 12


def exchanged(pipeline: Any, scheduler: Any) -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield the keys of methods and functions that others have put in the places of their own."""
    helpers = _helpers(pipeline)
    parts = [pipeline, *helpers.values(), *blocks_of(pipeline)]
    classes = [
        type(part)
        for component in (*parts, *pipeline.components.values(), scheduler)
        for part in (component.modules() if hasattr(component, "modules") else (component,))
    ]
    homes = {base.__module__ for cls in set(classes) for base in cls.__mro__}
    found = {
        "pipeline.methods": guarded(lambda: listed((*_methods(parts), *foreign_objects(pipeline)))),
        "pipeline.functions": guarded(lambda: listed(foreign_functions(homes | _SHARED))),
        "scheduler.methods": guarded(lambda: listed(_methods([scheduler] if scheduler else []))),
        "pipeline.attributes_sha256": guarded(lambda: _attributes_sha256(parts)),
    }
    yield from ((key, value) for key, value in found.items() if value is not None)
    for name, part in {"": pipeline, **helpers}.items():
        for field, value in _held(part):
            yield ".".join(filter(None, ("pipeline.attributes", name, field))), value


_SHARED = frozenset({"torch", "torch.nn.functional", "diffusers.models.attention_processor"})
"""Modules whose functions those of a model's parts call by name."""


def _helpers(pipeline: Any) -> dict[str, Any]:
    """Return what a pipeline keeps beside its components, by name: image processors and such."""
    return {
        name: each
        for name, each in sorted(vars(pipeline).items())
        if hasattr(each, "config") and name not in pipeline.components
    }


_AROUND = (
    "from_",
    "load_",
    "unload_",
    "save_",
    "push_",
    "download",
    "register_",
    "enable_",
    "disable_",
    "set_progress",
    "progress_bar",
    "to",
)
"""How names of a pipeline's methods begin that take no part in making an image."""


def _methods(parts: Iterable[Any]) -> Iterator[str]:
    """Name the methods that are not a part's own, but for those around the making of images."""
    for part in parts:
        names = [name for name in dir(type(part)) if not name.startswith(_AROUND)]
        yield from foreign_methods(type(part), names)
        yield from replaced_on(part)


def _attributes_sha256(parts: Iterable[Any]) -> str:
    """Digest plain attributes and options of the pipeline and its helpers, state left out."""
    told = [
        [
            type(part).__name__,
            [each for each in plain_attributes(part) if not each[0].startswith("_")],
            {key: str(value) for key, value in _options(part) if not key.startswith("_")},
        ]
        for part in parts
    ]
    return sha256_hex(json.dumps(told, sort_keys=True).encode())


def _held(part: Any) -> Iterator[tuple[str, str]]:
    """Yield plain attributes and options by name, a long one shortened, with its digest."""
    options = ((key, value) for key, value in _options(part) if is_plain(value))
    for name, value in sorted({**dict(options), **dict(plain_attributes(part))}.items()):
        written = str(value)
        if len(written) > _LONGEST:
            written = f"{written[:_SEEN]}… ({sha256_hex(written.encode())[:_SEEN]})"
        if not name.startswith("_"):
            yield name, written


def _options(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield a part's options, but for where a modular pipeline would load its components from."""
    for key, value in (getattr(part, "config", None) or {}).items():
        if not (isinstance(value, list | tuple) and value and isinstance(value[-1], dict)):
            yield key, value
