"""Pipelines that lack a part are traced where they have one, and diagnosed from that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler, DiffusionPipeline, IFPipeline, UNet2DConditionModel
from diffusers.utils.torch_utils import randn_tensor
from tiny_suites import one_case
from transformers import T5Config, T5EncoderModel

import tiny_pipelines
from goldenseed.backends.diffusers.calling import PipelineCall
from goldenseed.backends.diffusers.in_force import differing
from goldenseed.backends.diffusers.pipeline_state import describe_state
from goldenseed.backends.protocol import Generation
from goldenseed.diagnosis.explain import Side, Sides, explain
from goldenseed.diagnosis.model import Cause
from goldenseed.trace.stages import Stage

RECIPE: Mapping[str, Any] = {"prompt": "a red ball", "seed": 7}


class WithoutScheduler(DiffusionPipeline):
    """A pipeline as distilled models have it: noise, one call of the UNet, decoded."""

    def __init__(self, unet: Any, vae: Any, text_encoder: Any, tokenizer: Any) -> None:
        super().__init__()
        self.register_modules(unet=unet, vae=vae, text_encoder=text_encoder, tokenizer=tokenizer)

    @torch.no_grad()
    def __call__(
        self,
        prompt: str,
        *,
        generator: Any = None,
        num_inference_steps: int = 1,
        height: int = 32,
        width: int = 32,
        output_type: str = "np",
    ) -> Any:
        ids = self.tokenizer(
            prompt, padding="max_length", truncation=True, return_tensors="pt"
        ).input_ids
        embeddings = self.text_encoder(ids)[0]
        shape = (1, self.unet.config.in_channels, height // 2, width // 2)
        noise = randn_tensor(shape, generator=generator)
        made = self.unet(noise, 999, encoder_hidden_states=embeddings).sample
        image = (self.vae.decode(made).sample / 2 + 0.5).clamp(0, 1)
        return SimpleNamespace(images=image.permute(0, 2, 3, 1).numpy())


def without_scheduler(sd: Path) -> Any:
    parts = DiffusionPipeline.from_pretrained(sd, safety_checker=None).components
    names = ("unet", "vae", "text_encoder", "tokenizer")
    return WithoutScheduler(**{name: parts[name] for name in names})


def without_vae(_sd: Path) -> Any:
    """Build DeepFloyd's pipeline small at random: it denoises pixels."""
    torch.manual_seed(0)
    tokenizer = tiny_pipelines._t5_tokenizer()
    width = tiny_pipelines.WIDTH
    return IFPipeline(
        tokenizer=tokenizer,
        text_encoder=T5EncoderModel(
            T5Config(
                vocab_size=len(tokenizer), d_model=width, d_kv=8, d_ff=37, num_layers=1, num_heads=4
            )
        ).eval(),
        unet=UNet2DConditionModel(
            sample_size=32,
            in_channels=3,
            out_channels=6,
            layers_per_block=1,
            block_out_channels=(8, 16),
            down_block_types=("DownBlock2D", "SimpleCrossAttnDownBlock2D"),
            mid_block_type="UNetMidBlock2DSimpleCrossAttn",
            up_block_types=("SimpleCrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=width,
            encoder_hid_dim=width,
            attention_head_dim=8,
            norm_num_groups=4,
            addition_embed_type="text",
            addition_embed_type_num_heads=2,
        ).eval(),
        scheduler=DDPMScheduler(variance_type="learned_range"),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    )


def side(made: Generation, pipeline: Any) -> Side:
    state = dict(describe_state(pipeline, getattr(pipeline, "scheduler", None)))
    environment = {"device.type": "cpu", "cpu.threads": 1, **state}
    return Side(environment, RECIPE, made.trace, in_force=differing(made.in_force, environment))


@pytest.mark.parametrize(
    ("build", "lacks", "moments"),
    [
        (without_scheduler, {Stage.TIMESTEPS, Stage.DENOISING_STEP}, 5),
        (without_vae, {Stage.LATENTS_BEFORE_VAE, Stage.VAE_OUTPUT}, 4),
    ],
)
def test_a_pipeline_that_lacks_a_part_is_traced_and_diagnosed(
    build: Any, lacks: set[Stage], moments: int, sd: Path, tmp_path: Path
):
    pipeline, case = build(sd), one_case(tmp_path, "sd")
    before = PipelineCall(pipeline).generate(case)
    assert len(before.in_force) == moments
    stages = {each.stage for each in before.trace}
    assert not stages & lacks
    assert {Stage.TOKEN_IDS, Stage.INITIAL_NOISE, Stage.DENOISER_OUTPUT, Stage.PIXELS} <= stages
    accepted = side(before, pipeline)
    again = PipelineCall(pipeline).generate(case)
    assert again.trace == before.trace
    assert explain(Sides(accepted, side(again, pipeline))).causes == ()
    with torch.no_grad():
        for weight in pipeline.unet.parameters():
            weight.mul_(1.01)
    found = explain(Sides(accepted, side(PipelineCall(pipeline).generate(case), pipeline)))
    assert found.causes[0].cause is Cause.DENOISER
    other_noise = PipelineCall(build(sd)).generate(one_case(tmp_path, "sd", seeds=[8]))
    found = explain(Sides(accepted, side(other_noise, pipeline)))
    assert found.causes[0].cause is Cause.SEED
