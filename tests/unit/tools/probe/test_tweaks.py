"""What a tweak does to a loaded pipeline."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from goldenseed.tools.probe.change import Unfit
from goldenseed.tools.probe.changes.kernels import (
    needs_dispatch,
    needs_replaceable_processors,
    sliced_attention,
)
from goldenseed.tools.probe.changes.memory import channels_last, in_a_batch, sliced, tiled
from tiny_pipelines import tiny_flux, tiny_stable_diffusion

Load = Any


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Loads the tiny Stable Diffusion pipeline afresh."""
    from diffusers import StableDiffusionPipeline

    folder = tiny_stable_diffusion(tmp_path_factory.mktemp("model"))

    def load() -> Any:
        pipeline = StableDiffusionPipeline.from_pretrained(folder)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    return load


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from diffusers import FluxPipeline

    return FluxPipeline.from_pretrained(tiny_flux(tmp_path_factory.mktemp("flux")))


def image_of(pipeline: Any, *, seed: int = 7, size: int = 32) -> np.ndarray[Any, Any]:
    import torch

    output = pipeline(
        prompt="a red apple",
        negative_prompt="a pear",
        num_inference_steps=2,
        height=size,
        width=size,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type="np",
    )
    assert len(output.images) == 1
    found: np.ndarray[Any, Any] = output.images[0]
    return found


@pytest.fixture(scope="module")
def unchanged(load: Load) -> np.ndarray[Any, Any]:
    return image_of(load())


@pytest.mark.parametrize("position", [0, 1])
def test_the_image_keeps_its_seed_wherever_it_stands_in_a_batch(
    load: Load, unchanged: np.ndarray[Any, Any], position: int
):
    pipeline = load()
    in_a_batch(pipeline, position=position)
    assert np.abs(image_of(pipeline) - unchanged).max() < 1e-4
    assert np.abs(image_of(pipeline, seed=8) - unchanged).max() > 1e-2


def test_a_batch_of_two_reaches_the_denoiser(load: Load):
    pipeline = load()
    seen: list[int] = []
    pipeline.unet.register_forward_pre_hook(lambda _module, given: seen.append(len(given[0])))
    in_a_batch(pipeline, position=0)
    image_of(pipeline)
    assert set(seen) == {4}  # two images, each with and without the prompt


def test_a_pipeline_made_to_batch_has_the_signature_of_its_class(load: Load):
    import inspect

    plain, batched = load(), load()
    in_a_batch(batched, position=0)
    assert inspect.signature(batched.__call__) == inspect.signature(plain.__call__)


@pytest.mark.parametrize(
    "tweak",
    [
        sliced_attention,
        channels_last,
        sliced,
        partial(in_a_batch, position=1),
    ],
)
def test_a_tweak_of_arithmetic_leaves_the_picture(
    load: Load, unchanged: np.ndarray[Any, Any], tweak: Any
):
    pipeline = load()
    tweak(pipeline)
    assert np.abs(image_of(pipeline) - unchanged).max() < 1e-4


def test_small_images_are_tiled_too(load: Load, unchanged: np.ndarray[Any, Any]):
    pipeline = load()
    check = tiled(pipeline)
    assert check() is not None
    assert np.abs(image_of(pipeline) - unchanged).max() > 0
    assert check() is None


def test_convolutions_are_laid_out_channels_last(load: Load):
    import torch

    pipeline = load()
    channels_last(pipeline)
    weight = pipeline.unet.conv_in.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_processors_of_another_kind_are_not_replaced(load: Load, flux: Any):
    needs_replaceable_processors(load())
    with pytest.raises(Unfit, match="FluxAttnProcessor"):
        needs_replaceable_processors(flux)


def test_a_model_whose_processors_take_no_back_end_is_unfit_for_one(load: Load, flux: Any):
    needs_dispatch(flux)
    with pytest.raises(Unfit, match="takes a back end"):
        needs_dispatch(load())
