"""The initial noise of an image drawn again for another engine, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from goldenseed.backends.diffusers.drawn_again import noise_drawn_again
from goldenseed.backends.diffusers.portable_normals import portable_normals
from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.core.errors import GoldenseedError
from goldenseed.trace.stages import Stage, Trace

SHAPE = (1, 4, 8, 8)
RECIPE: dict[str, Any] = {"seed": 7, "noise": "cpu"}


def trace_of(*draws: torch.Tensor) -> Trace:
    recorder = Recorder()
    for each in draws:
        recorder.add(Stage.INITIAL_NOISE, None, each)
    recorder.add(Stage.DENOISING_STEP, "scheduler", torch.ones(3))
    return recorder.trace


def drawn(seed: int = 7, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(SHAPE, generator=generator, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_what_the_cpu_drew_comes_again_in_a_dtype_that_numpy_has(dtype: torch.dtype):
    noise = drawn(dtype=dtype)
    found = noise_drawn_again(RECIPE, trace_of(noise))
    assert found.dtype == (np.float64 if dtype is torch.float64 else np.float32)
    assert torch.equal(torch.from_numpy(found).to(dtype), noise)


def test_portable_noise_comes_again():
    noise = torch.from_numpy(portable_normals(7, 0, SHAPE)).to(torch.float32)
    found = noise_drawn_again({"seed": 7, "noise": "portable"}, trace_of(noise))
    assert np.array_equal(found, noise.numpy())


@pytest.mark.parametrize(
    ("recipe", "trace", "message"),
    [
        (RECIPE, trace_of(drawn(8)), "this machine draws others"),
        (RECIPE, trace_of(drawn(), drawn(8)), "it was drawn in several parts"),
        (RECIPE, trace_of(), "has no initial noise"),
        ({**RECIPE, "noise": {"file_sha256": "0"}}, trace_of(drawn()), "comes from a file"),
        ({**RECIPE, "noise": "device"}, trace_of(drawn()), "is drawn by 'device'"),
        ({"noise": "cpu"}, trace_of(drawn()), "does not say with which seed"),
    ],
)
def test_noise_that_cannot_be_had_is_refused(recipe: dict[str, Any], trace: Trace, message: str):
    with pytest.raises(GoldenseedError, match=message):
        noise_drawn_again(recipe, trace)
