"""What is in force inside a pipeline's call, where the fingerprint says otherwise.

A fingerprint is read around the call. What a pipeline, an extension or a callback switches within
it (threads, TF32, autocast, attention processors, tiling) is seen by whoever looks when the models
compute: at the denoiser's first call and at the VAE's first decode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.as_loaded import memory_format_of, plain_dtype
from goldenseed.backends.diffusers.pipeline_state import processors_of
from goldenseed.backends.diffusers.trace import compiled
from goldenseed.backends.diffusers.watching import watch_attribute
from goldenseed.environment.keys import AUTOCAST, EnvironmentValue, guarded, plain
from goldenseed.environment.switches import switch_readers
from goldenseed.suite.parts import is_denoiser

if TYPE_CHECKING:
    import torch

Reading = Mapping[str, EnvironmentValue]
"""Keys of the fingerprint to their values at one moment of a call."""

_KERNEL = ".kernel."
_OF_ALL_WEIGHTS = (".dtype", ".memory_format")
"""Fields that a fingerprint reads of all weights of a component, and a reading of one."""


def differing(readings: Sequence[Reading], environment: Reading) -> dict[str, EnvironmentValue]:
    """Return what was in force inside a call and is otherwise in the fingerprint; usually nothing.

    Of several readings that differ the last one counts. A key that the fingerprint lacks tells
    nothing, but for autocast, which no fingerprint has, and for kernels of attention by shapes: on
    a GPU all are named, and on a CPU those that are not the fingerprint's one.
    """
    return {
        key: plain(value)
        for reading in readings
        for key, value in reading.items()
        if _is_told(key, environment) and not _agrees(key, value, environment)
    }


def _is_told(key: str, environment: Reading) -> bool:
    return key == AUTOCAST or key in environment or _kernel_key(key) in environment


def _agrees(key: str, value: EnvironmentValue, environment: Reading) -> bool:
    if key.endswith(_OF_ALL_WEIGHTS):
        return str(value) in str(environment.get(key)).split()
    if kernel := _kernel_key(key):
        on_cpu = environment.get("device.type") == "cpu"
        return on_cpu and value == str(environment.get(kernel)).removesuffix(" (asked)")
    return value == environment.get(key)


def _kernel_key(key: str) -> str | None:
    """Return the fingerprint's key of a component's kernel of attention, for a key of shapes."""
    component, kernel, _shapes = key.partition(_KERNEL)
    return f"{component}{kernel}".removesuffix(".") if kernel else None


class InForce:
    """Reads a loaded pipeline's switches while it makes an image; built once, for all its images.

    Costs some 20 to 50 microseconds an image and changes no value. A pipeline without a denoiser or
    a VAE, or with a compiled one, is read where it has one that can be watched.
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
                _around_first_call(part.module, restore, partial(self._begin, part, readings))
            for part in self._decoders:
                decode = self._decoding(part, readings)
                restore.enter_context(watch_attribute(part.module, "decode", decode))
            yield readings

    def _decoding(self, part: _Part, readings: list[Reading]) -> Callable[..., Any]:
        pending = [part]

        def decode(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            with self._begin(pending.pop(), readings) if pending else nullcontext():
                return original(*args, **kwargs)

        return decode

    def _begin(self, part: _Part, readings: list[Reading]) -> AbstractContextManager[None]:
        """Read what is in force now; what it returns watches the part's attention meanwhile."""
        reading = self._read(part)
        readings.append(reading)
        if part.compiled:  # what is watched would be compiled into it
            return nullcontext()
        return _kernels_noted(f"attention.{part.name}{_KERNEL}", reading)

    def _read(self, part: _Part) -> dict[str, EnvironmentValue]:
        import torch

        try:
            found = {key: read() for key, read in self._switches.items()}
        except Exception:  # noqa: BLE001 - torch's getters raise what they like; then one by one
            found = {key: guarded(read) for key, read in self._switches.items()}
        if torch.is_autocast_enabled(self._device):
            found[AUTOCAST] = plain_dtype(torch.get_autocast_dtype(self._device))
        return {**found, **part.read()}


class _Part:
    """A denoiser or a VAE, with what is read of it looked up once."""

    def __init__(self, name: str, module: torch.nn.Module) -> None:
        self.name = name
        self.module = module
        self.compiled = any(map(compiled, module.modules()))
        self._attention = [each for each in module.modules() if hasattr(each, "get_processor")]
        self._processors: dict[object, EnvironmentValue] = {}
        self._first = _owner(module, lambda _: True)
        self._convolution = _owner(module, lambda weight: memory_format_of(weight) is not None)

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
            found[f"attention.{self.name}.processors"] = self._named_processors()
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


def _around_first_call(
    module: torch.nn.Module,
    restore: ExitStack,
    begin: Callable[[], AbstractContextManager[None]],
) -> None:
    """Enter what ``begin`` returns for the module's first call alone."""
    inside = restore.enter_context(ExitStack())

    def before(_module: Any, _args: Any) -> None:
        started.remove()
        inside.enter_context(begin())

    def after(_module: Any, _args: Any, _output: Any) -> None:
        ended.remove()
        inside.close()

    started = module.register_forward_pre_hook(before)
    ended = module.register_forward_hook(after)
    restore.callback(started.remove)
    restore.callback(ended.remove)


@contextmanager
def _kernels_noted(prefix: str, reading: dict[str, EnvironmentValue]) -> Iterator[None]:
    """Note torch's kernel of each attention, by queries x keys x head size, and ``-mask``."""
    import torch
    from torch.nn import functional

    own = functional.scaled_dot_product_attention

    def watched(query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        result = own(query, key, value, *args, **kwargs)
        masked = "" if (args[0] if args else kwargs.get("attn_mask")) is None else "-mask"
        name = f"{prefix}{query.shape[-2]}x{key.shape[-2]}x{query.shape[-1]}{masked}"
        if name not in reading:
            with suppress(Exception):  # a mode that watches all operations may refuse this one
                choice = torch._fused_sdp_choice(query, key, value, *args, **kwargs)  # noqa: SLF001 - nothing public tells
                reading[name] = torch.nn.attention.SDPBackend(choice).name
        return result

    functional.scaled_dot_product_attention = watched
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = own
