"""The pipelines that faults are injected into: model folders, and a suite of one case for each.

The embedded model is taken as it is. The others are built small at random, from a fixed seed:
their pictures are noise, but every part and every stage is real.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.diagnosis import families

ROOT = Path(__file__).parents[3]
EMBEDDED = ROOT / "suites" / "shapes-sd"
CASE = "red-apple"
SEED = 7
PROMPT = "a red apple on a white table"
CONTRAST = 8.0
"""What a random VAE's last layer is multiplied by, so that its pictures are not grey all over."""


@dataclass(frozen=True)
class Base:
    """A pipeline, its case, and what both sides of every comparison have in common."""

    build: Callable[[Path], object]
    """Writes the model's folder."""
    call: Mapping[str, Any]
    model: Mapping[str, Any] = field(default_factory=dict)
    inject: tuple[Mapping[str, Any], ...] = ()
    """What is done to the pipeline on both sides: an IP-Adapter is no part of a suite."""

    def document(self, seed: int) -> dict[str, Any]:
        """Return the suite's document."""
        return {
            "suite": "faults",
            "model": {"source": "model", **self.model},
            "defaults": {"call": dict(self.call)},
            "cases": [{"id": CASE, "prompt": PROMPT, "seeds": [seed]}],
        }


def _embedded(folder: Path) -> None:
    shutil.copytree(EMBEDDED, folder)


def _embedded_with_lora(folder: Path) -> None:
    _embedded(folder)
    lora(folder.parent / "lora.safetensors", folder, seed=1)


def _flux(folder: Path) -> None:
    _tiny_pipelines().tiny_flux(folder, guidance_embeds=True)
    _more_contrast(folder)


def _sdxl(folder: Path) -> None:
    _tiny_pipelines().tiny_stable_diffusion_xl(folder)
    _more_contrast(folder)


def _pixart(folder: Path) -> None:
    families.pixart(folder, _tiny_pipelines())
    _more_contrast(folder)


def _kandinsky(folder: Path) -> None:
    families.kandinsky(folder, _tiny_pipelines())


def _deepfloyd(folder: Path) -> None:
    families.deepfloyd(folder, _tiny_pipelines())


def _sd3(folder: Path) -> None:
    families.stable_diffusion_3(folder, _tiny_pipelines())
    _more_contrast(folder)


def _aura_flow(folder: Path) -> None:
    families.aura_flow(folder, _tiny_pipelines())
    _more_contrast(folder)


def _lumina(folder: Path) -> None:
    families.lumina(folder, _tiny_pipelines())
    _more_contrast(folder)


def _ip_adapter(folder: Path) -> None:
    """Build a Stable Diffusion with the image encoder that an IP-Adapter needs."""
    import torch
    from diffusers import StableDiffusionPipeline
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
    )

    tiny = _tiny_pipelines()
    tiny.tiny_stable_diffusion(folder)
    torch.manual_seed(0)
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.register_modules(
        image_encoder=CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=32,
                projection_dim=tiny.WIDTH,
                intermediate_size=37,
                num_hidden_layers=2,
                num_attention_heads=4,
                image_size=32,
                patch_size=8,
            )
        ).eval(),
        feature_extractor=CLIPImageProcessor(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
    )
    pipeline.save_pretrained(folder)
    _more_contrast(folder)


BASES: Mapping[str, Base] = {
    "stable-diffusion": Base(
        _embedded,
        {"num_inference_steps": 20, "guidance_scale": 4.0, "height": 192, "width": 192},
    ),
    "stable-diffusion-lora": Base(
        _embedded_with_lora,
        {"num_inference_steps": 20, "guidance_scale": 4.0, "height": 192, "width": 192},
        model={"adapters": [{"source": "lora.safetensors", "scale": 0.8}]},
    ),
    "stable-diffusion-xl": Base(
        _sdxl,
        {"num_inference_steps": 8, "guidance_scale": 5.0, "height": 64, "width": 64},
    ),
    "flux": Base(
        _flux,
        {"num_inference_steps": 8, "guidance_scale": 3.5, "height": 128, "width": 128},
    ),
    "ip-adapter": Base(
        _ip_adapter,
        {"num_inference_steps": 8, "guidance_scale": 5.0, "height": 64, "width": 64},
        inject=({"what": "ip_adapter"},),
    ),
    "stable-diffusion-ddpm": Base(
        _embedded,
        {"num_inference_steps": 8, "guidance_scale": 4.0, "height": 128, "width": 128},
        model={"scheduler": {"class": "DDPMScheduler"}},
    ),
    "self-attention-guidance": Base(
        _embedded,
        {"num_inference_steps": 8, "guidance_scale": 4.0, "height": 128, "width": 128},
        model={"pipeline": "StableDiffusionSAGPipeline"},
    ),
    "pixart": Base(
        _pixart,
        {
            "num_inference_steps": 8,
            "guidance_scale": 4.5,
            "height": 64,
            "width": 64,
            "clean_caption": True,
            "use_resolution_binning": False,
        },
    ),
    "kandinsky": Base(
        _kandinsky,
        {
            "num_inference_steps": 8,
            "prior_num_inference_steps": 4,
            "guidance_scale": 4.0,
            "height": 64,
            "width": 64,
        },
    ),
    "stable-diffusion-3": Base(
        _sd3,
        {"num_inference_steps": 8, "guidance_scale": 5.0, "height": 64, "width": 64},
    ),
    "aura-flow": Base(
        _aura_flow,
        {"num_inference_steps": 8, "guidance_scale": 3.5, "height": 64, "width": 64},
    ),
    "lumina": Base(
        _lumina,
        {"num_inference_steps": 8, "guidance_scale": 4.0, "height": 64, "width": 64},
    ),
    "deepfloyd-if": Base(
        _deepfloyd,
        {"num_inference_steps": 6, "guidance_scale": 4.0, "height": 32, "width": 32},
    ),
}


def lora(path: Path, model: Path, *, seed: int) -> None:
    """Write a random LoRA for the UNet of ``model`` to ``path``."""
    _tiny_pipelines().tiny_lora(path, model, seed=seed)


def other_model(base: str, folder: Path) -> Path:
    """Build the same architecture from another seed, to take parts from."""
    tiny = _tiny_pipelines()
    if base == "flux":
        tiny.tiny_flux(folder, seed=5, guidance_embeds=True)
    else:
        tiny.tiny_stable_diffusion_xl(folder, seed=5)
    _more_contrast(folder)
    return folder


def _more_contrast(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["decoder.conv_out.weight"] *= CONTRAST
    save_file(tensors, weights, metadata={"format": "pt"})


def _tiny_pipelines() -> Any:
    tests = str(ROOT / "tests")
    if tests not in sys.path:
        sys.path.append(tests)
    import tiny_pipelines

    return tiny_pipelines
