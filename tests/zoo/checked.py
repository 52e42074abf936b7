"""Pipelines that diffusers loads only with a safety checker: with one that lets all pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.zoo import parts
from tests.zoo.entry import MASK, PICTURE, SMALL, Entry, steps
from tests.zoo.kandinsky import larger
from tests.zoo.stable_diffusion import sd


def _config() -> Any:
    from transformers import CLIPConfig

    vision = parts.clip_vision().config.to_dict()
    return CLIPConfig(vision_config=vision, text_config={}, projection_dim=parts.WIDTH)


def _stable_diffusion(folder: Path) -> dict[str, Any]:
    """Add a checker whose thresholds, 1, no cosine exceeds."""
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker

    return {
        **sd(folder),
        "safety_checker": StableDiffusionSafetyChecker(_config()).eval(),
        "feature_extractor": parts.image_processor(),
        "requires_safety_checker": True,
    }


def _deepfloyd(folder: Path) -> dict[str, Any]:
    """Add a checker that gives every picture -1, where 0.5 is too much, and a watermark."""
    import torch
    from diffusers.pipelines.deepfloyd_if import IFSafetyChecker, IFWatermarker

    checker = IFSafetyChecker(_config())
    with torch.no_grad():
        for head in (checker.p_head, checker.w_head):
            head.weight.zero_()
            head.bias.fill_(-1.0)
    return {
        **larger(folder),
        "safety_checker": checker.eval(),
        "feature_extractor": parts.image_processor(),
        "watermarker": IFWatermarker(),
        "requires_safety_checker": True,
    }


ENTRIES = {
    "StableDiffusionInpaintPipelineLegacy": Entry(
        _stable_diffusion, steps(4, strength=0.6), {"image": PICTURE, "mask_image": MASK}
    ),
    "IFImg2ImgSuperResolutionPipeline": Entry(
        _deepfloyd,
        steps(4, strength=0.6, clean_caption=False),
        {"original_image": PICTURE, "image": SMALL},
    ),
}
