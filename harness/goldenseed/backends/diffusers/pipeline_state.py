"""How a loaded pipeline stands: attention and its kernel, scheduler, tokenizers, offloading."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.digests import tensor_sha256
from goldenseed.backends.diffusers.exchanged import exchanged
from goldenseed.backends.diffusers.held import library_hooks, moves_only, plain_attributes
from goldenseed.backends.diffusers.processors import (
    processors_in,
    processors_of,
    processors_sha256,
)
from goldenseed.backends.diffusers.tokenizer_state import settings_of
from goldenseed.core.files import sha256_hex
from goldenseed.environment.keys import EnvironmentValue, guarded, plain
from goldenseed.suite.parts import Role, role_of

if TYPE_CHECKING:
    import torch


_TOKENS = 64
"""Of the sample; about those of a 64 by 64 image."""
_FUSED = MappingProxyType(
    {
        "scaled_dot_product_flash": "FLASH_ATTENTION",
        "scaled_dot_product_efficient": "EFFICIENT_ATTENTION",
        "scaled_dot_product_cudnn": "CUDNN_ATTENTION",
        "fused_attention_overrideable": "OVERRIDEABLE",
    }
)
"""A part of an operation's name to the kernel's name in ``torch.nn.attention.SDPBackend``."""


def attention_kernel(component: torch.nn.Module) -> EnvironmentValue:
    """Name the kernel that the component's first attention computes with; None without one.

    The module is given zeros, and what it calls is watched: the kernel, ``MATH`` for torch's own
    attention made of products and a softmax, ``products and softmax`` where the processor writes
    them out itself, or the name of a foreign operation. No random number is drawn. Takes a
    millisecond. A module that needs other arguments is not called; for it torch is asked what it
    would choose for tensors of this shape, and the value ends in ``(asked)``.
    """
    import torch

    for module in component.modules():
        if isinstance(getattr(module, "to_q", None), torch.nn.Linear):
            if not any(part.training for part in module.modules()):
                called = guarded(lambda module=module: _called(module))  # type: ignore[misc]
                if not str(called).startswith("unreadable"):
                    return called
            return guarded(lambda module=module: f"{_choice(module)} (asked)")  # type: ignore[misc]
    return None


def _called(module: Any) -> str:
    """Call the module and name its kernel; raises if it needs other arguments."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    names: list[str] = []

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(
            self, func: Any, _types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            names.append(func.name())
            return func(*args, **(kwargs or {}))

    samples = {"hidden_states": _sample(module.to_q)}
    if isinstance(getattr(module, "add_k_proj", None), torch.nn.Linear):
        samples["encoder_hidden_states"] = _sample(module.add_k_proj)
    elif module.to_k.in_features != module.to_q.in_features:
        samples["encoder_hidden_states"] = _sample(module.to_k)
    with torch.no_grad(), Watch():  # type: ignore[no-untyped-call]
        module(**samples)
    return _name_of(names)


def _sample(layer: Any) -> torch.Tensor:
    return _zeros(layer.weight, (1, _TOKENS, layer.in_features))


def _zeros(like: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Make zeros of a weight's dtype where it lies; quantised weights cannot do so themselves."""
    import torch

    return torch.zeros(shape, dtype=like.dtype, device=like.device)


def _name_of(operations: list[str]) -> str:
    for operation in operations:
        for part, kernel in _FUSED.items():
            if part in operation:
                return kernel
    foreign = [each for each in operations if "attention" in each or "attn" in each]
    if foreign:
        return foreign[0]
    # torch's own attention guards its softmax against rows that are masked throughout.
    return "MATH" if "aten::_safe_softmax" in operations else "products and softmax"


def _choice(module: Any) -> str:
    import torch

    weight = module.to_q.weight
    shape = (1, module.heads, _TOKENS, weight.shape[0] // module.heads)
    sample = _zeros(weight, shape)
    choice = torch._fused_sdp_choice(sample, sample, sample)  # noqa: SLF001 - nothing public tells
    return str(torch.nn.attention.SDPBackend(choice).name)


def describe_state(pipeline: Any, scheduler: Any) -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield the pipeline's keys, read inside its settings, and its unused scheduler's."""
    yield "pipeline.class", type(pipeline).__name__
    yield "pipeline.offload", guarded(lambda: _offload(pipeline))
    yield "pipeline.fused_loras", guarded(lambda: getattr(pipeline, "num_fused_loras", 0))
    for name, component in sorted(pipeline.components.items()):
        yield from _attention(name, component)
        if role_of(name) is Role.GUIDER and component is not None:
            yield f"guider.{name}.class", type(component).__name__
            yield from _configured(f"guider.{name}", component)
    yield from exchanged(pipeline, scheduler)
    if scheduler is not None:
        yield from _scheduler(scheduler)
    yield "generation.batch", 1
    yield "generation.generator", "one image"
    yield "generation.conversion", "round(x * 255), halves to even"


def describe_tokenizers(pipeline: Any) -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield the keys of the tokenizers; read them before the first call, which sets options."""
    for name, component in sorted(pipeline.components.items()):
        if hasattr(component, "model_max_length"):
            yield from _tokenizer(name, component)


def _attention(name: str, component: Any) -> Iterator[tuple[str, EnvironmentValue]]:
    if hasattr(component, "modules") and processors_in(component):
        yield f"attention.{name}.processors", guarded(lambda: processors_of(component))
        if held := guarded(lambda: processors_sha256(component)):
            yield f"attention.{name}.processors_sha256", held
    if getattr(component, "attn_processors", None):
        yield f"attention.{name}.kernel", guarded(lambda: attention_kernel(component))
    implementation = getattr(getattr(component, "config", None), "_attn_implementation", None)
    if implementation is not None:
        yield f"attention.{name}.implementation", plain(implementation)


def _offload(pipeline: Any) -> str:
    """Name what moves parts of the model: hooks of accelerate and of diffusers."""
    found = {
        f"{name}: {type(hook).__name__}"
        for name, component in pipeline.components.items()
        for part in (component.modules() if hasattr(component, "modules") else ())
        for hook in library_hooks(part)
        if moves_only(hook)
    }
    return ", ".join(sorted(found)) or "none"


def _configured(prefix: str, part: Any) -> Iterator[tuple[str, EnvironmentValue]]:
    for field, value in part.config.items():
        if not field.startswith("_"):
            yield f"{prefix}.config.{field}", _compact(value)


def _scheduler(scheduler: Any) -> Iterator[tuple[str, EnvironmentValue]]:
    import torch

    yield "scheduler.class", type(scheduler).__name__
    yield from _configured("scheduler", scheduler)
    if hasattr(scheduler, "step"):
        parameters = inspect.signature(scheduler.step).parameters
        yield "scheduler.step_takes_generator", "generator" in parameters
    held = [each for each in plain_attributes(scheduler, digits=6) if not each[0].startswith("_")]
    yield "scheduler.attributes.sha256", sha256_hex(json.dumps(held).encode())
    for field, value in vars(scheduler).items():
        if isinstance(value, torch.Tensor) and value.dim() and not field.startswith("_"):
            yield f"scheduler.{field}_sha256", guarded(lambda value=value: tensor_sha256(value))  # type: ignore[misc]


def _tokenizer(name: str, tokenizer: Any) -> Iterator[tuple[str, EnvironmentValue]]:
    fields: dict[str, Callable[[], Any]] = {
        "class": lambda: type(tokenizer).__name__,
        "backend": lambda: "rust" if getattr(tokenizer, "is_fast", False) else "python",
        "vocabulary_size": lambda: len(tokenizer),
        "maximum_length": lambda: tokenizer.model_max_length,
        "sha256": lambda: sha256_hex(_rules(tokenizer).encode()),
        "settings": lambda: settings_of(tokenizer),
    }
    for field, read in fields.items():
        yield f"tokenizer.{name}.{field}", guarded(read)


def _rules(tokenizer: Any) -> str:
    """Write out vocabulary and rules: what the Rust library has, or all that a Python one tells."""
    rust = getattr(tokenizer, "backend_tokenizer", None)
    if rust is not None:
        return str(rust.to_str())
    told = [tokenizer.get_vocab(), tokenizer.special_tokens_map]
    return json.dumps(told, sort_keys=True, default=str)


def _compact(value: Any) -> EnvironmentValue:
    """Keep a plain value; write a list or an object as JSON."""
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, sort_keys=True, default=str)
    return plain(value)
