"""Digests of tensors, wherever they lie: of one, of a module's by their names or in their order."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from goldenseed.environment.device import copies_aside, module_of

if TYPE_CHECKING:
    import torch


CHUNK_BYTES = 2**25
"""How much of a tensor on a GPU is on its way to the CPU at once."""
_THREADS = 8
_ALONE_BYTES = 2**24
"""Below this many bytes the threads would cost more than they bring."""


def tensors_sha256(tensors: Mapping[str, torch.Tensor]) -> str | None:
    """Digest named tensors: 64 hexadecimal digits; None where there are none.

    SHA-256 over one line a tensor, in the order of their names: name, dtype, shape and the SHA-256
    of its bytes in C order, little-endian. Where they lie (CPU, GPU) and in which memory format
    does not matter. Of a tensor on a GPU each of a few threads holds two chunks of ``CHUNK_BYTES``
    on the CPU; a tensor on the CPU is read in place unless its memory format is another.
    """
    return by_name(digests_of(tensors))


def weights_sha256(module: torch.nn.Module) -> str | None:
    """Digest a module's parameters and buffers in their order, whatever their names are."""
    return in_order(digests_of(stored(module)))


def tables_sha256(module: torch.nn.Module) -> str | None:
    """Digest the buffers of a module that are computed, not stored."""
    return tensors_sha256(computed(module))


_Digests = Mapping[str, list[object]]
"""Name → dtype, shape and digest of a tensor, in the order of a module's parts."""


def digests_of(tensors: Mapping[str, torch.Tensor]) -> _Digests:
    """Digest each tensor by itself, several at once where they are large."""
    if sum(tensor.nbytes for tensor in tensors.values()) >= _ALONE_BYTES:
        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as threads:
            digests = list(threads.map(tensor_sha256, tensors.values()))
    else:
        digests = [tensor_sha256(each) for each in tensors.values()]
    return {
        name: [plain_dtype(tensor.dtype), list(tensor.shape), digest]
        for (name, tensor), digest in zip(tensors.items(), digests, strict=True)
    }


def by_name(digests: _Digests) -> str | None:
    """Digest tensors with their names, in the order of those; None where there are none."""
    return _lines_sha256([name, *digests[name]] for name in sorted(digests)) if digests else None


def in_order(digests: _Digests) -> str | None:
    """Digest tensors without their names, in the order in which a module has them."""
    return _lines_sha256(digests.values()) if digests else None


def _lines_sha256(lines: Iterable[list[object]]) -> str:
    whole = hashlib.sha256()
    for line in lines:
        whole.update(json.dumps(line).encode() + b"\n")
    return whole.hexdigest()


def stored(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the parameters, and the buffers that are saved with them."""
    saved = module.state_dict(keep_vars=True).keys()
    buffers = {name: each for name, each in module.named_buffers() if name in saved}
    return {**dict(module.named_parameters()), **buffers}


def computed(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the buffers that are computed when the module is made."""
    saved = module.state_dict(keep_vars=True).keys()
    return {name: each for name, each in module.named_buffers() if name not in saved}


def tensor_sha256(tensor: torch.Tensor) -> str:
    """Digest a tensor's bytes in C order; raises if it has none, as on the device ``meta``.

    Of one made of several, as quantised weights are: names, dtypes, shapes and digests of those.
    """
    import torch
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass

    if tensor.is_meta:
        raise RuntimeError("its weights are not in memory")
    if is_traceable_wrapper_subclass(tensor):  # torchao's, of which no bytes are to be had
        names, _ = tensor.__tensor_flatten__()
        parts = {name: getattr(tensor, name) for name in names}
        return _lines_sha256([name, *each] for name, each in digests_of(parts).items())
    flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
    digest = hashlib.sha256()
    if flat.device.type == "cpu":
        digest.update(flat.numpy().data)
    else:
        for chunk in _streamed(flat):
            digest.update(chunk)
    return digest.hexdigest()


def _streamed(flat: torch.Tensor) -> Iterator[memoryview]:
    """Bring the bytes of a device's tensor to the CPU, chunk by chunk."""
    if copies_aside(str(flat.device)):
        yield from _streamed_aside(flat)
        return
    for start in range(0, flat.numel(), CHUNK_BYTES):
        yield flat[start : start + CHUNK_BYTES].cpu().numpy().data


def _streamed_aside(flat: torch.Tensor) -> Iterator[memoryview]:
    """Bring one chunk to the CPU while the one before is digested."""
    import torch

    size = min(CHUNK_BYTES, flat.numel())
    buffers = [torch.empty(size, dtype=torch.uint8, pin_memory=True) for _ in range(2)]
    device = module_of(str(flat.device))
    stream = device.Stream(flat.device)
    stream.wait_stream(device.current_stream(flat.device))
    waiting: tuple[Any, torch.Tensor] | None = None
    for number, start in enumerate(range(0, flat.numel(), CHUNK_BYTES)):
        part = flat[start : start + CHUNK_BYTES]
        target = buffers[number % 2][: part.numel()]
        with device.stream(stream):
            target.copy_(part, non_blocking=True)
            arrived = device.Event()
            arrived.record(stream)
        if waiting is not None:
            waiting[0].synchronize()
            yield waiting[1].numpy().data
        waiting = (arrived, target)
    if waiting is not None:
        waiting[0].synchronize()
        yield waiting[1].numpy().data


def plain_dtype(dtype: torch.dtype) -> str:
    """Name a dtype as records do: ``float32``."""
    return str(dtype).removeprefix("torch.")
