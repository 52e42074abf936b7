"""What the second trial does to a loaded pipeline beside what the first one had.

Hooks, methods put on objects and on classes, functions of modules, callbacks, attributes, parts.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from tests.trials.patches import _processed, _recalled


def hook_after(pipeline: Any, *, part: str, inner: str, factor: float) -> None:
    """Scale what a layer of a component returns, by a forward hook."""

    def scaled(_module: Any, _args: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (output[0] * factor, *output[1:])
        return output * factor

    getattr(pipeline, part).get_submodule(inner).register_forward_hook(scaled)


def hook_that_looks(pipeline: Any, *, part: str) -> None:
    """Count the calls of a component, by a forward hook that changes nothing."""
    calls: list[int] = []
    getattr(pipeline, part).register_forward_hook(lambda *_: calls.append(1))


def method_scales(pipeline: Any, *, name: str, factor: float, of: int = 0) -> None:
    """Put a method on the pipeline's object that scales one of what its own returns."""
    original = getattr(pipeline, name)

    def scaled(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        if isinstance(made, tuple):
            return tuple(one * factor if place == of else one for place, one in enumerate(made))
        return made * factor

    setattr(pipeline, name, scaled)


def method_that_looks(pipeline: Any, *, name: str) -> None:
    """Put a method on the pipeline's class that counts its calls and changes nothing."""
    kind = type(pipeline)
    original = getattr(kind, name)
    calls = 0

    @functools.wraps(original)
    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        return original(*args, **kwargs)

    setattr(kind, name, counted)


def rounded_noise(pipeline: Any) -> None:
    """Round the initial noise to bfloat16's numbers, in a method of the pipeline's object."""
    import torch

    original = pipeline.prepare_latents

    def rounded(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        return made.to(torch.bfloat16).to(made.dtype)

    pipeline.prepare_latents = rounded


def step_of_object(pipeline: Any, *, factor: float) -> None:
    """Put a step on the scheduler's object that scales its result."""
    original = pipeline.scheduler.step

    @functools.wraps(original)
    def scaled(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        return (made[0] * factor, *made[1:])

    pipeline.scheduler.step = scaled


def module_function_scales(pipeline: Any, *, module: str, name: str, factor: float) -> None:
    """Exchange a function in a module of diffusers for one whose results are scaled."""
    home = sys.modules[module]
    original = getattr(home, name)

    def scaled(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        if isinstance(made, tuple):
            return tuple(one * factor for one in made)
        return made * factor

    setattr(home, name, scaled)


def callback(pipeline: Any, *, step: int, factor: float) -> None:
    """Let a callback of the call scale the latents after a step."""

    def scaled(_pipeline: Any, at: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if at == step:
            tensors["latents"] = tensors["latents"] * factor
        return tensors

    def alter(arguments: dict[str, Any]) -> None:
        arguments["callback_on_step_end"] = scaled

    _recalled(pipeline, alter)


def stale_every_other(pipeline: Any, *, part: str) -> None:
    """Take the component's result of one step again in the next."""
    module = getattr(pipeline, part)
    forward = module.forward
    kept: list[Any] = []

    @functools.wraps(forward)
    def cached(*args: Any, **kwargs: Any) -> Any:
        if kept:
            return kept.pop()
        kept.append(forward(*args, **kwargs))
        return kept[0]

    module.forward = cached


def attribute(pipeline: Any, *, part: str, kind: str, name: str, value: Any) -> None:
    """Set an attribute of all layers of one kind."""
    for module in getattr(pipeline, part).modules():
        if type(module).__name__ == kind:
            setattr(module, name, value)


def padding_side(pipeline: Any, *, part: str, side: str) -> None:
    """Pad texts on the other side."""
    getattr(pipeline, part).padding_side = side


def pruned(pipeline: Any, *, part: str, share: float) -> None:
    """Set a component's smallest weights to zero."""
    import torch

    with torch.no_grad():
        for parameter in getattr(pipeline, part).parameters():
            if parameter.ndim > 1:
                limit = parameter.abs().flatten().kthvalue(max(1, int(share * parameter.numel())))
                parameter.mul_(parameter.abs() > limit.values)


def in_eight_bits(pipeline: Any, *, part: str) -> None:
    """Round a component's weights to 256 levels a tensor."""
    import torch

    with torch.no_grad():
        for parameter in getattr(pipeline, part).parameters():
            scale = parameter.abs().max() / 127
            if scale > 0:
                parameter.copy_((parameter / scale).round() * scale)


def exchanged(pipeline: Any, *, part: str) -> None:
    """Exchange a component for another of its class, with random weights of its own."""
    import torch

    old = getattr(pipeline, part)
    torch.manual_seed(99)
    new = type(old)(old.config) if not hasattr(old, "from_config") else None
    if new is None:
        new = type(old).from_config(old.config)
    setattr(pipeline, part, new.eval())


def fused_lora(pipeline: Any, *, part: str, targets: list[str], alpha: float) -> None:
    """Merge a LoRA adapter into a component's weights and take its layers away."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(4)
    config = LoraConfig(r=2, lora_alpha=alpha, init_lora_weights=False, target_modules=targets)
    setattr(pipeline, part, get_peft_model(getattr(pipeline, part), config).merge_and_unload())


def injected_lora(pipeline: Any, *, part: str, targets: list[str], alpha: float) -> None:
    """Leave a LoRA adapter on in a component that has no method of its own for it."""
    import torch
    from peft import LoraConfig, inject_adapter_in_model

    torch.manual_seed(3)
    config = LoraConfig(r=2, lora_alpha=alpha, init_lora_weights=False, target_modules=targets)
    inject_adapter_in_model(config, getattr(pipeline, part))


def pair_argument(pipeline: Any, *, name: str, value: list[int]) -> None:
    """Exchange an argument of the call for a pair of numbers."""

    def alter(arguments: dict[str, Any]) -> None:
        arguments[name] = tuple(value)

    _recalled(pipeline, alter)


def brighter(pipeline: Any, *, levels: int, via: str = "image_processor") -> None:
    """Lift every level of the picture."""

    def lifted(values: Any) -> Any:
        return (values + levels / 255).clip(0, 1)

    _processed(pipeline, lifted, via)


def sharper(pipeline: Any, *, amount: float, via: str = "image_processor") -> None:
    """Sharpen the picture."""

    def change(values: Any) -> Any:
        blurred = (values + _moved(values, 0) + _moved(values, 1)) / 3
        return (values + amount * (values - blurred)).clip(0, 1).astype("float32")

    _processed(pipeline, change, via)


def _moved(values: Any, axis: int) -> Any:
    import numpy as np

    return np.roll(values, 1, axis=axis)


def global_generator(pipeline: Any) -> None:
    """Lose the generator on the way, so that torch's own is drawn from."""
    import torch

    def alter(arguments: dict[str, Any]) -> None:
        arguments.pop("generator", None)
        torch.manual_seed(5)

    _recalled(pipeline, alter)


SECOND_LOADED: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        hook_after,
        hook_that_looks,
        method_scales,
        method_that_looks,
        rounded_noise,
        step_of_object,
        module_function_scales,
        callback,
        stale_every_other,
        attribute,
        padding_side,
        pruned,
        in_eight_bits,
        exchanged,
        fused_lora,
        injected_lora,
        pair_argument,
        brighter,
        sharper,
        global_generator,
    )
}
