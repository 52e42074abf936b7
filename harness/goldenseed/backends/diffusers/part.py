"""One component of a pipeline, read inside a call: what is looked up once, and what each time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.as_loaded import memory_format_of
from goldenseed.backends.diffusers.digests import plain_dtype, tables_sha256, weights_sha256
from goldenseed.backends.diffusers.held import (
    Look,
    adapters_of,
    held_by,
    hooks_of,
    listens_only,
)
from goldenseed.backends.diffusers.processors import processors_of, processors_sha256
from goldenseed.backends.diffusers.trace import compiled
from goldenseed.environment.keys import EnvironmentValue, guarded

if TYPE_CHECKING:
    import torch

Reading = Mapping[str, EnvironmentValue]
"""Keys of the fingerprint to their values at one moment of a call."""


class Part:
    """A component of a pipeline, with what is read of it looked up once."""

    def __init__(self, name: str, module: torch.nn.Module) -> None:
        self.name = name
        self.module = module
        self.compiled = any(map(compiled, module.modules()))
        self._processors: dict[object, Reading] = {}
        self._first = _owner(module, lambda _: True)
        owners = [each for each in module.modules() if each is not module and each._parameters]  # noqa: SLF001 - as below
        self._inner = (owners[0], owners[-1]) if owners else ()
        self._convolution = _owner(module, lambda weight: memory_format_of(weight) is not None)
        self.settled()

    def settled(self) -> None:
        """Take the component as it is now for what it is meant to be."""
        self._attention = [each for each in self.module.modules() if hasattr(each, "processor")]
        self._look = Look(self.module)
        self._changed: tuple[Look, Reading] | None = None
        self._adapters = adapters_of(self.module)

    def within(self, note: Callable[[], None]) -> Callable[[], None]:
        """Call ``note`` once, when a layer with weights is called; return what ends that.

        By then whatever the component's own call switches is on. The first layer is not called
        where another one has its weights, as in T5; so the last one is watched as well.
        """
        if self.compiled:
            return lambda: None

        def before(_module: Any, _args: Any) -> None:
            end()
            note()

        def end() -> None:
            for hook in hooks:
                hook.remove()

        hooks = [each.register_forward_pre_hook(before) for each in self._inner]
        return end

    def read(self) -> Reading:
        """Return the part's own keys as they are now."""
        found: dict[str, EnvironmentValue] = {}
        model = f"model.{self.name}"
        if self.module.training:  # a part of it may be, all along
            found[f"{model}.training"] = True
        weight = _parameter(self._first)
        if weight is not None:
            found[f"{model}.dtype"] = plain_dtype(weight.dtype)
        kernel = _parameter(self._convolution)
        layout = None if kernel is None else memory_format_of(kernel)
        if layout is not None:
            found[f"{model}.memory_format"] = layout
        for switch in ("tiling", "slicing"):
            value = self.module.__dict__.get(f"use_{switch}")
            if value is not None:
                found[f"{model}.{switch}"] = value
        if self._attention:
            found.update(self._named_processors())
        return {**found, **self._otherwise()}

    def _otherwise(self) -> Reading:
        """Return what the component holds, where it is not what it held when it had settled."""
        found: dict[str, EnvironmentValue] = {}
        module, model = self.module, f"model.{self.name}"
        if not self._look.holds_the_same():
            found.update(self._held_since())
        elif not all(map(listens_only, _own_hooks(module))):
            found[f"{model}.hooks"] = guarded(lambda: hooks_of(module))
        if not self._look.has_the_same_tensors():
            found[f"{model}.weights_sha256"] = guarded(lambda: weights_sha256(module))
            found[f"{model}.tables_sha256"] = guarded(lambda: tables_sha256(module))
        found.pop(f"{model}.adapters", None)
        if vars(module).get("peft_config") or self._adapters:
            adapters = adapters_of(module)
            if adapters != self._adapters:
                found[f"{model}.adapters"] = adapters or "switched off"
        return found

    def _held_since(self) -> Reading:
        """Read what the component holds, once for as long as it looks the same."""
        if self._changed is None or not self._changed[0].holds_the_same():
            found = held_by(self.name, self.module)
            training = any(each.training for each in self.module.modules())
            self._changed = Look(self.module), {**found, f"model.{self.name}.training": training}
        return self._changed[1]

    def _named_processors(self) -> Reading:
        """Describe the processors as the fingerprint does, once for each way they were found."""
        processors = [getattr(each, "processor", None) for each in self._attention]
        kinds = tuple(
            [(each.__class__, getattr(each, "_attention_backend", None)) for each in processors]
        )
        if kinds not in self._processors:
            of = f"attention.{self.name}"
            self._processors[kinds] = {
                f"{of}.processors": guarded(lambda: processors_of(self.module)),
                f"{of}.processors_sha256": guarded(lambda: processors_sha256(self.module)),
            }
        return self._processors[kinds]


def _own_hooks(module: torch.nn.Module) -> list[Any]:
    own = vars(module)
    return [*own["_forward_pre_hooks"].values(), *own["_forward_hooks"].values()]


_Owner = tuple[Any, str] | None
"""A module and the name of one of its parameters, which may be exchanged meanwhile."""


def _owner(module: torch.nn.Module, wanted: Callable[[torch.Tensor], bool]) -> _Owner:
    return next(
        (
            (part, name)
            for part in module.modules()
            for name, weight in part.named_parameters(recurse=False)
            if wanted(weight)
        ),
        None,
    )


def _parameter(owner: _Owner) -> torch.Tensor | None:
    if owner is None:
        return None
    module, name = owner
    found: torch.Tensor | None = module._parameters.get(name)  # noqa: SLF001 - quick, and public in torch's guides
    return found
