"""What a model holds beside its weights: hooks, exchanged methods, switches, attributes, adapters.

All of it is read right after loading, and again inside a call where a cheap look says that it is
no longer the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final

from goldenseed.backends.diffusers.foreign import (
    foreign_methods,
    home_of,
    listed,
    name_of,
    replaced_on,
)
from goldenseed.core.files import sha256_hex
from goldenseed.environment.keys import EnvironmentValue, guarded

if TYPE_CHECKING:
    import torch

_METHODS: Final = ("forward", "__call__", "decode", "encode")
_AROUND: Final = (
    *("__", "from_", "load_", "save_", "push_", "set_", "enable_", "disable_", "register_"),
    *("_init", "_load", "_set_", "_abc", "to", "extra_repr", "reset_parameters", "gradient_"),
)
"""How names of methods begin that take no part in computing."""
_OF_ALL_MODELS: Final = (
    *("torch.", "transformers.modeling_", "transformers.utils.", "transformers.integrations."),
    *("diffusers.models.modeling_utils", "diffusers.configuration_utils", "diffusers.loaders"),
    *("huggingface_hub.", "peft.", "typing", "abc", "builtins"),
)
_HOOKS: Final = ("_forward_pre_hooks", "_forward_hooks")
_MOVING: Final = ("Align", "Offload", "LazyPrefetch", "Sequential")
"""Parts of names of hooks of accelerate and diffusers that only move weights."""
_LISTENING: Final = ("goldenseed.", "transformers.utils.output_capturing")
"""Whose hooks only listen; transformers leaves its own behind where a first call asks for all
hidden states, so a model would be another one from its second image on."""
_SWITCHES: Final = frozenset(
    {"s1", "s2", "b1", "b2", "_chunk_size", "chunk_size", "gradient_checkpointing"}
)
_OF_CACHES: Final = ("teacache", "_cache_config", "cache_threshold", "rel_l1_thresh")
_OF_TILES: Final = ("tile_", "use_tiling", "use_slicing")
_PLAIN: Final = (bool, int, float, str, type(None))
_LONGEST: Final = 64
_PASSING: Final = (
    *("path", "hash", "cached", "device", "training", "version", "goldenseed"),
    "output_capturing",
)
"""Parts of names of attributes that tell of a place, of what was computed before, or of us."""
_PASSING_OPTIONS: Final = (*_PASSING, "dtype", "architectures", "attn_implementation", "auto_map")


def held_by(name: str, module: torch.nn.Module) -> dict[str, EnvironmentValue]:
    """Return the keys of what a component holds; None for what it has nothing of."""
    fields: dict[str, Callable[[], Any]] = {
        "hooks": lambda: hooks_of(module),
        "forwards": lambda: forwards_of(module),
        "switches": lambda: switches_of(module),
        "attributes_sha256": lambda: attributes_sha256(module),
        "adapters": lambda: adapters_of(module),
    }
    return {f"model.{name}.{field}": guarded(read) for field, read in fields.items()}


def hooks_of(module: torch.nn.Module) -> str | None:
    """Name the hooks of a module and its parts that are neither the harness's nor for moving."""
    found: list[str] = []
    for part in module.modules():
        hooks = (hook for kind in _HOOKS for hook in vars(part)[kind].values())
        found += [name_of(each) for each in hooks if not listens_only(each)]
        found += [
            f"{type(each).__module__}.{type(each).__qualname__}"
            for each in library_hooks(part)
            if not moves_only(each)
        ]
    return listed(found)


def listens_only(hook: Any) -> bool:
    """Say whether a hook of torch only looks on, and changes nothing."""
    return home_of(hook).startswith(_LISTENING)


def library_hooks(part: Any) -> Iterator[Any]:
    """Yield the hooks of accelerate and of diffusers that a part of a model has."""
    own = vars(part)
    if (hook := own.get("_hf_hook")) is not None:
        yield from getattr(hook, "hooks", (hook,))
    yield from getattr(own.get("_diffusers_hook"), "hooks", {}).values()


def moves_only(hook: Any) -> bool:
    """Say whether a hook of a library moves weights, and computes nothing."""
    return any(each in type(hook).__name__ for each in _MOVING)


def forwards_of(module: torch.nn.Module) -> str | None:
    """Name the methods by which parts compute that are not their own class's."""
    foreign: dict[type, tuple[str, ...]] = {}
    found: list[str] = []
    for part in module.modules():
        cls = type(part)
        if cls not in foreign:
            foreign[cls] = tuple(foreign_methods(cls, _methods_of(cls)))
        found += foreign[cls]
        found += replaced_on(part)
    return listed(found)


def _methods_of(cls: type) -> set[str]:
    """Name the methods by which parts of a class may compute; of torch's, the first that is called.

    What they were loaded or are switched with is told of where it is kept.
    """
    own = (vars(base) for base in _own_classes(cls))
    names = {name for held in own for name in held if not name.startswith(_AROUND)}
    return names.union(_METHODS)


def _own_classes(cls: type) -> list[type]:
    """Return the classes of which a part is that are not torch's, nor those of all models."""
    return [
        base
        for base in cls.__mro__
        if base is not object and not base.__module__.startswith(_OF_ALL_MODELS)
    ]


def switches_of(module: torch.nn.Module) -> str | None:
    """Write the attributes that diffusers' switches set, where they are on: ``s1=0.9 x 3``."""
    return listed(
        f"{name}={_written(value)}"
        for part in module.modules()
        for name, value in vars(part).items()
        if _is_switch(name, part) and value not in (None, False) and not callable(value)
    )


def _is_switch(name: str, part: Any) -> bool:
    return _can_switch(name) and (
        not name.startswith("tile_") or bool(vars(part).get("use_tiling", False))
    )


@lru_cache(maxsize=4096)  # thousands of parts have the same few names
def _can_switch(name: str) -> bool:
    cached = any(each in name for each in _OF_CACHES)
    return name in _SWITCHES or cached or name.startswith(_OF_TILES)


@lru_cache(maxsize=4096)
def _is_passing(name: str) -> bool:
    return any(each in name for each in _PASSING)


def attributes_sha256(module: torch.nn.Module) -> str:
    """Digest all plain attributes of a module and its parts, in their order, and its options."""
    options: Any = getattr(module, "config", None) or {}
    told = options.to_dict() if hasattr(options, "to_dict") else options
    lines = [json.dumps(_options(told), sort_keys=True, default=str)]
    lines += [
        f"{type(part).__name__} {json.dumps(plain_attributes(part))}" for part in module.modules()
    ]
    return sha256_hex("\n".join(lines).encode())


def _options(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in config.items()
        if not name.startswith("_") and not any(each in name for each in _PASSING_OPTIONS)
    }


def plain_attributes(target: Any, *, digits: int = 9) -> list[tuple[str, str]]:
    """Return an object's numbers, texts, switches, dtypes and short lists of them, by name.

    Floats are rounded to ``digits`` significant ones: C libraries differ in the last bit.
    """
    found = []
    for name, value in vars(target).items():
        if type(value).__name__ == "dtype":
            found.append((name, str(value)))
        elif is_plain(value) and not _is_passing(name):
            found.append((name, _written(value, digits)))
    return sorted(found)


def is_plain(value: Any) -> bool:
    """Say whether a value is a number, text or switch, or a short list of them."""
    if isinstance(value, list | tuple):
        return len(value) <= _LONGEST and all(map(is_plain, value))
    return isinstance(value, _PLAIN)


def _written(value: Any, digits: int = 9) -> str:
    if isinstance(value, list | tuple):
        return f"[{' '.join(_written(each, digits) for each in value)}]"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def adapters_of(module: torch.nn.Module) -> str | None:
    """Name the adapters that are active in a component and their scales: ``style 0.8 x 16``."""
    if not vars(module).get("peft_config"):
        return None
    parts: list[Any] = [each for each in module.modules() if "scaling" in vars(each)]
    return listed(
        f"{name} {_written(float(part.scaling[name]), 6)}"
        for part in parts
        if not part.disable_adapters and not part.merged
        for name in part.active_adapters
        if name in part.scaling
    )


class Look:
    """Tells cheaply whether a component is still as it was when this was made.

    It sees another method of a class, an attribute that is new or has gone, another value of one of
    a model's own parts (a layer of torch keeps what it was made with), hooks on parts, and tensors
    that were written to or exchanged: some 30 microseconds for the 200 parts and 200 tensors of a
    small denoiser.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        import torch

        parts = list(module.modules())
        self._root = vars(module)
        self._dicts = [vars(each) for each in parts[1:]]
        self._hooks = [own[kind] for own in self._dicts for kind in _HOOKS]
        self._values = [
            (own, itemgetter(*names))
            for own in (vars(each) for each in parts if not _is_torchs(each))
            if (names := _values_of(own))
        ]
        self._classes = tuple({type(each) for each in parts})
        bases = {base for each in self._classes for base in _own_classes(each)}
        self._methods = [vars(base) for base in sorted(bases, key=repr)]
        self._tensors = (*module.parameters(), *module.buffers())
        self._address = torch.Tensor.data_ptr
        # What moves weights gives them other addresses in every call.
        self._moves = any(True for part in parts for _ in library_hooks(part))
        self._held, self._written = self._now(), self._tensors_now()

    def holds_the_same(self) -> bool:
        """Say whether the component holds what it held, its tensors aside."""
        return self._now() == self._held

    def has_the_same_tensors(self) -> bool:
        """Say whether nobody wrote to a tensor of it, nor exchanged its values."""
        return self._tensors_now() == self._written

    def _now(self) -> tuple[object, ...]:
        root = self._root
        try:
            values = [get(own) for own, get in self._values]
        except KeyError:
            values = []
        return (
            len(root) - ("decode" in root),  # which the harness itself puts there
            list(map(len, self._dicts)),
            list(map(len, self._hooks)) if any(self._hooks) else (),
            values,
            list(map(_TRAINING, self._dicts)),
            [each.forward for each in self._classes],
            [list(each.values()) for each in self._methods],
            id(root.get("_internal_dict")),
        )

    def _tensors_now(self) -> tuple[object, ...]:
        try:
            versions = list(map(_VERSION, self._tensors))
            return (versions, None if self._moves else list(map(self._address, self._tensors)))
        except RuntimeError:  # tensors made for inference alone count no versions
            return ()


_VERSION: Final = attrgetter("_version")
_TRAINING: Final = itemgetter("training")


def _is_torchs(part: torch.nn.Module) -> bool:
    return type(part).__module__.startswith("torch.nn.modules.")


def _values_of(own: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the plain attributes of a part whose other value is seen."""
    return tuple(
        name for name, value in own.items() if isinstance(value, _PLAIN) and name != "training"
    )
