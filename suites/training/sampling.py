"""Pictures from the saved model, as any user of it would make them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image


@dataclass(frozen=True)
class Sampling:
    """How pictures are made: number of DDIM steps and classifier-free guidance."""

    steps: int = 20
    guidance: float = 4.0


def load_pipeline(folder: Path) -> StableDiffusionPipeline:
    """Load the model of a folder for silent use on the CPU."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def generate(
    pipeline: StableDiffusionPipeline, prompt: str, seed: int, sampling: Sampling
) -> Image.Image:
    """Generate one picture; a fresh CPU generator makes it depend on the seed alone."""
    output = pipeline(
        prompt,
        num_inference_steps=sampling.steps,
        guidance_scale=sampling.guidance,
        generator=torch.Generator().manual_seed(seed),
    )
    image: Image.Image = output.images[0]
    return image
