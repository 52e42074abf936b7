"""Training of the autoencoder: 64-pixel crops first, then whole pictures.

Crops are cheap, but group normalisation sees other statistics in them than in whole
pictures, hence the second phase. Its last steps run in float32, the rest in bfloat16.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from .networks import make_autoencoder
from .optimisation import MovingAverage, Optimiser, Schedule, generator_for, make_deterministic
from .scenes import SIZE, training_picture

_FIRST_SEED: Final = 1_000_000
_FIRST_TEST_SEED: Final = 500_000
_TEST_PICTURES: Final = 64
_LOG_EVERY: Final = 100


@dataclass(frozen=True)
class AutoencoderPlan:
    """Numbers that decide the outcome of training, the shipped model's by default."""

    pictures: int = 4000
    crop_steps: int = 2400
    float32_steps: int = 200
    schedule: Schedule = field(default_factory=lambda: Schedule(1000, 2900))
    crop_batch: int = 12
    batch: int = 5
    muon_rate: float = 0.01
    adam_rate: float = 2.5e-3
    kl_weight: float = 8e-4
    object_weight: float = 2.0
    threads: int = 2
    seed: int = 0


@dataclass(frozen=True)
class _Losses:
    """Parts of the loss of one batch, each a scalar."""

    absolute: Tensor
    squared: Tensor
    edges: Tensor
    divergence: Tensor

    def total(self, kl_weight: float) -> Tensor:
        pixels = self.absolute + 2 * self.squared + 0.5 * self.edges
        return pixels + kl_weight * self.divergence


def to_tensor(image: Image.Image) -> Tensor:
    """Turn an RGB image into a (3, H, W) tensor of values -1 to 1."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1


def _draw_pictures(plan: AutoencoderPlan) -> tuple[Tensor, Tensor]:
    """Draw the training set: (N, 3, 128, 128) levels and (N, 1, 128, 128) masks, both uint8."""
    pictures = [training_picture(_FIRST_SEED + i)[0] for i in range(plan.pictures)]
    images = np.stack([np.asarray(p.image) for p in pictures])
    masks = np.stack([np.asarray(p.mask) for p in pictures])
    return torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(masks).unsqueeze(1)


def _choose_batch(images: Tensor, masks: Tensor, plan: AutoencoderPlan, step: int) -> Tensor:
    """Pick a batch of (B, 4, S, S): pictures of values -1 to 1, and their masks, 0 or 1.

    Crops prefer the lower part of the picture, where the objects are.
    """
    rng = np.random.default_rng((plan.seed, step))
    if step >= plan.crop_steps:
        rows = rng.integers(len(images), size=plan.batch)
        return torch.cat((images[rows].float() / 127.5 - 1, masks[rows].float() / 255), dim=1)
    side, last = SIZE // 2, SIZE // 2 + 1
    crops = []
    for row in rng.integers(len(images), size=plan.crop_batch):
        x, y = rng.integers(last), max(rng.integers(last, size=2))
        window = slice(y, y + side), slice(x, x + side)
        crop = images[row][:, *window].float() / 127.5 - 1
        crops.append(torch.cat((crop, masks[row][:, *window].float() / 255)))
    return torch.stack(crops)


def _edge_difference(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean absolute difference of horizontal and vertical pixel differences."""
    across = (output.diff(dim=-1) - target.diff(dim=-1)).abs() * weight[..., 1:]
    down = (output.diff(dim=-2) - target.diff(dim=-2)).abs() * weight[..., 1:, :]
    return across.mean() + down.mean()


def _compute_losses(
    model: AutoencoderKL, batch: Tensor, plan: AutoencoderPlan, step: int
) -> _Losses:
    """Losses of a batch as `_choose_batch` makes it; objects count more than background."""
    target, mask = batch[:, :3], batch[:, 3:]
    weight = 1 + plan.object_weight * mask
    weight = weight / weight.mean()
    in_float32 = step >= plan.schedule.steps - plan.float32_steps
    with torch.autocast("cpu", torch.bfloat16, enabled=not in_float32):
        posterior = model.encode(target).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator_for(plan.seed, step))
        output = model.decode(posterior.mean + posterior.std * noise).sample
    output, mean, variance = output.float(), posterior.mean.float(), posterior.var.float()
    coarse = [avg_pool2d(x, 2) for x in (output, target, weight)]
    return _Losses(
        absolute=((output - target).abs() * weight).mean(),
        squared=((output - target).square() * weight).mean(),
        edges=_edge_difference(output, target, weight) + _edge_difference(*coarse),
        divergence=0.5 * (mean.square() + variance - 1 - posterior.logvar.float()).mean(),
    )


@torch.no_grad()
def _measure(model: AutoencoderKL) -> tuple[float, float]:
    """Mean peak signal-to-noise ratio (dB) and latent deviation on pictures not trained on."""
    images = [training_picture(_FIRST_TEST_SEED + i)[0].image for i in range(_TEST_PICTURES)]
    ratios, latents = [], []
    for image in images:
        target = to_tensor(image)[None]
        latents.append(model.encode(target).latent_dist.mean)
        error = (model.decode(latents[-1]).sample.clamp(-1, 1) - target).square().mean()
        ratios.append(10 * torch.log10(4 / error))
    return float(torch.stack(ratios).mean()), float(torch.cat(latents).std())


def train_autoencoder(plan: AutoencoderPlan, folder: Path) -> AutoencoderKL:
    """Train from scratch and save with `save_pretrained`; latents get unit deviation."""
    make_deterministic(plan.threads, plan.seed)
    images, masks = _draw_pictures(plan)
    model = make_autoencoder()
    weights = dict(model.named_parameters())
    optimiser = Optimiser(
        weights,
        muon_rate=plan.muon_rate,
        adam_rate=plan.adam_rate,
        dense=("conv_in", "decoder.conv_out"),
    )
    average = MovingAverage(weights, 0.998)
    begin = time.monotonic()
    for step in range(plan.schedule.steps):
        losses = _compute_losses(model, _choose_batch(images, masks, plan, step), plan, step)
        norm = optimiser.step(losses.total(plan.kl_weight), plan.schedule.factor(step))
        average.update(weights, step)
        if step % _LOG_EVERY == 0:
            values = " ".join(f"{name} {value.item():.4f}" for name, value in vars(losses).items())
            print(f"{step} {time.monotonic() - begin:.0f} s {values} norm {norm:.2f}", flush=True)
    model.load_state_dict(average.values)
    model.eval()
    ratio, deviation = _measure(model)
    print(f"autoencoder: {ratio:.2f} dB, latent deviation {deviation:.3f}", flush=True)
    model.register_to_config(scaling_factor=1 / deviation)
    model.save_pretrained(folder, safe_serialization=True)
    return model
