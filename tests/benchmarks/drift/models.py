"""The three models of the drift benchmark, each with a suite of its own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tiny_pipelines as tiny

ROOT = Path(__file__).parents[3]
PROMPTS = (
    "a red apple on a white table",
    "a blue cube left of a yellow ball on a wooden table",
    "an orange cat on a window sill at night",
    "a white mug on a wooden table",
    "a pink heart in the snow at sunset",
    "a yellow star on a sandy beach at night",
    "a big green house on green grass",
    "a purple flower on a window sill",
)
_SUITE = """\
suite: {name}
model: {{source: model, dtype: {dtype}}}
{determinism}defaults:
  call: {{num_inference_steps: {steps}, guidance_scale: {guidance}, height: {side}, width: {side}}}
cases:
"""
_CASE = "  - {{id: case-{number}, prompt: {prompt}, seeds: [{seed}]}}\n"
SIDE = 64
"""The height and width of a random model's pictures."""
CONTRAST = 0.45
"""The standard deviation a random model's pictures are given, in the VAE's units of -1…1."""


def build(folder: Path) -> Mapping[str, Path]:
    """Write each model below ``folder`` unless it is there; return their folders by name.

    Each holds ``float32.suite.yaml`` and ``portable.suite.yaml``, of the same cases.
    """
    if not (folder / "shapes-sd").exists():
        _shapes(folder / "shapes-sd")
    if not (folder / "sdxl").exists():
        _random(folder / "sdxl", _sdxl, steps=12, guidance=5.0)
    if not (folder / "flux").exists():
        _random(folder / "flux", _flux, steps=8, guidance=3.5)
    return {
        "shapes-sd": folder / "shapes-sd",
        "random SDXL": folder / "sdxl",
        "random FLUX": folder / "flux",
    }


def _shapes(folder: Path) -> None:
    shutil.copytree(ROOT / "suites" / "shapes-sd", folder / "model")
    _suites(folder, "shapes", steps=20, guidance=5.0, side=128)


def _random(folder: Path, model: Any, *, steps: int, guidance: float) -> None:
    folder.mkdir(parents=True)
    pipeline = model(folder / "model")
    _give_contrast(pipeline, steps)
    pipeline.save_pretrained(folder / "model", safe_serialization=True)
    _suites(folder, folder.name, steps=steps, guidance=guidance, side=SIDE)


def _suites(folder: Path, name: str, *, steps: int, guidance: float, side: int) -> None:
    for mode, dtype, determinism in (
        ("float32", "float32", ""),
        ("portable", "float64", "determinism: portable\n"),
    ):
        text = _SUITE.format(
            name=name,
            steps=steps,
            guidance=guidance,
            side=side,
            dtype=dtype,
            determinism=determinism,
        )
        for number, prompt in enumerate(PROMPTS):
            text += _CASE.format(number=number, prompt=prompt, seed=100 + number)
        (folder / f"{mode}.suite.yaml").write_text(text, encoding="utf-8")


def _give_contrast(pipeline: Any, steps: int) -> None:
    """Scale the VAE's last layer so that a random model's pictures are neither grey nor clipped."""
    import torch

    values = []
    own = pipeline.vae.decode

    def decode(*args: Any, **kwargs: Any) -> Any:
        made = own(*args, **kwargs)
        values.append(made[0])
        return made

    pipeline.vae.decode = decode
    pipeline.set_progress_bar_config(disable=True)
    pipeline(
        PROMPTS[0],
        num_inference_steps=steps,
        height=SIDE,
        width=SIDE,
        generator=torch.Generator().manual_seed(1),
        output_type="np",
    )
    del pipeline.vae.decode
    (image,) = values
    last = pipeline.vae.decoder.conv_out
    factor = CONTRAST / image.std(dim=(0, 2, 3))
    last.bias.data = (last.bias.data - image.mean(dim=(0, 2, 3))) * factor
    last.weight.data *= factor[:, None, None, None]


def _vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(16, 32),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        latent_channels=4,
        norm_num_groups=8,
        sample_size=SIDE,
        shift_factor=0.0,
    ).eval()


def _sdxl(folder: Path) -> Any:
    import torch
    from diffusers import (
        EulerDiscreteScheduler,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )

    pipeline = StableDiffusionXLPipeline.from_pretrained(tiny.tiny_stable_diffusion_xl(folder))
    torch.manual_seed(1)
    unet = UNet2DConditionModel(
        sample_size=SIDE // 2,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=2 * tiny.WIDTH,
        attention_head_dim=(4, 8),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=6 * 8 + tiny.WIDTH,
        norm_num_groups=8,
    )
    _listen(unet)
    scheduler = EulerDiscreteScheduler(beta_schedule="scaled_linear", steps_offset=1)
    parts = {**pipeline.components, "unet": unet, "vae": _vae(), "scheduler": scheduler}
    return StableDiffusionXLPipeline(**parts)


def _flux(folder: Path) -> Any:
    import torch
    from diffusers import FluxPipeline, FluxTransformer2DModel

    pipeline = FluxPipeline.from_pretrained(tiny.tiny_flux(folder))
    torch.manual_seed(1)
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=4,
        joint_attention_dim=tiny.WIDTH,
        pooled_projection_dim=tiny.WIDTH,
        guidance_embeds=True,
        axes_dims_rope=(4, 4, 8),
    )
    _listen(transformer)
    return FluxPipeline(**{**pipeline.components, "transformer": transformer, "vae": _vae()})


def _listen(denoiser: Any) -> None:
    """Make a random denoiser's answer strong, so that its pictures depend on it and the prompt."""
    last = denoiser.conv_out if hasattr(denoiser, "conv_out") else denoiser.proj_out
    last.weight.data *= 4
    for name, weight in denoiser.named_parameters():
        if name.endswith(("attn2.to_out.0.weight", "to_add_out.weight", "context_embedder.weight")):
            weight.data *= 4
