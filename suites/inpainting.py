"""Inpainting for `shapes-sd`: code of one's own, as a suite's `factory`.

The inpainting pipelines of diffusers take denoisers of 4 or 9 channels, and this model's latents
have 8. So the plain pipeline paints, and after each step what lies outside the mask is put back,
with the noise of that step (RePaint without resampling, https://arxiv.org/abs/2201.09865).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from goldenseed.trace import record


def build(source: str, dtype: torch.dtype) -> Inpainting:
    """Load the model in the folder ``source`` beside this file."""
    folder = Path(__file__).parent / source
    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=dtype)
    pipeline.set_progress_bar_config(disable=True)
    return Inpainting(pipeline)


class Inpainting:
    """Paints into a picture what a prompt asks for, where the mask is white."""

    def __init__(self, pipeline: StableDiffusionPipeline) -> None:
        self._pipeline = pipeline

    def __call__(
        self,
        prompt: str,
        *,
        image: Image.Image,
        mask_image: Image.Image,
        generator: torch.Generator,
        num_inference_steps: int = 20,
        guidance_scale: float = 4.0,
    ) -> Image.Image:
        """Return ``image`` with what is asked for in it; all three have the same size."""
        known, mask = self._encode(image), self._shrink(mask_image)
        noise = randn_tensor(known.shape, generator=generator, dtype=known.dtype)
        record("initial_noise", noise)

        def put_back(
            pipeline: Any, step: int, _timestep: int, given: dict[str, Any]
        ) -> dict[str, Any]:
            scheduler, outside = pipeline.scheduler, known
            if step + 1 < num_inference_steps:
                outside = scheduler.add_noise(known, noise, scheduler.timesteps[step + 1][None])
            given["latents"] = mask * given["latents"] + (1 - mask) * outside
            record("denoising_step", given["latents"])
            return given

        made = self._pipeline(
            prompt,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            height=image.height,
            width=image.width,
            latents=noise,
            callback_on_step_end=put_back,
        )
        painted: Image.Image = made.images[0]
        return painted

    def _encode(self, image: Image.Image) -> torch.Tensor:
        """Return the latents (1, 8, H / 8, W / 8) of a picture."""
        vae = self._pipeline.vae
        pixels = self._pipeline.image_processor.preprocess(image).to(vae.dtype)
        with torch.no_grad():
            latents: torch.Tensor = vae.encode(pixels).latent_dist.mode()
        return latents * vae.config.scaling_factor

    def _shrink(self, mask: Image.Image) -> torch.Tensor:
        """Return a mask (1, 1, H / 8, W / 8): 1 where the picture may change, else 0."""
        small = mask.convert("L").resize((mask.width // 8, mask.height // 8), Image.Resampling.BOX)
        white = torch.from_numpy(np.array(small.convert("1", dither=Image.Dither.NONE)))
        return white.to(self._pipeline.vae.dtype)[None, None]
