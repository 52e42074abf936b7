"""Joint training of the U-Net and the text encoder on latents encoded beforehand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from .autoencoder import to_tensor
from .networks import make_denoiser, make_scheduler, make_text_encoder
from .optimisation import MovingAverage, Optimiser, Schedule, generator_for, make_deterministic
from .scenes import training_picture
from .tokenizer import make_tokenizer

_FIRST_SEED: Final = 2_000_000
_ENCODING_BATCH: Final = 16
_LOG_EVERY: Final = 100


@dataclass(frozen=True)
class DenoiserPlan:
    """Numbers that decide the outcome of training, the shipped model's by default."""

    pictures: int = 24_000
    schedule: Schedule = field(default_factory=lambda: Schedule(7600, 3000))
    batch: int = 32
    muon_rate: float = 0.01
    adam_rate: float = 2e-3
    average_decay: float = 0.999
    caption_dropout: float = 0.1
    object_weight: float = 1.5
    threads: int = 1
    seed: int = 1
    checkpoint_every: int = 200


@dataclass(frozen=True)
class Encoded:
    """The training set of N pictures as the denoiser sees it.

    `latents` is (N, 8, 16, 16), scaled to unit deviation; `masks` is (N, 1, 16, 16),
    the share of each latent's pixels that belong to objects, 0 to 1; `tokens` is (N, 24).
    """

    latents: Tensor
    masks: Tensor
    tokens: Tensor


@dataclass(frozen=True)
class Denoiser:
    """The two networks that are trained together."""

    unet: UNet2DConditionModel
    text_encoder: CLIPTextModel

    def weights(self) -> dict[str, torch.nn.Parameter]:
        """All weights by name, those of the text encoder prefixed with `text.`."""
        text = {f"text.{name}": w for name, w in self.text_encoder.named_parameters()}
        return {**dict(self.unet.named_parameters()), **text}

    @torch.no_grad()
    def assign(self, values: dict[str, Tensor]) -> None:
        """Overwrite all weights."""
        for name, weight in self.weights().items():
            weight.copy_(values[name])


def tokenize(captions: list[str]) -> Tensor:
    """Token ids of captions, (N, 24), as the pipeline computes them."""
    tokenizer = make_tokenizer()
    encoded = tokenizer(
        captions,
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    return torch.as_tensor(encoded.input_ids)


@torch.no_grad()
def encode_training_set(autoencoder: AutoencoderKL, plan: DenoiserPlan, cache: Path) -> Encoded:
    """Draw and encode the pictures, or read what an earlier call left at `cache`."""
    if cache.exists():
        return Encoded(**torch.load(cache))
    make_deterministic(plan.threads, plan.seed)
    latents, masks, captions = [], [], []
    for first in range(0, plan.pictures, _ENCODING_BATCH):
        last = min(first + _ENCODING_BATCH, plan.pictures)
        drawn = [training_picture(_FIRST_SEED + i) for i in range(first, last)]
        with torch.autocast("cpu", torch.bfloat16):
            images = torch.stack([to_tensor(picture.image) for picture, _ in drawn])
            mean = autoencoder.encode(images).latent_dist.mean
        latents.append(mean.float() * autoencoder.config.scaling_factor)
        levels = [to_tensor(picture.mask.convert("RGB"))[:1] for picture, _ in drawn]
        masks.append(torch.nn.functional.avg_pool2d((torch.stack(levels) + 1) / 2, 8))
        captions += [text for _, text in drawn]
    encoded = Encoded(torch.cat(latents), torch.cat(masks), tokenize(captions))
    torch.save(vars(encoded), cache)
    return encoded


def _choose_batch(
    data: Encoded, empty: Tensor, plan: DenoiserPlan, rng: torch.Generator
) -> Encoded:
    rows = torch.randint(len(data.latents), (plan.batch,), generator=rng)
    tokens = data.tokens[rows]
    tokens[torch.rand(plan.batch, generator=rng) < plan.caption_dropout] = empty
    return Encoded(data.latents[rows], data.masks[rows], tokens)


def _stratified_timesteps(batch: int, rng: torch.Generator) -> Tensor:
    """One timestep of 0 to 999 from each of `batch` equal ranges."""
    places = (torch.arange(batch) + torch.rand(batch, generator=rng)) / batch
    return (places * 1000).long().clamp(0, 999)


def noised(
    scheduler: DDIMScheduler, clean: Tensor, rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return latents (B, 8, 16, 16) with noise, their timesteps (B,), and the v to predict."""
    timesteps = _stratified_timesteps(len(clean), rng)
    noise = torch.randn(clean.shape, generator=rng)
    signal_power = scheduler.alphas_cumprod[timesteps].view(-1, 1, 1, 1)
    signal, spread = signal_power.sqrt(), (1 - signal_power).sqrt()
    return signal * clean + spread * noise, timesteps, signal * noise - spread * clean


def _compute_loss(
    model: Denoiser, batch: Encoded, plan: DenoiserPlan, rng: torch.Generator
) -> Tensor:
    """Squared error of the v-prediction (equation of v: https://arxiv.org/abs/2202.00512).

    Latents of objects weigh up to `1 + object_weight` times those of the background.
    """
    noisy, timesteps, target = noised(make_scheduler(), batch.latents, rng)
    words = model.text_encoder(batch.tokens).last_hidden_state
    error = (model.unet(noisy, timesteps, words).sample - target).square()
    weight = 1 + plan.object_weight * batch.masks
    loss: Tensor = (error * weight).mean() / weight.mean()
    return loss


@dataclass(frozen=True)
class _Run:
    """Everything that changes while training, and that a checkpoint must hold."""

    model: Denoiser
    optimiser: Optimiser
    average: MovingAverage

    def save(self, path: Path, step: int) -> None:
        """Write a checkpoint that says "`step` steps are done"; never leaves half a file."""
        state = {
            "weights": {name: w.detach() for name, w in self.model.weights().items()},
            "average": self.average.values,
            "optimiser": self.optimiser.state_dict(),
            "step": step,
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def resume(self, path: Path) -> int:
        """Restore a checkpoint; return how many steps it had done."""
        state = torch.load(path)
        self.model.assign(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average.values = state["average"]
        return int(state["step"])


def _begin(plan: DenoiserPlan) -> _Run:
    model = _new_denoiser()
    weights = model.weights()
    optimiser = Optimiser(
        weights,
        muon_rate=plan.muon_rate,
        adam_rate=plan.adam_rate,
        dense=("conv_in", "conv_out", "embed"),
    )
    return _Run(model, optimiser, MovingAverage(weights, plan.average_decay))


def _new_denoiser() -> Denoiser:
    return Denoiser(make_denoiser(), make_text_encoder(make_tokenizer()))


def load_denoiser(checkpoint: Path) -> Denoiser:
    """Load the networks with the averaged weights of a checkpoint."""
    model = _new_denoiser()
    model.assign(torch.load(checkpoint)["average"])
    return model


def _steps_with_log(first: int, schedule: Schedule, losses: list[float]) -> Iterator[int]:
    """Count the steps; print the mean of `losses` now and then, and empty the list."""
    begin = time.monotonic()
    for step in range(first, schedule.steps):
        yield step
        if (step + 1) % _LOG_EVERY == 0:
            mean = sum(losses) / len(losses)
            rate = schedule.factor(step)
            print(
                f"{step + 1} {time.monotonic() - begin:.0f} s loss {mean:.4f} rate {rate:.3f}",
                flush=True,
            )
            losses.clear()


def train_denoiser(data: Encoded, plan: DenoiserPlan, checkpoint: Path) -> None:
    """Train from scratch, or go on from `checkpoint` if it exists, and leave the result there.

    A run that was interrupted and resumed gives the same weights as one without a break.
    """
    make_deterministic(plan.threads, plan.seed)
    run = _begin(plan)
    first = run.resume(checkpoint) if checkpoint.exists() else 0
    weights, empty, losses = run.model.weights(), tokenize([""])[0], list[float]()
    for step in _steps_with_log(first, plan.schedule, losses):
        rng = generator_for(plan.seed, step)
        loss = _compute_loss(run.model, _choose_batch(data, empty, plan, rng), plan, rng)
        run.optimiser.step(loss, plan.schedule.factor(step))
        run.average.update(weights, step)
        losses.append(loss.item())
        if (step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.schedule.steps:
            run.save(checkpoint, step + 1)
