"""torch's devices: which one is taken, what it can do (it is asked, not judged by its name)."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from goldenseed.core.errors import GoldenseedError

if TYPE_CHECKING:
    import torch

_DEVICE = re.compile(r"(?P<kind>[a-z][a-z0-9_]*)(?::(?P<number>[0-9]+))?")
VARIABLES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        isa: MappingProxyType(
            {"ATEN_CPU_CAPABILITY": isa, "ONEDNN_MAX_CPU_ISA": onednn, "MKL_CBWR": mkl}
        )
        for isa, onednn, mkl in (
            ("default", "SSE41", "COMPATIBLE"),
            ("avx2", "AVX2", "AVX2"),
            ("avx512", "AVX512_CORE", "AVX512"),
        )
    }
)
"""``determinism.cpu_isa`` to the variables of torch's own kernels, of oneDNN and of MKL."""


def device_for(wanted: str, gpu_index: int = 0, *, dtype: torch.dtype | None = None) -> str:
    """Choose the device, for example ``cpu``, ``cuda:1`` or ``mps:0``.

    ``auto`` is the accelerator, if it has the ``dtype``, else the CPU. Without a number it is the
    one at ``gpu_index`` modulo their number: workers share them. ``GoldenseedError`` if it is not
    to be had.
    """
    kind, number = _parsed(wanted)
    if wanted == "auto":
        kind = _accelerator() or "cpu"
    if kind == "cpu":
        return "cpu"
    count = _count(kind)
    if number is None and count:
        number = gpu_index % count
    if number is None or number >= count:
        raise _absent(wanted, kind, count)
    device = f"{kind}:{number}"
    if dtype is not None and not _has(device, dtype):
        if wanted == "auto":
            return "cpu"
        raise GoldenseedError(
            f"the device {device} has no {str(dtype).removeprefix('torch.')}",
            fix="ask for the device cpu, or for another dtype",
        )
    return device


def cap_cpu(isa: str | None, suite: Path) -> None:
    """Set the variables of ``isa``, if any; raises if torch was imported without them."""
    missing = {
        name: value
        for name, value in (VARIABLES[isa].items() if isa else ())
        if os.environ.get(name) != value
    }
    if missing and "torch" in sys.modules:
        raise GoldenseedError(
            f"`determinism.cpu_isa` is {isa}, which has to be set before torch is imported, "
            f"and this process has imported it without {' and '.join(missing)}",
            path=suite,
            fix="export " + " ".join(f"{name}={value}" for name, value in missing.items()),
        )
    os.environ.update(missing)


def check_cpu(isa: str | None, suite: Path) -> None:
    """Check that torch runs with ``isa``, if any; ``GoldenseedError`` if it does not."""
    if isa is None:
        return
    import torch

    found = torch.backends.cpu.get_cpu_capability().lower()
    if found != isa:
        raise GoldenseedError(
            f"`determinism.cpu_isa` is {isa}, and torch runs with {found} here",
            path=suite,
            fix=f"run on a processor that has {isa}, or ask for another instruction set",
        )


def module_of(device: str) -> Any:
    """Return what torch has for the device's kind: ``torch.cuda``; None for the CPU."""
    import torch

    kind = device.partition(":")[0]
    return None if kind == "cpu" else getattr(torch, kind, None)


def copies_aside(device: str) -> bool:
    """Say whether values can be brought off the device while it, or this process, goes on."""
    import torch

    try:
        torch.empty(1, pin_memory=True)
    except (RuntimeError, AssertionError, NotImplementedError):
        return False
    return all(hasattr(module_of(device), name) for name in ("Stream", "Event", "stream"))


def empty_cache(device: str) -> None:
    """Give memory that nothing holds any more back to the device."""
    release = getattr(module_of(device), "empty_cache", None)
    if release is not None:
        release()


def forget_peak(device: str) -> None:
    """Begin to measure the peak of the device's memory anew, where that is measured."""
    reset = getattr(module_of(device), "reset_peak_memory_stats", None)
    if reset is not None:
        reset(device)


def peak_bytes(device: str) -> int | None:
    """Return the most bytes that tensors held on the device at once; None where nobody counts."""
    peak = getattr(module_of(device), "max_memory_allocated", None)
    return None if peak is None else int(peak(device))


def _parsed(wanted: str) -> tuple[str, int | None]:
    import torch

    found = _DEVICE.fullmatch(wanted)
    try:
        if wanted != "auto":
            torch.device(wanted)
    except RuntimeError:
        found = None
    if found is None:
        raise GoldenseedError(
            f"{wanted!r} is no device", fix="use auto, cpu, cuda or cuda:0, mps or xpu"
        )
    return found["kind"], None if found["number"] is None else int(found["number"])


def _accelerator() -> str | None:
    """Return the kind of device that is there and that this torch is made for; None for the CPU."""
    import torch

    known = getattr(torch, "accelerator", None)  # torch 2.6
    found = None if known is None else known.current_accelerator()
    kind = "cuda" if found is None else found.type
    return kind if _count(kind) else None


def _count(kind: str) -> int:
    module = module_of(kind)
    there = module is not None and hasattr(module, "device_count") and module.is_available()
    return int(module.device_count()) if there else 0


def _absent(wanted: str, kind: str, count: int) -> GoldenseedError:
    import torch

    if count:
        return GoldenseedError(
            f"device {wanted!r} was asked for, but there are only {count} of {kind}",
            fix=f"use a number from 0 to {count - 1}, or {kind} for any",
        )
    other = _accelerator()
    sees = "no GPU" if other is None else f"no {kind}, but {_count(other)} of {other}"
    return GoldenseedError(
        f"device {wanted!r} was asked for, but torch {torch.__version__} sees {sees}",
        fix="run on a machine that has it, or ask for the device cpu or auto",
    )


def _has(device: str, dtype: torch.dtype) -> bool:
    """Try the dtype on the device; ``GoldenseedError`` if not even float32 can be had there."""
    import torch

    try:
        torch.zeros(1, dtype=dtype, device=device).add_(1)
    except Exception as error:  # each kind of device refuses in its own way
        if dtype is not torch.float32 and _has(device, torch.float32):
            return False
        raise GoldenseedError(
            f"the device {device} does not work: {type(error).__name__}: "
            f"{str(error).strip().partition(chr(10))[0]}",
            fix="ask for another device, or see with its driver's tools (nvidia-smi) whether it is "
            "there and has memory left",
        ) from error
    return True
