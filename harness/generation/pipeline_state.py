"""How a loaded pipeline stands: attention, scheduler, tokenizers, offloading."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from harness.environment.reading import EnvironmentValue, guarded, plain
from harness.files import sha256_hex
from harness.generation.as_loaded import tensor_sha256
from harness.generation.attention_kernel import attention_kernel


def describe_state(pipeline: Any, scheduler: Any) -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield the pipeline's keys as it stands now: read them inside the settings in force.

    Args:
        pipeline: a loaded diffusers pipeline.
        scheduler: the one it is given for an image, unused so far, since use changes its tables;
            None where it has none.

    """
    yield "pipeline.class", type(pipeline).__name__
    yield "pipeline.offload", guarded(lambda: _offload(pipeline))
    yield "pipeline.fused_loras", guarded(lambda: getattr(pipeline, "num_fused_loras", 0))
    for name, component in sorted(pipeline.components.items()):
        yield from _attention(name, component)
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
    if getattr(component, "attn_processors", None):
        yield f"attention.{name}.processors", guarded(lambda: processors_of(component))
        yield f"attention.{name}.kernel", guarded(lambda: attention_kernel(component))
    implementation = getattr(getattr(component, "config", None), "_attn_implementation", None)
    if implementation is not None:
        yield f"attention.{name}.implementation", plain(implementation)


def processors_of(component: Any) -> str:
    """``AttnProcessor2_0 x 32``; with a back end of diffusers ``FluxAttnProcessor[flash] x 57``."""
    counts = Counter(map(_processor, component.attn_processors.values()))
    return ", ".join(f"{name} x {count}" for name, count in sorted(counts.items()))


def _processor(processor: Any) -> str:
    chosen = getattr(processor, "_attention_backend", None)
    name = type(processor).__name__
    return name if chosen is None else f"{name}[{getattr(chosen, 'value', chosen)}]"


def _offload(pipeline: Any) -> str:
    """Name what moves or casts parts of the model: accelerate's hooks and those of diffusers."""
    found = {
        f"{name}: {type(hook).__name__}"
        for name, component in pipeline.components.items()
        for hook in _hooks(component)
    }
    return ", ".join(sorted(found)) or "none"


def _hooks(component: Any) -> Iterator[Any]:
    """Yield the hooks of a component and its parts; only modules have any."""
    for part in component.modules() if hasattr(component, "modules") else ():
        accelerate, diffusers = (
            getattr(part, name, None) for name in ("_hf_hook", "_diffusers_hook")
        )
        yield from [accelerate] if accelerate is not None else []
        yield from getattr(diffusers, "hooks", {}).values()


def _scheduler(scheduler: Any) -> Iterator[tuple[str, EnvironmentValue]]:
    import torch

    yield "scheduler.class", type(scheduler).__name__
    for field, value in scheduler.config.items():
        if not field.startswith("_"):
            yield f"scheduler.config.{field}", _compact(value)
    parameters = inspect.signature(scheduler.step).parameters
    yield "scheduler.step_takes_generator", "generator" in parameters
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
