"""A device that is no CPU, for tests: its tensors' values lie on the CPU, but it is another device.

It shows whatever reads a tensor's memory where it does not lie, mixes devices, takes the current
device for the one that was meant, needs float64, or makes a device wait by copying to and fro. What
it cannot show: streams, a vendor's switches and libraries, the numerics of kernels, memory, the
current device by way of ``torch.accelerator`` (``torch.twin.set_device`` works).

    with accelerator_double.in_use() as double:
        pipeline.to("twin:1")
        ...
        assert double.copies_off <= 10

There are two devices, ``twin:0`` and ``twin:1``. torch keeps them once they are registered, but
finds no accelerator available outside ``in_use``. The function of torch that registers them is
experimental, so it is used here alone; where it is missing, tests are skipped by ``needs_double``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
import torch
from torch.utils import backend_registration
from torch.utils._pytree import tree_leaves, tree_map

NAME = "twin"
DEVICES = 2
_REGISTER = "_setup_privateuseone_for_python_backend"


@dataclass
class Double:
    """What the devices do, and what is to happen to them."""

    current: int = 0
    """The device that ``twin`` without a number stands for."""
    float64: bool = True
    """Whether there is float64; MPS has none."""
    fails_at: int | None = None
    """The number of the operation that finds the memory full; None for never."""
    operations: int = 0
    """How many operations ran so far."""
    copies_off: int = 0
    """How often a tensor was brought off a device, which waits for it."""
    reads: int = 0
    """How often a single number was read, which waits likewise (``item()``)."""
    copies_onto: int = 0
    fallen: list[str] = field(default_factory=list)
    """The operations that found the memory full."""

    def run(self, name: str) -> None:
        """Count an operation; raise if it is the one whose turn it is."""
        self.operations += 1
        if self.operations == self.fails_at:
            self.fallen.append(name)
            raise torch.OutOfMemoryError(f"twin out of memory in {name}. Tried to allocate 1 GiB.")


_state: Double | None = None
needs_double = pytest.mark.skipif(
    not hasattr(backend_registration, _REGISTER),
    reason=f"torch {torch.__version__} registers no device written in Python",
)


def _used() -> Double:
    if _state is None:
        raise RuntimeError("twin is not available outside of in_use()")
    return _state


@contextmanager
def in_use(**wanted: Any) -> Iterator[Double]:
    """Have the two devices, in the state that ``wanted`` says; yields it, with its counters."""
    global _state  # noqa: PLW0603 - torch calls functions, not an object of ours
    _register()
    _state = double = Double(**wanted)
    try:
        yield double
    finally:
        _state = None


class _Twin(torch.Tensor):
    """A tensor on one of the devices; ``raw`` has its values, on the CPU."""

    raw: torch.Tensor

    @staticmethod
    def __new__(cls: type[_Twin], raw: torch.Tensor, number: int) -> _Twin:
        if raw.dtype is torch.float64 and not _used().float64:
            raise TypeError("Cannot convert a twin tensor to float64, which twin does not support")
        twin = torch.Tensor._make_wrapper_subclass(
            cls,
            raw.shape,
            strides=raw.stride(),
            storage_offset=raw.storage_offset(),
            dtype=raw.dtype,
            device=torch.device(NAME, number),
        )
        twin.raw = raw
        return twin

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, op: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = op._schema.name
        _used().run(name)
        if name == "aten::copy_":
            return _copied(*args[:2])
        _used().reads += name == "aten::_local_scalar_dense"
        device = kwargs.get("device")
        if name == "aten::_to_copy" and device is not None:
            return _moved(op, args[0], kwargs)
        number = _number(name, (args, kwargs)) if device is None else _index(device)
        out = op(*tree_map(_here, args), **tree_map(_here, kwargs))
        written = _written(op, args, kwargs)
        if written is not None:
            return written
        return tree_map(lambda each: _onto(each, number), out)

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def numpy(self, *, force: bool = False) -> Any:
        if not force:
            raise TypeError(f"can't convert {self.device} device type tensor to numpy")
        return self.cpu().numpy()

    def __repr__(self, *, tensor_contents: Any = None) -> Any:
        return f"{self.raw!r} on {self.device}"


def _index(device: torch.device) -> int:
    return _used().current if device.index is None else device.index


def _here(value: Any) -> Any:
    if isinstance(value, _Twin):
        return value.raw
    if isinstance(value, torch.device) and value.type == NAME:
        return torch.device("cpu")
    return value


def _onto(value: Any, number: int) -> Any:
    return _Twin(value, number) if isinstance(value, torch.Tensor) else value


def _number(name: str, values: Any) -> int:
    """Return on which device an operation runs; as everywhere, it must have all tensors there."""
    tensors = [each for each in tree_leaves(values) if isinstance(each, torch.Tensor)]
    numbers = {each.device.index for each in tensors if isinstance(each, _Twin)}
    strangers = [each for each in tensors if not isinstance(each, _Twin) and each.ndim]
    if len(numbers) > 1 or strangers:
        found = sorted({str(each.device) for each in tensors})
        raise RuntimeError(f"Expected all tensors to be on the same device in {name}: {found}")
    return numbers.pop()


def _written(op: Any, args: Any, kwargs: Any) -> Any:
    """Return the tensor that an operation writes into, if it writes into one of the caller's."""
    for place, argument in enumerate(op._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            return args[place] if place < len(args) else kwargs[argument.name]
    return None


def _count(source: torch.Tensor, target_is_twin: bool) -> None:
    _used().copies_off += isinstance(source, _Twin) and not target_is_twin
    _used().copies_onto += target_is_twin and not isinstance(source, _Twin)


def _copied(target: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    _count(source, isinstance(target, _Twin))
    _here(target).copy_(_here(source))
    return target


def _moved(op: Any, source: torch.Tensor, kwargs: dict[str, Any]) -> torch.Tensor:
    device = kwargs["device"]
    _count(source, device.type == NAME)
    moved = op(_here(source), **(kwargs | {"device": torch.device("cpu")}))
    return _Twin(moved, _index(device)) if device.type == NAME else moved


class _Module:
    """What torch asks of a device's module: ``torch.twin``."""

    def is_available(self) -> bool:
        return _state is not None

    def is_initialized(self) -> bool:
        return True

    def _is_in_bad_fork(self) -> bool:
        return False

    def _lazy_init(self) -> None:
        pass

    def device_count(self) -> int:
        return 0 if _state is None else DEVICES

    def current_device(self) -> int:
        return _used().current

    def set_device(self, device: Any) -> None:
        _used().current = device if isinstance(device, int) else _index(torch.device(device))

    def synchronize(self, device: Any = None) -> None:
        pass

    def empty_cache(self) -> None:
        pass

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        pass

    def get_rng_state(self, device: Any = None) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, device: Any = None) -> None:
        pass

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float16, torch.bfloat16]


@cache
def _register() -> Any:
    """Make the devices known to torch, once a process; what is returned has to live as long."""

    class Hooks(torch._C._acc.PrivateUse1Hooks):
        def is_available(self) -> bool:
            return _state is not None

        def has_primary_context(self, _device: int) -> bool:
            return True

        def is_built(self) -> bool:
            return True

    getattr(backend_registration, _REGISTER)(NAME, backend_module=_Module(), hook=Hooks())
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]

    def empty(size: Any, dtype: Any = None, device: Any = None, **_: Any) -> torch.Tensor:
        return _made(torch.empty(size, dtype=dtype), device)

    def strided(size: Any, stride: Any, dtype: Any = None, device: Any = None, **_: Any) -> Any:
        return _made(torch.empty_strided(size, stride, dtype=dtype), device)

    library.impl("empty.memory_format", empty, "PrivateUse1")  # type: ignore[no-untyped-call]
    library.impl("empty_strided", strided, "PrivateUse1")  # type: ignore[no-untyped-call]
    return library


def _made(raw: torch.Tensor, device: Any) -> torch.Tensor:
    _used().run("aten::empty")
    return _Twin(raw, _index(torch.device(NAME) if device is None else device))
