"""What is in force inside a pipeline's call, where the fingerprint says otherwise.

A fingerprint is read around the call. What a pipeline, an extension or a callback switches within
it (threads, TF32, autocast, attention processors, tiling) is seen by whoever looks when the models
compute: at the denoiser's first call and at the VAE's first decode.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.digests import plain_dtype
from goldenseed.backends.diffusers.foreign import callback_around
from goldenseed.backends.diffusers.part import Part, Reading
from goldenseed.backends.diffusers.tensors import readable
from goldenseed.backends.diffusers.trace import compiled
from goldenseed.backends.diffusers.watching import by_name, watch_attribute
from goldenseed.core.files import sha256_hex
from goldenseed.environment.keys import (
    AUTOCAST,
    EnvironmentValue,
    declaration_of,
    guarded,
    plain,
)
from goldenseed.environment.switches import switch_readers
from goldenseed.suite.parts import Role, is_denoiser, role_of

if TYPE_CHECKING:
    import torch

_KERNEL = ".kernel."
_OF_ALL_WEIGHTS = (".dtype", ".memory_format")
"""Fields that a fingerprint reads of all weights of a component, and a reading of one."""


def differing(readings: Sequence[Reading], environment: Reading) -> dict[str, EnvironmentValue]:
    """Return what was in force inside a call and is otherwise in the fingerprint; usually nothing.

    Of several readings that differ the last one counts. A key that the fingerprint lacks tells
    nothing, but for those that a fingerprint has only where there is something to tell, or never
    has (autocast), and for kernels of attention by shapes: on a GPU all are named, and on a CPU
    those that are not the fingerprint's one.
    """
    return {
        key: plain(value)
        for reading in readings
        for key, value in reading.items()
        if not _is_the_same(key, value, environment)
        and _is_told(key, environment)
        and not _agrees(key, value, environment)
    }


def _is_the_same(key: str, value: EnvironmentValue, environment: Reading) -> bool:
    """Say of most keys, without asking what they are, that nothing is told."""
    return key in environment and value == environment[key]


def _is_told(key: str, environment: Reading) -> bool:
    if key == AUTOCAST or key in environment or _kernel_key(key) in environment:
        return True
    declared = declaration_of(key)
    return declared is not None and declared.since > 1


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

    Costs some 50 to 90 microseconds an image and changes no value. A pipeline without a denoiser or
    a VAE, or with a compiled one, is read where it has one that can be watched.
    """

    def __init__(self, pipeline: Any, device: str) -> None:
        import torch

        self._device = device.partition(":")[0]
        self._switches = switch_readers()
        self._state = vars(pipeline) if hasattr(pipeline, "__dict__") else {}
        components = getattr(pipeline, "components", {})
        self._denoisers: list[Part] = []
        self._decoders: list[Part] = []
        self._others: list[Part] = []
        for name, component in sorted(components.items()):
            if not isinstance(component, torch.nn.Module) or compiled(component):
                continue
            decodes = callable(getattr(component, "decode", None))
            alike = self._decoders if decodes else self._others
            (self._denoisers if is_denoiser(name) else alike).append(Part(name, component))

    def settled(self) -> None:
        """Take the components as they are now: the harness has put a case's adapters on or off."""
        for part in (*self._others, *self._denoisers, *self._decoders):
            part.settled()

    @contextmanager
    def watched(self) -> Iterator[list[Reading]]:
        """Read at the first call of each component inside; yields the readings."""
        readings: list[Reading] = []
        noting: list[tuple[Part, _Calls | _Given]] = [
            *((part, _Calls(part.name, self._state)) for part in self._denoisers),
            *(
                (part, _Given(part.name, self._state))
                for part in self._others
                if _is_encoder(part.name)
            ),
        ]
        with ExitStack() as restore:
            for part in (*self._others, *self._denoisers):
                _around_first_call(part.module, restore, partial(self._begin, part, readings))
            for part in self._decoders:
                decode = self._decoding(part, readings)
                restore.enter_context(watch_attribute(part.module, "decode", decode))
            for part, noted in noting:
                hook = part.module.register_forward_pre_hook(noted.note, with_kwargs=True)
                restore.callback(hook.remove)
            yield readings
        readings.extend(noted.reading() for _, noted in noting)

    def _decoding(self, part: Part, readings: list[Reading]) -> Callable[..., Any]:
        pending = [part]

        def decode(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            with self._begin(pending.pop(), readings) if pending else nullcontext():
                return original(*args, **kwargs)

        return decode

    @contextmanager
    def _begin(self, part: Part, readings: list[Reading]) -> Iterator[None]:
        """Read what is in force now; what it returns watches the part's attention meanwhile."""
        reading = self._read(part)
        readings.append(reading)
        with ExitStack() as inside:
            inside.callback(part.within(partial(self._precision, part, reading)))
            if not part.compiled:  # what is watched would be compiled into it
                inside.enter_context(_kernels_noted(f"attention.{part.name}{_KERNEL}", reading))
            yield

    def _read(self, part: Part) -> dict[str, EnvironmentValue]:
        try:
            found = {key: read() for key, read in self._switches.items()}
        except Exception:  # noqa: BLE001 - torch's getters raise what they like; then one by one
            found = {key: guarded(read) for key, read in self._switches.items()}
        self._precision(part, found)
        return {**found, **part.read()}

    def _precision(self, part: Part, reading: dict[str, EnvironmentValue]) -> None:
        """Note autocast where it is on: around a component, or within its own call."""
        import torch

        if torch.is_autocast_enabled(self._device):
            dtype = plain_dtype(torch.get_autocast_dtype(self._device))
            reading[AUTOCAST] = reading[f"model.{part.name}.autocast"] = dtype


class _Calls:
    """Counts rows and guidance over the calls of one denoiser."""

    def __init__(self, name: str, state: Mapping[str, Any]) -> None:
        self._name = name
        self._state = state
        self._rows: list[int] = []
        self._guidance: list[object] = []
        self._callback: str | None = None

    def note(self, _module: Any, args: Any, kwargs: Any) -> None:
        """Note what one call is given; a pre-hook."""
        given = args[0] if args else next(iter(kwargs.values()), ())
        if not self._rows:
            self._callback = callback_around(sys._getframe(1))  # noqa: SLF001 - no signature tells it
        self._rows.append(len(given) if getattr(given, "ndim", 1) else 1)
        self._guidance.append(self._state.get("_guidance_scale"))

    def reading(self) -> Reading:
        """Return the keys of the calls so far; nothing where there was none."""
        if not self._rows:
            return {}
        found = {f"call.{self._name}.rows": _runs(self._rows)}
        if isinstance(self._guidance[0], int | float):
            found["call.guidance_scale"] = _runs(self._guidance)
        if self._callback:
            found["pipeline.callback"] = self._callback
        return found


def _is_encoder(name: str) -> bool:
    return role_of(name) is Role.TEXT_ENCODER


_DIGITS = 8


class _Given:
    """Keeps what a text encoder is given that no arithmetic goes into: ids, masks, options."""

    def __init__(self, name: str, state: Mapping[str, Any]) -> None:
        self.name = name
        self._state = state
        self._told: list[str] = []

    def note(self, module: Any, args: Any, kwargs: Any) -> None:
        """Note what one call is given, of a batch the image's own rows; a pre-hook."""
        place = self._state.get("goldenseed_place")
        for name, value in by_name(module, args, kwargs).items():
            if isinstance(value, bool | int | str):
                self._told.append(f"{name}={value}")
            elif readable(value) and not value.is_floating_point():
                own = value if place is None else place.own(value)
                digest = sha256_hex(own.detach().cpu().contiguous().numpy().tobytes())
                shape = "x".join(map(str, own.shape))
                self._told.append(f"{name}={shape}:{digest[:_DIGITS]}")

    def reading(self) -> Reading:
        """Return the key of the calls so far; nothing where there was none."""
        return {f"call.{self.name}.given": ", ".join(self._told)} if self._told else {}


def _runs(values: list[Any]) -> str:
    """``2 x 8, 1 x 12``: each value and how often it comes in a row."""
    return ", ".join(f"{value} x {sum(1 for _ in run)}" for value, run in groupby(values))


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
