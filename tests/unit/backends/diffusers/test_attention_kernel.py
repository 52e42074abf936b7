"""The kernel of attention is the one that is called, not the one that was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from diffusers.models.attention_processor import AttnProcessor
from torch.nn.attention import SDPBackend, sdpa_kernel

from goldenseed.backends.diffusers.pipeline_state import attention_kernel


@pytest.fixture(scope="module", params=["sd", "sdxl", "flux"])
def denoiser(models: Path, request: pytest.FixtureRequest) -> Any:
    pipeline = DiffusionPipeline.from_pretrained(models / request.param)
    return getattr(pipeline, "unet", None) or pipeline.transformer


@pytest.mark.parametrize("kernel", [SDPBackend.MATH, SDPBackend.FLASH_ATTENTION])
def test_it_is_the_kernel_that_torch_was_left(denoiser: Any, kernel: SDPBackend):
    with sdpa_kernel(kernel):
        assert attention_kernel(denoiser) == kernel.name


def test_no_random_number_is_drawn_and_no_weight_gets_a_gradient(denoiser: Any):
    before = torch.get_rng_state()
    attention_kernel(denoiser)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in denoiser.parameters())


def test_a_processor_that_writes_it_out_calls_no_kernel(models: Path):
    unet = DiffusionPipeline.from_pretrained(models / "sd").unet
    unet.set_attn_processor(AttnProcessor())
    assert attention_kernel(unet) == "products and softmax"


def test_a_module_that_drops_at_random_is_not_called_but_asked_about(models: Path):
    unet = DiffusionPipeline.from_pretrained(models / "sd").unet.train()
    assert str(attention_kernel(unet)).endswith(" (asked)")


def test_a_module_that_needs_more_is_asked_about(models: Path):
    class Choosy:
        def __call__(self, *_: Any, **__: Any) -> Any:
            raise TypeError("a mask is needed")

    unet = DiffusionPipeline.from_pretrained(models / "sd").unet
    next(each for each in unet.modules() if hasattr(each, "set_processor")).processor = Choosy()
    with sdpa_kernel(SDPBackend.MATH):
        assert attention_kernel(unet) == "MATH (asked)"


def test_without_attention_there_is_no_kernel():
    assert attention_kernel(torch.nn.Linear(2, 2)) is None
