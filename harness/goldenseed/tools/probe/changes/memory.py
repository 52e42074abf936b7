"""Batches and memory: two images at once, what saves memory, and the layout of tensors in it."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from goldenseed.backends.diffusers.recorder import Place
from goldenseed.suite.parts import Role
from goldenseed.tools.probe.change import (
    Change,
    Check,
    Situation,
    Unfit,
    call_otherwise,
    decoder_of,
    needs_gpu,
    present,
)

_PER_PROMPT = ("prompt", "negative_prompt")
"""How the names of arguments begin that are given once for each image."""


def batch_changes() -> tuple[Change, ...]:
    """Return what makes the image in a batch."""
    return tuple(
        Change(
            f"batch-2-{name}",
            f"{name} image of a batch of two",
            tweak=partial(in_a_batch, position=position),
            unfit=batch_unfit,
        )
        for position, name in enumerate(("first", "second"))
    )


def batch_unfit(situation: Situation) -> str | None:
    """Say why the cases cannot be put in a batch."""
    kinds = {case.noise.kind for case in situation.cases} - {"cpu", "device"}
    if kinds:
        return f"noise: {kinds.pop()} is made for one image at a time"
    return None


def in_a_batch(pipeline: Any, *, position: int) -> None:
    """Let calls make two images and return that at ``position``; ``Unfit`` if noise is shared."""
    if "generator" not in inspect.signature(pipeline.__call__).parameters:
        raise Unfit(f"{type(pipeline).__name__} takes no generator")

    def call(own_call: Callable[..., Any], **arguments: Any) -> Any:
        own = arguments["generator"]
        generators = [own, _neighbour_of(own)]
        arguments["generator"] = generators if position == 0 else generators[::-1]
        for name, value in arguments.items():
            if name.startswith(_PER_PROMPT) and isinstance(value, str):
                arguments[name] = [value, value]
        output = own_call(**arguments)
        output.images = output.images[position : position + 1]
        return output

    call_otherwise(pipeline, call)
    pipeline.goldenseed_place = Place(row=position, of=2)


def _neighbour_of(generator: Any) -> Any:
    import torch

    seed = (generator.initial_seed() + 1) % 2**63
    return torch.Generator(generator.device).manual_seed(seed)


def memory_changes() -> tuple[Change, ...]:
    """Return what saves memory, or lays tensors out otherwise."""
    return (
        Change("vae-tiling", "decoded in overlapping tiles, at least four", tweak=tiled),
        Change(
            "vae-slicing",
            "first image of a batch of two, decoded one by one",
            tweak=sliced,
            unfit=batch_unfit,
        ),
        Change("channels-last", "weights in channels-last layout", tweak=channels_last),
        Change(
            "cpu-offload",
            "models on the GPU only while they are used",
            tweak=offloaded,
            unfit=_offload_unfit,
        ),
    )


def tiled(pipeline: Any) -> Check:
    """Decode in tiles, of half the image's side where one would hold it; or ``Unfit``."""
    decoder = decoder_of(pipeline)
    if not hasattr(decoder, "enable_tiling") or not hasattr(decoder, "tiled_decode"):
        raise Unfit(f"{type(decoder).__name__} has no tiled decoding")
    decoder.enable_tiling()
    in_tiles, whole = decoder.tiled_decode, decoder.decode
    used: list[bool] = []

    @wraps(in_tiles)
    def tiled_decode(*args: Any, **kwargs: Any) -> Any:
        used.append(True)
        return in_tiles(*args, **kwargs)

    @wraps(whole)
    def decode(latents: Any, *args: Any, **kwargs: Any) -> Any:
        side = max(latents.shape[-2:])
        if side <= getattr(decoder, "tile_latent_min_size", 0):
            scale = decoder.tile_sample_min_size // decoder.tile_latent_min_size
            decoder.tile_latent_min_size = side // 2
            decoder.tile_sample_min_size = side // 2 * scale
        return whole(latents, *args, **kwargs)

    decoder.tiled_decode, decoder.decode = tiled_decode, decode
    return lambda: None if used else "the images are no larger than one tile"


def sliced(pipeline: Any) -> None:
    """Decode a batch of two one by one, since one image is never sliced; or ``Unfit``."""
    decoder = decoder_of(pipeline)
    if not hasattr(decoder, "enable_slicing"):
        raise Unfit(f"{type(decoder).__name__} has no sliced decoding")
    decoder.enable_slicing()
    in_a_batch(pipeline, position=0)


def channels_last(pipeline: Any) -> None:
    """Lay convolutions' weights out channels last, and so all that follows; or ``Unfit``."""
    import torch

    found = False
    for name in present(pipeline, Role.DENOISER, Role.PRIOR, Role.DECODER):
        model = getattr(pipeline, name)
        if any(isinstance(m, torch.nn.Conv2d) for m in model.modules()):
            model.to(memory_format=torch.channels_last)
            found = True
    if not found:
        raise Unfit("no model has two-dimensional convolutions")


def offloaded(pipeline: Any) -> None:
    """Keep each model in main memory until it is called."""
    pipeline.enable_model_cpu_offload(device=pipeline.device)


def _offload_unfit(situation: Situation) -> str | None:
    if importlib.util.find_spec("accelerate") is None:
        return "needs the package accelerate"
    return needs_gpu(situation)
