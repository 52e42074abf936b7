"""What is in force inside a pipeline's call, where the fingerprint says otherwise.

A fingerprint is read around the call. What a pipeline, an extension or a callback switches within
it (threads, TF32, autocast, attention processors, tiling) is seen by whoever looks when the models
compute: at the denoiser's first call and at the VAE's first decode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.as_loaded import memory_format_of, plain_dtype
from goldenseed.backends.diffusers.pipeline_state import processors_of
from goldenseed.backends.diffusers.trace import compiled
from goldenseed.backends.diffusers.watching import watch_attribute
from goldenseed.environment.keys import EnvironmentValue, guarded, plain
from goldenseed.environment.model_keys import AUTOCAST
from goldenseed.environment.switches import switch_readers
from goldenseed.suite.parts import is_denoiser

if TYPE_CHECKING:
    import torch

Reading = Mapping[str, EnvironmentValue]
"""Keys of the fingerprint to their values at one moment of a call."""

_OF_ALL_WEIGHTS = (".dtype", ".memory_format")
"""Fields that a fingerprint reads of all weights of a component, and a reading of one."""


def differing(readings: Sequence[Reading], environment: Reading) -> dict[str, EnvironmentValue]:
    """Return what was in force inside a call and is otherwise in the fingerprint; usually nothing.

    Of several readings that differ the last one counts. A key that the fingerprint lacks tells
    nothing, but for autocast, which no fingerprint has.
    """
    return {
        key: plain(value)
        for reading in readings
        for key, value in reading.items()
        if (key in environment or key == AUTOCAST) and not _agrees(key, value, environment.get(key))
    }


def _agrees(key: str, value: EnvironmentValue, known: EnvironmentValue) -> bool:
    if key.endswith(_OF_ALL_WEIGHTS):
        return str(value) in str(known).split()
    return value == known


class InForce:
    """Reads a loaded pipeline's switches while it makes an image; built once, for all its images.

    Costs some 20 to 50 microseconds an image and changes no value. A pipeline without a denoiser
    or a VAE, or with a compiled one, is read where it has one that can be watched.

    Args:
        pipeline: a loaded diffusers pipeline.
        device: the one it computes on: ``cpu``, ``cuda:0``.

    """

    def __init__(self, pipeline: Any, device: str) -> None:
        import torch

        self._device = device.partition(":")[0]
        self._switches = switch_readers()
        components = getattr(pipeline, "components", {})
        self._denoisers: list[_Part] = []
        self._decoders: list[_Part] = []
        for name, component in sorted(components.items()):
            if not isinstance(component, torch.nn.Module) or compiled(component):
                continue
            if is_denoiser(name):
                self._denoisers.append(_Part(name, component))
            elif callable(getattr(component, "decode", None)):
                self._decoders.append(_Part(name, component))

    @contextmanager
    def watched(self) -> Iterator[list[Reading]]:
        """Read at the first call of each denoiser and each VAE inside; yields the readings."""
        readings: list[Reading] = []
        with ExitStack() as restore:
            for part in self._denoisers:
                _before_first_call(part.module, restore, partial(self._read, part, readings))
            for part in self._decoders:
                decode = self._decoding(part, readings)
                restore.enter_context(watch_attribute(part.module, "decode", decode))
            yield readings

    def _decoding(self, part: _Part, readings: list[Reading]) -> Callable[..., Any]:
        pending = [part]

        def decode(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            if pending:
                self._read(pending.pop(), readings)
            return original(*args, **kwargs)

        return decode

    def _read(self, part: _Part, readings: list[Reading]) -> None:
        import torch

        try:
            found = {key: read() for key, read in self._switches.items()}
        except Exception:  # noqa: BLE001 - torch's getters raise what they like; then one by one
            found = {key: guarded(read) for key, read in self._switches.items()}
        if torch.is_autocast_enabled(self._device):
            found[AUTOCAST] = plain_dtype(torch.get_autocast_dtype(self._device))
        readings.append({**found, **part.read()})


class _Part:
    """A denoiser or a VAE, with what is read of it looked up once."""

    def __init__(self, name: str, module: torch.nn.Module) -> None:
        self._name = name
        self.module = module
        self._attention = [each for each in module.modules() if hasattr(each, "get_processor")]
        self._processors: dict[object, EnvironmentValue] = {}
        self._first = _owner(module, lambda _: True)
        self._convolution = _owner(module, lambda weight: memory_format_of(weight) is not None)

    def read(self) -> Reading:
        """Return the part's own keys as they are now."""
        found: dict[str, EnvironmentValue] = {}
        model = f"model.{self._name}"
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
            found[f"attention.{self._name}.processors"] = self._named_processors()
        return found

    def _named_processors(self) -> EnvironmentValue:
        """Name the processors as the fingerprint does, once for each way they were found."""
        processors = [getattr(each, "processor", None) for each in self._attention]
        kinds = tuple(
            [(each.__class__, getattr(each, "_attention_backend", None)) for each in processors]
        )
        if kinds not in self._processors:
            self._processors[kinds] = guarded(lambda: processors_of(self.module))
        return self._processors[kinds]


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


def _before_first_call(
    module: torch.nn.Module, restore: ExitStack, read: Callable[[], None]
) -> None:
    def before(_module: Any, _args: Any) -> None:
        handle.remove()
        read()

    handle = module.register_forward_pre_hook(before)
    restore.callback(handle.remove)
