"""The initial noise of a case of a run, drawn again and held against the trace it left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.portable_normals import portable_normals
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import sha256_hex
from goldenseed.trace.stages import Stage, StageRecord, Trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import torch
    from pydantic import JsonValue

    Values = np.ndarray[Any, np.dtype[Any]]


def noise_drawn_again(recipe: Mapping[str, JsonValue], trace: Trace) -> Values:
    """Return the initial noise of an image, for another engine to begin with: float32 or wider.

    It is drawn from the recipe's seed in the shape and dtype that the trace has, and is what the
    image was made of bit for bit: its digest is the trace's.

    Raises:
        GoldenseedError: the trace has no initial noise, the noise came from a file or a device, or
            this machine draws other numbers.

    """
    drawn = [each for each in trace if each.stage is Stage.INITIAL_NOISE]
    if not drawn:
        raise GoldenseedError(
            "the trace has no initial noise", fix="name a run that was made with traces"
        )
    values = _drawn(recipe, drawn[0])
    data = _bytes(values)
    if len(drawn) > 1 or sha256_hex(data) != drawn[0].sha256:
        why = "it was drawn in several parts" if len(drawn) > 1 else "this machine draws others"
        raise GoldenseedError(
            f"the noise of the image cannot be drawn again: {why}",
            fix="save noise with numpy.save, and write `noise: {file: noise.npy}` in the suite",
        )
    return _numpy(values)


def _drawn(recipe: Mapping[str, JsonValue], record: StageRecord) -> torch.Tensor:
    import torch

    kind, seed, dtype = recipe.get("noise"), recipe.get("seed"), getattr(torch, record.dtype, None)
    if not isinstance(seed, int) or not isinstance(dtype, torch.dtype):
        raise GoldenseedError("the record does not say with which seed and dtype it was drawn")
    if kind == "portable":
        return torch.from_numpy(portable_normals(seed, 0, record.shape)).to(dtype)
    if kind != "cpu":
        what = "comes from a file" if isinstance(kind, dict) else f"is drawn by {kind!r}"
        raise GoldenseedError(
            f"the noise of the image {what}, and not from the CPU's generator",
            fix="give the engine that file" if isinstance(kind, dict) else "use `noise: cpu`",
        )
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn(record.shape, generator=generator, dtype=dtype)


def _bytes(values: torch.Tensor) -> bytes:
    import torch

    return values.contiguous().view(torch.uint8).numpy().tobytes()


def _numpy(values: torch.Tensor) -> Values:
    import torch

    wide = values.dtype in {torch.float32, torch.float64}
    return (values if wide else values.float()).numpy()
