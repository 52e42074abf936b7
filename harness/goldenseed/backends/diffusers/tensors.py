"""What a recorder asks of a tensor, and how it brings it into memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from goldenseed.trace.digesting import Kept, kept
from goldenseed.trace.stages import Stage

if TYPE_CHECKING:
    import numpy as np
    import torch

_STRIP = 64
"""How many rows of a picture are compared at once."""
_PICTURES = 4
"""How many dimensions a batch of pictures or latents has: rows, channels, height and width."""


def channels_of(values: Any) -> int:
    """Return how many channels a batch of pictures or latents has; 0 of anything else."""
    return int(values.shape[1]) if getattr(values, "ndim", 0) == _PICTURES else 0


def without_variance(values: Any, channels: int) -> Any:
    """Return the first half of an output of twice as many channels as the sample; else None.

    The other half is a variance that the denoiser predicts too (A. Nichol, P. Dhariwal, "Improved
    denoising diffusion probabilistic models", ICML 2021), which guidance leaves as it is.
    """
    return values[:, :channels] if channels and channels_of(values) == 2 * channels else None


def row_of(shown: torch.Tensor | None, place: int, of: int) -> torch.Tensor | None:
    """Return what was decoded of one of several pictures: a row of a batch, a frame of a video.

    None where the shapes do not say it.
    """
    if shown is None or of == 1:
        return shown
    if shown.ndim == _PICTURES and len(shown) == of:
        return shown[place : place + 1]
    if shown.ndim == _PICTURES + 1 and (len(shown), shown.shape[2]) == (1, of):
        return shown[:, :, place]
    return None


def denormalised(shown: torch.Tensor | None, picture: np.ndarray[Any, Any]) -> bool | None:
    """Say whether floats (height, width, channels) are ``shown`` / 2 + 1/2, cut off, to the bit.

    Source: ``VaeImageProcessor.denormalize`` and ``pt_to_numpy`` of diffusers 0.42.1. None where
    their shapes say that they are not made of it.
    """
    import numpy as np

    if shown is None or shown.ndim != _PICTURES or len(shown) != 1 or picture.ndim != _PICTURES - 1:
        return None
    if tuple(shown.shape[2:]) != picture.shape[:2] or shown.shape[1] != picture.shape[2]:
        return None
    # In this order, which is that of a pipeline's picture in memory, and in parts that caches hold.
    planes = picture.transpose(2, 0, 1)
    parts = (slice(start, start + _STRIP) for start in range(0, shown.shape[2], _STRIP))
    return all(
        np.array_equal(_shifted(shown[0, :, rows]).cpu().numpy(), planes[:, rows]) for rows in parts
    )


def _shifted(values: torch.Tensor) -> torch.Tensor:
    """Return decoded values, -1…1, as a picture's, 0…1, computed in their own dtype."""
    return (values * 0.5).add_(0.5).clamp_(0, 1).float()


def readable(values: Any) -> bool:
    """Say whether a value is a tensor whose bytes lie in the memory of some device."""
    import torch

    return (
        isinstance(values, torch.Tensor)
        and not values.is_meta
        and values.layout is torch.strided
        and not values.is_quantized
    )


def in_memory(tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Bring tensors to the CPU; those of one size and dtype on one device in a single copy."""
    import torch

    alike: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, each in enumerate(tensors):
        if not each.is_cpu:
            alike[each.shape, each.dtype, each.device].append(place)
    brought = list(tensors)
    for places in alike.values():
        group = [tensors[place] for place in places]
        try:
            together: Iterable[torch.Tensor] = torch.stack(group).cpu()
        except torch.OutOfMemoryError:
            together = [each.cpu() for each in group]
        for place, values in zip(places, together, strict=True):
            brought[place] = values
    return brought


def kept_tensor(stage: Stage, index: int, source: str | None, values: torch.Tensor) -> Kept:
    """Digest a tensor in memory, contiguous in C order; NumPy then has its numbers."""
    import torch

    dtype = str(values.dtype).removeprefix("torch.")
    try:
        return kept(stage, index, source, values.numpy(), dtype)
    except TypeError:  # NumPy lacks the dtype
        bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32}[values.itemsize]
    found = kept(stage, index, source, values.view(bits).numpy(), dtype)
    if values.dtype is torch.bfloat16:
        return found
    plain = values.to(torch.complex64 if values.is_complex() else torch.float32)
    return replace(found, values=plain.numpy())
