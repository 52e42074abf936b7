"""What became of a model when it was loaded: components, their digests, missing weights.

Files can be right and the load still wrong (a cast, weights filled at random, a part replaced).
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from goldenseed.core.files import sha256_hex
from goldenseed.environment.device import copies_aside, module_of
from goldenseed.environment.keys import EnvironmentValue, guarded

if TYPE_CHECKING:
    import torch


CHUNK_BYTES = 2**25
"""How much of a tensor on a GPU is on its way to the CPU at once."""
_THREADS = 8
_ALONE_BYTES = 2**24
"""Below this many bytes the threads would cost more than they bring."""


def describe_components(pipeline: Any) -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield the keys ``model.{component}.…`` of every component that has parameters."""
    import torch

    for name, component in sorted(pipeline.components.items()):
        if isinstance(component, torch.nn.Module):
            for field, read in _fields(component).items():
                yield f"model.{name}.{field}", guarded(read)


def _fields(module: torch.nn.Module) -> dict[str, Callable[[], Any]]:
    whole = getattr(module, "_orig_mod", module)
    return {
        "class": lambda: type(whole).__name__,
        "dtype": lambda: " ".join(sorted({plain_dtype(p.dtype) for p in whole.parameters()})),
        "parameters": lambda: sum(parameter.numel() for parameter in whole.parameters()),
        "sha256": lambda: tensors_sha256(_stored(whole)),
        "tables_sha256": lambda: tensors_sha256(_computed(whole)),
        "training": lambda: any(part.training for part in whole.modules()),
        "compiled": lambda: _compiled(module),
        "inductor_sha256": lambda: _inductor_sha256() if _compiled(module) else None,
        "quantisation": lambda: _quantisation(whole),
        "memory_format": lambda: _memory_format(whole),
        **{
            name: partial(getattr, whole, f"use_{name}")
            for name in ("tiling", "slicing")
            if hasattr(whole, f"use_{name}")
        },
    }


def tensors_sha256(tensors: Mapping[str, torch.Tensor]) -> str | None:
    """Digest named tensors: 64 hexadecimal digits; None where there are none.

    SHA-256 over one line a tensor, in the order of their names: name, dtype, shape and the SHA-256
    of its bytes in C order, little-endian. Where they lie (CPU, GPU) and in which memory format
    does not matter. Of a tensor on a GPU each of a few threads holds two chunks of ``CHUNK_BYTES``
    on the CPU; a tensor on the CPU is read in place unless its memory format is another.
    """
    if not tensors:
        return None
    names = sorted(tensors)
    if sum(tensor.nbytes for tensor in tensors.values()) >= _ALONE_BYTES:
        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as threads:
            digests = list(threads.map(tensor_sha256, (tensors[name] for name in names)))
    else:
        digests = [tensor_sha256(tensors[name]) for name in names]
    whole = hashlib.sha256()
    for name, digest in zip(names, digests, strict=True):
        tensor = tensors[name]
        line = [name, plain_dtype(tensor.dtype), list(tensor.shape), digest]
        whole.update(json.dumps(line).encode() + b"\n")
    return whole.hexdigest()


def _stored(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the parameters, and the buffers that are saved with them."""
    saved = module.state_dict(keep_vars=True).keys()
    buffers = {name: each for name, each in module.named_buffers() if name in saved}
    return {**dict(module.named_parameters()), **buffers}


def _computed(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the buffers that are computed when the module is made."""
    saved = module.state_dict(keep_vars=True).keys()
    return {name: each for name, each in module.named_buffers() if name not in saved}


def tensor_sha256(tensor: torch.Tensor) -> str:
    """Digest a tensor's bytes in C order; raises if it has none, as on the device ``meta``."""
    import torch

    if tensor.is_meta:
        raise RuntimeError("its weights are not in memory")
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


def _compiled(module: torch.nn.Module) -> bool:
    """Say whether it came from ``torch.compile``, or a part of it was told to compile itself."""
    return hasattr(module, "_orig_mod") or any(
        getattr(part, "_compiled_call_impl", None) is not None for part in module.modules()
    )


def _inductor_sha256() -> str:
    """Digest the compiler's configuration, of which the order of sums depends; no paths in it."""
    config = importlib.import_module("torch._inductor.config")
    options = {name: str(value) for name, value in config.save_config_portable().items()}
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()


def _quantisation(module: Any) -> str | None:
    config = getattr(getattr(module, "config", None), "quantization_config", None)
    if config is None:
        return None
    described = config.to_dict() if hasattr(config, "to_dict") else config
    return json.dumps(described, sort_keys=True, default=str)


def _memory_format(module: torch.nn.Module) -> str:
    """Say how the weights of 2-D convolutions lie: NCHW is torch's default, NHWC channels last."""
    found = {memory_format_of(parameter) for parameter in module.parameters()}
    return " ".join(sorted(each for each in found if each)) or "none"


def memory_format_of(weight: torch.Tensor) -> str | None:
    """Return ``NCHW`` or ``NHWC``; None for what is no 2-D convolution's, or could be both."""
    import torch

    if weight.dim() != 4:  # noqa: PLR2004
        return None
    strides = weight.is_contiguous(), weight.is_contiguous(memory_format=torch.channels_last)
    # A kernel of one pixel is both at once, and tells nothing.
    return {(True, False): "NCHW", (False, True): "NHWC"}.get(strides)


_SHOWN = 5


@dataclass(frozen=True, slots=True)
class LoadingReport:
    """What was wrong with the weights of one component."""

    component: str
    missing: tuple[str, ...]
    """Filled at random, since the files lack them."""
    unexpected: tuple[str, ...]
    """In the files, and used by nothing."""


@contextmanager
def loading_reports() -> Iterator[list[LoadingReport]]:
    """Yield a list to which every model that is loaded meanwhile adds its report.

    ``from_pretrained(…, output_loading_info=True)`` of both libraries tells which weights were
    missing, after their own renaming and tying. A pipeline does not pass that option on to its
    components, so for as long as this holds they are all asked. A component is known by the folder
    that it is loaded from.
    """
    from diffusers import ModelMixin
    from transformers import PreTrainedModel

    reports: list[LoadingReport] = []
    with ExitStack() as restore:
        for base in (ModelMixin, PreTrainedModel):
            own = vars(base)["from_pretrained"]
            restore.callback(setattr, base, "from_pretrained", own)
            asked = classmethod(_asked_for_report(own.__func__, reports))
            setattr(base, "from_pretrained", asked)  # noqa: B010 - mypy takes it for a method
        yield reports


def _asked_for_report(
    from_pretrained: Callable[..., Any], reports: list[LoadingReport]
) -> Callable[..., Any]:
    @wraps(from_pretrained)
    def asked(cls: type, place: Any, *args: Any, **options: Any) -> Any:
        if options.get("output_loading_info"):
            return from_pretrained(cls, place, *args, **options)
        model, told = from_pretrained(cls, place, *args, output_loading_info=True, **options)
        names = (tuple(sorted(told[f"{kind}_keys"])) for kind in ("missing", "unexpected"))
        component = options.get("subfolder") or PurePath(place).name
        reports.append(LoadingReport(component, *names))
        return model

    return asked


def describe_reports(
    components: Iterable[str], reports: Iterable[LoadingReport]
) -> Mapping[str, EnvironmentValue]:
    """Describe the weights that are missing or left over, for every component; None for none."""
    known = {report.component: report for report in reports}
    found: dict[str, EnvironmentValue] = {}
    for component in components:
        report = known.get(component, LoadingReport(component, (), ()))
        found[f"model.{component}.missing"] = names_in_words(report.missing)
        found[f"model.{component}.unexpected"] = names_in_words(report.unexpected)
    return found


def names_in_words(names: tuple[str, ...]) -> str | None:
    """Name the first few weights; count and digest the others, so that no change goes unseen."""
    if len(names) <= _SHOWN:
        return ", ".join(names) or None
    digest = sha256_hex("\n".join(names).encode())[:12]
    return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more ({digest})"
