"""Pipelines that are called twice or three times: an inversion or a mask first."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.zoo import parts
from tests.zoo.entry import PICTURE, Entry, size, steps, tensor
from tests.zoo.stable_diffusion import sd, xl


def _leditspp(folder: Path, components: Any) -> dict[str, Any]:
    from diffusers import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++", solver_order=2)
    return {**components(folder), "scheduler": scheduler}


def _deeper() -> Any:
    """Return a UNet that attends at a quarter of its latents' sides, where LEDITS++ looks."""
    attending = ("CrossAttnDownBlock2D",) * 2
    return parts.unet(
        block_out_channels=(8, 16, 16),
        down_block_types=("DownBlock2D", *attending),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    )


def _inverting(folder: Path, **more: Any) -> dict[str, Any]:
    from diffusers import DDIMInverseScheduler

    inverse = DDIMInverseScheduler(beta_schedule="scaled_linear", clip_sample=False)
    return {**sd(folder), "inverse_scheduler": inverse, **more}


def _with_depth(folder: Path) -> dict[str, Any]:
    """Build a VAE whose pictures have six channels: three are packed into a depth."""
    return {**sd(folder), "vae": parts.vae(in_channels=6, out_channels=6), "image_encoder": None}


_pix2pix = partial(_inverting, caption_generator=None, caption_processor=None)
_FROM = {"image": PICTURE}
_EDIT = ({"editing_prompt": "wearing glasses"}, _FROM)
_INVERTED = ({"method": "invert", "call": {"num_inversion_steps": 4, "skip": 0.25}},)
_EMBEDS = {f"{name}_embeds": tensor(f"{name}_embeds") for name in ("source", "target")}

ENTRIES = {
    "LEditsPPPipelineStableDiffusion": Entry(
        partial(_leditspp, components=partial(sd, unet=_deeper)),
        *_EDIT,
        prompt=None,
        before=_INVERTED,
        side=32,
    ),
    "LEditsPPPipelineStableDiffusionXL": Entry(
        partial(_leditspp, components=xl), *_EDIT, prompt=None, before=_INVERTED, side=32
    ),
    "StableDiffusionDiffEditPipeline": Entry(
        _inverting,
        steps(4),
        _FROM,
        before=(
            {
                "method": "generate_mask",
                "call": {
                    "source_prompt": "a green pear",
                    "target_prompt": "a red apple",
                    "num_inference_steps": 2,
                    "num_maps_per_mask": 2,
                },
                "gives": "mask_image",
            },
            {
                "method": "invert",
                "call": {"prompt": "a green pear", "num_inference_steps": 4},
                "gives": {"image_latents": "latents"},
            },
        ),
    ),
    "StableDiffusionPix2PixZeroPipeline": Entry(
        _pix2pix,
        size(64),
        _FROM | _EMBEDS,
        tensors=dict.fromkeys(_EMBEDS, (1, 77, parts.WIDTH)),
        before=(
            {
                "method": "invert",
                "call": {"prompt": "a green pear", "num_inference_steps": 2},
                "gives": {"latents": "latents"},
            },
        ),
    ),
    "StableDiffusionLDM3DPipeline": Entry(_with_depth, size(64)),
}
