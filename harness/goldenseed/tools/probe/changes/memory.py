"""What people switch on to save memory, and the layout of tensors in it."""

from __future__ import annotations

import importlib.util
from functools import wraps
from typing import Any

from goldenseed.suite.parts import Role
from goldenseed.tools.probe.change import (
    Change,
    Check,
    Situation,
    Unfit,
    decoder_of,
    needs_gpu,
    present,
)
from goldenseed.tools.probe.changes.batch import batch_unfit, in_a_batch


def changes() -> tuple[Change, ...]:
    """Return the changes of this family."""
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
    """Decode in tiles, of half the image's side where one tile would hold it.

    Raises:
        Unfit: the decoder cannot.

    """
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
    """Decode the images of a batch one by one; a batch of two, since one image is never sliced.

    Raises:
        Unfit: the decoder cannot, or the pipeline makes no batches.

    """
    decoder = decoder_of(pipeline)
    if not hasattr(decoder, "enable_slicing"):
        raise Unfit(f"{type(decoder).__name__} has no sliced decoding")
    decoder.enable_slicing()
    in_a_batch(pipeline, position=0)


def channels_last(pipeline: Any) -> None:
    """Lay the weights of convolutions out with the channels last, and so all that follows.

    Raises:
        Unfit: no model of the pipeline has two-dimensional convolutions.

    """
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
