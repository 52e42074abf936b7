"""Patched functions of a loaded pipeline, as an application leaves them: forwards, steps, the call.

Each takes the pipeline and changes it in place. ``_recalled`` patches the class, so a pipeline that
is changed this way needs a process of its own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

# the loaded pipeline: patched functions


def forward_adds(pipeline: Any, *, part: str, amount: float) -> None:
    """Patch the component's forward: it adds a little."""
    module = getattr(pipeline, part)
    forward = module.forward

    @functools.wraps(forward)
    def patched(*args: Any, **kwargs: Any) -> Any:
        made = forward(*args, **kwargs)
        if isinstance(made, tuple):
            return (made[0] + amount, *made[1:])
        made.sample = made.sample + amount
        return made

    module.forward = patched


def autocast(pipeline: Any, *, part: str) -> None:
    """Leave autocast on in the component's forward."""
    import torch

    module = getattr(pipeline, part)
    forward = module.forward

    @functools.wraps(forward)
    def patched(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return forward(*args, **kwargs)

    module.forward = patched


def unguided_from(
    pipeline: Any, *, part: str, step: int, steps: int, separate: bool = False
) -> None:
    """From a step on, the unconditional prediction is the conditional one: no guidance."""
    import torch

    module = getattr(pipeline, part)
    forward = module.forward
    calls: list[Any] = []

    @functools.wraps(forward)
    def patched(*args: Any, **kwargs: Any) -> Any:
        made = forward(*args, **kwargs)
        first = made[0]
        calls.append(first)
        if (len(calls) - 1) // (2 if separate else 1) % steps < step:
            return made
        if separate:
            return made if len(calls) % 2 else (calls[-2],)
        conditional = first.chunk(2)[1]
        return (torch.cat([conditional, conditional]),)

    module.forward = patched


def guidance_fades(pipeline: Any, *, step: int) -> None:
    """From a step on the pipeline's own guidance scale is 1."""
    kind = type(pipeline.scheduler)
    original = kind.step
    first: list[Any] = []

    @functools.wraps(original)
    def patched(self: Any, model_output: Any, timestep: Any, *args: Any, **kwargs: Any) -> Any:
        if not first or timestep >= first[0]:
            first[:] = [timestep, 0]
        first[1] += 1
        if first[1] == step:
            pipeline._guidance_scale = 1.0001
        return original(self, model_output, timestep, *args, **kwargs)

    kind.step = patched


def clamp_at(pipeline: Any, *, step: int, steps: int, limit: float) -> None:
    """Clamp the latents after one late step."""
    kind = type(pipeline.scheduler)
    original = kind.step
    calls: list[int] = []

    @functools.wraps(original)
    def patched(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        calls.append(1)
        if (len(calls) - 1) % steps != step:
            return made
        if isinstance(made, tuple):
            return (made[0].clamp(-limit, limit), *made[1:])
        made.prev_sample = made.prev_sample.clamp(-limit, limit)
        return made

    kind.step = patched


def noise_scale(pipeline: Any, *, factor: float, method: str = "prepare_latents") -> None:
    """Scale the initial noise."""
    original = getattr(pipeline, method)

    @functools.wraps(original)
    def patched(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        if isinstance(made, tuple):
            return (made[0] * factor, *made[1:])
        return made * factor

    setattr(pipeline, method, patched)


def stale_embeddings(pipeline: Any) -> None:
    """A cache of prompt embeddings that answers every prompt with those of another."""
    original = pipeline.encode_prompt
    cache: dict[str, Any] = {}

    @functools.wraps(original)
    def patched(*args: Any, **kwargs: Any) -> Any:
        if "stale" not in cache:
            bound = inspect.signature(original).bind(*args, **kwargs)
            bound.arguments["prompt"] = "a prompt of last week"
            cache["stale"] = original(*bound.args, **bound.kwargs)
        return cache["stale"]

    pipeline.encode_prompt = patched


# the loaded pipeline: its call


def _recalled(pipeline: Any, alter: Callable[[dict[str, Any]], None]) -> None:
    """Patch the class's call: ``alter`` may change the arguments."""
    kind = type(pipeline)
    original = kind.__call__

    @functools.wraps(original)
    def patched(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = inspect.signature(original).bind(self, *args, **kwargs)
        arguments = dict(bound.arguments)
        alter(arguments)
        return original(**arguments)

    kind.__call__ = patched


def argument(
    pipeline: Any, *, name: str, add: float | None = None, value: Any = None, lost: bool = False
) -> None:
    """Alter an argument inside the call: add to it, replace it or lose it."""

    def alter(arguments: dict[str, Any]) -> None:
        if lost:
            arguments.pop(name, None)
        elif add is not None:
            arguments[name] = arguments[name] + add
        else:
            arguments[name] = value

    _recalled(pipeline, alter)


def prompt_gets(pipeline: Any, *, suffix: str) -> None:
    """Add words to the prompt inside the call."""

    def alter(arguments: dict[str, Any]) -> None:
        prompt = arguments["prompt"]
        several = isinstance(prompt, (list, tuple))
        arguments["prompt"] = [one + suffix for one in prompt] if several else prompt + suffix

    _recalled(pipeline, alter)


def next_seed(pipeline: Any) -> None:
    """Count the seed up inside the call."""
    import torch

    def alter(arguments: dict[str, Any]) -> None:
        seed = arguments["generator"].initial_seed()
        arguments["generator"] = torch.Generator().manual_seed(seed + 1)

    _recalled(pipeline, alter)


def other_generator(pipeline: Any) -> None:
    """Use a generator of the application, not the one that was given."""
    import torch

    own = torch.Generator().manual_seed(77)

    def alter(arguments: dict[str, Any]) -> None:
        arguments["generator"] = own

    _recalled(pipeline, alter)


def two_threads(pipeline: Any) -> None:
    """Compute with two threads inside the call."""
    import torch

    def alter(arguments: dict[str, Any]) -> None:
        torch.set_num_threads(2)

    _recalled(pipeline, alter)


def sdpa_flash(pipeline: Any) -> None:
    """Allow the fused kernel of attention inside the call."""
    import torch

    def alter(arguments: dict[str, Any]) -> None:
        torch.backends.cuda.enable_flash_sdp(True)
        torch.backends.cuda.enable_math_sdp(True)

    _recalled(pipeline, alter)


# the loaded pipeline: after the decoder


def _gamma(values: Any, exponent: float) -> Any:
    return values.clip(0, 1) ** exponent


def _jpeg(values: Any, quality: int) -> Any:
    import io

    import numpy as np
    from PIL import Image

    buffer = io.BytesIO()
    levels = (values.clip(0, 1) * 255).round().astype("uint8")
    Image.fromarray(levels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer), dtype="float32") / 255


def _each_picture(made: Any, change: Callable[[Any], Any]) -> Any:
    """Change arrays, tensors or Pillow images of a batch, keeping their kind."""
    import numpy as np
    import torch
    from PIL import Image

    if isinstance(made, torch.Tensor):
        arrays = made.detach().float().cpu().permute(0, 2, 3, 1).numpy()
        changed = np.stack([change(one) for one in arrays])
        return torch.from_numpy(changed).permute(0, 3, 1, 2).to(made.dtype)
    if isinstance(made, np.ndarray):
        return np.stack([change(one) for one in made]).astype(made.dtype)
    pictures = []
    for one in made:
        array = np.asarray(one, dtype="float32") / 255
        pictures.append(Image.fromarray((change(array) * 255).round().astype("uint8")))
    return pictures


def _processed(pipeline: Any, change: Callable[[Any], Any], via: str) -> None:
    """Apply ``change`` in the image processor's postprocess, or to what the call returns."""
    if via == "call":
        kind = type(pipeline)
        call = kind.__call__

        @functools.wraps(call)
        def called(self: Any, *args: Any, **kwargs: Any) -> Any:
            made = call(self, *args, **kwargs)
            if isinstance(made, tuple):
                return (_each_picture(made[0], change), *made[1:])
            made.images = _each_picture(made.images, change)
            return made

        kind.__call__ = called
        return
    processor = getattr(pipeline, via)
    original = processor.postprocess

    @functools.wraps(original)
    def patched(*args: Any, **kwargs: Any) -> Any:
        return _each_picture(original(*args, **kwargs), change)

    processor.postprocess = patched


def gamma(pipeline: Any, *, exponent: float, via: str = "image_processor") -> None:
    """A gamma after the decoder."""
    _processed(pipeline, functools.partial(_gamma, exponent=exponent), via)


def jpeg(pipeline: Any, *, quality: int, via: str = "image_processor") -> None:
    """A round trip through JPEG after the decoder."""
    _processed(pipeline, functools.partial(_jpeg, quality=quality), via)
