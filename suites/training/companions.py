"""Small trained companions of the model: a ControlNet that follows edges, and LoRAs of a texture.

The model itself stays as it is: pictures are drawn, encoded and noised as for its own training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
)
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from PIL import Image, ImageChops, ImageDraw, ImageFilter
from torch import Tensor

from .autoencoder import to_tensor
from .denoiser import noised, tokenize
from .networks import make_scheduler
from .optimisation import MovingAverage, generator_for, make_deterministic
from .scenes import SIZE, Picture, training_picture

_FIRST_SEED: Final = 3_000_000
_FIRST_TEST_SEED: Final = 520_000
_LOG_EVERY: Final = 50


@dataclass(frozen=True)
class CompanionPlan:
    """Numbers that decide the outcome of training."""

    pictures: int = 3000
    steps: int = 2000
    batch: int = 12
    rate: float = 1e-3
    average_decay: float = 0.995
    threads: int = 1
    seed: int = 2


@dataclass(frozen=True)
class Shown:
    """N pictures: latents (N, 8, 16, 16), hints (N, 3, 128, 128) in [0, 1], tokens (N, 24)."""

    latents: Tensor
    hints: Tensor
    tokens: Tensor


def edges(image: Image.Image) -> Image.Image:
    """Return the edges of a picture, white on black: where the grey levels change by 24 or more."""
    found = image.convert("L").filter(ImageFilter.FIND_EDGES).point(lambda v: 255 * (v >= 24))
    ImageDraw.Draw(found).rectangle((0, 0, found.width - 1, found.height - 1), outline=0)
    return found.convert("RGB")


def striped(picture: Picture) -> Image.Image:
    """Cover the objects of a picture with dark stripes."""
    return _covered(picture, lambda x, y: (x + y) // 7 % 2 == 0)


def dotted(picture: Picture) -> Image.Image:
    """Cover the objects of a picture with dark dots."""
    return _covered(picture, lambda x, y: (x % 16 - 8) ** 2 + (y % 16 - 8) ** 2 <= 20)


def _covered(picture: Picture, is_dark: Callable[[int, int], bool]) -> Image.Image:
    pattern = Image.new("L", (SIZE, SIZE))
    pattern.putdata([255 * is_dark(i % SIZE, i // SIZE) for i in range(SIZE * SIZE)])
    where = ImageChops.multiply(pattern, picture.mask)
    dark = picture.image.point(lambda level: level // 4)
    return Image.composite(dark, picture.image, where)


@torch.no_grad()
def show(
    pipeline: StableDiffusionPipeline,
    plan: CompanionPlan,
    texture: Callable[[Picture], Image.Image] | None = None,
) -> Shown:
    """Draw and encode what a companion learns from: pictures, with a texture if one is given."""
    latents, hints, captions = [], [], []
    for seed in range(_FIRST_SEED, _FIRST_SEED + plan.pictures):
        picture, text = training_picture(seed)
        image = texture(picture) if texture else picture.image
        mean = pipeline.vae.encode(to_tensor(image)[None]).latent_dist.mean
        latents.append(mean * pipeline.vae.config.scaling_factor)
        hints.append((to_tensor(edges(picture.image))[None] + 1) / 2)
        captions.append(text)
    return Shown(torch.cat(latents), torch.cat(hints), tokenize(captions))


Predict = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""Noisy latents, timesteps, embedded words and hints to a v-prediction."""


def _train(
    pipeline: StableDiffusionPipeline,
    data: Shown,
    plan: CompanionPlan,
    weights: dict[str, torch.nn.Parameter],
    predict: Predict,
) -> None:
    """Minimise the error of the v-prediction over ``weights``, and leave their average in them."""
    optimiser = torch.optim.AdamW(weights.values(), lr=plan.rate, weight_decay=0.0)
    average, losses = MovingAverage(weights, plan.average_decay), list[float]()
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, plan.steps)
    for step in range(plan.steps):
        rng = generator_for(plan.seed, step)
        rows = torch.randint(len(data.latents), (plan.batch,), generator=rng)
        with torch.no_grad():
            words = pipeline.text_encoder(data.tokens[rows]).last_hidden_state
        noisy, timesteps, target = noised(make_scheduler(), data.latents[rows], rng)
        loss = (predict(noisy, timesteps, words, data.hints[rows]) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimiser.step()
        schedule.step()
        average.update(weights, step)
        losses.append(loss.item())
        if (step + 1) % _LOG_EVERY == 0:
            print(f"{step + 1} loss {sum(losses) / len(losses):.4f}", flush=True)
            losses.clear()
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(average.values[name])


def train_controlnet(model: Path, folder: Path, plan: CompanionPlan) -> None:
    """Train a ControlNet on edges and save it, in float16 to keep it small."""
    make_deterministic(plan.threads, plan.seed)
    pipeline = StableDiffusionPipeline.from_pretrained(model)
    control = ControlNetModel.from_unet(
        pipeline.unet, conditioning_embedding_out_channels=(8, 16, 32, 48)
    )

    def predict(noisy: Tensor, timesteps: Tensor, words: Tensor, hints: Tensor) -> Tensor:
        down, middle = control(noisy, timesteps, words, controlnet_cond=hints, return_dict=False)
        predicted: Tensor = pipeline.unet(
            noisy,
            timesteps,
            words,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
        ).sample
        return predicted

    pipeline.unet.requires_grad_(requires_grad=False)
    data = show(pipeline, plan)
    _train(pipeline, data, plan, dict(control.named_parameters()), predict)
    control.half().save_pretrained(folder)


def train_lora(
    model: Path, file: Path, plan: CompanionPlan, texture: Callable[[Picture], Image.Image]
) -> None:
    """Train a LoRA by which the model covers its objects with a texture, and save it."""
    make_deterministic(plan.threads, plan.seed)
    pipeline = StableDiffusionPipeline.from_pretrained(model)
    data = show(pipeline, plan, texture)
    unet = pipeline.unet
    unet.requires_grad_(requires_grad=False)
    parts = ["to_q", "to_k", "to_v", "to_out.0", "conv1", "conv2", "conv_shortcut"]
    unet.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=parts))

    def predict(noisy: Tensor, timesteps: Tensor, words: Tensor, _hints: Tensor) -> Tensor:
        predicted: Tensor = unet(noisy, timesteps, words).sample
        return predicted

    weights = {name: each for name, each in unet.named_parameters() if each.requires_grad}
    _train(pipeline, data, plan, weights, predict)
    layers = {name: each.half() for name, each in get_peft_model_state_dict(unet).items()}
    StableDiffusionPipeline.save_lora_weights(
        file.parent, unet_lora_layers=layers, weight_name=file.name
    )


def write_hint(file: Path, seed: int) -> None:
    """Write the edges of a drawn scene that no training shows."""
    picture, _ = training_picture(seed)
    file.parent.mkdir(parents=True, exist_ok=True)
    edges(picture.image).save(file, optimize=True)


def agreement(made: Image.Image, hint: Image.Image) -> float:
    """Return how well a picture follows a hint: the F1 score of their edges within two pixels."""
    found, asked = edges(made).convert("L"), hint.convert("L")
    hits = [_share(found, asked), _share(asked, found)]
    return 2 * hits[0] * hits[1] / (sum(hits) or 1)


def _share(lines: Image.Image, near: Image.Image) -> float:
    """Return the share of the lines that lie within two pixels of others."""
    reached = np.asarray(near.filter(ImageFilter.MaxFilter(5))) > 0
    drawn = np.asarray(lines) > 0
    return float(reached[drawn].mean()) if drawn.any() else 0.0


def measure_controlnet(model: Path, folder: Path, scenes: int) -> tuple[float, float]:
    """Return the mean agreement with scenes that no training shows, with the hint and without."""
    control = ControlNetModel.from_pretrained(folder, dtype=torch.float32)
    guided = StableDiffusionControlNetPipeline.from_pretrained(model, controlnet=control)
    guided.set_progress_bar_config(disable=True)
    found: list[tuple[float, float]] = []
    for seed in range(_FIRST_TEST_SEED, _FIRST_TEST_SEED + scenes):
        picture, text = training_picture(seed)
        hint = edges(picture.image)
        images = [
            guided(
                text,
                image=hint,
                num_inference_steps=20,
                guidance_scale=4.0,
                controlnet_conditioning_scale=strength,
                generator=torch.Generator().manual_seed(seed),
            ).images[0]
            for strength in (1.0, 0.0)
        ]
        found.append((agreement(images[0], hint), agreement(images[1], hint)))
    on, off = np.mean(found, axis=0)
    return float(on), float(off)
