"""A pipeline of a dozen lines whose every part can be changed, and the trace of what it does.

It computes what diffusers' pipelines compute (encode, draw, predict twice, guide, step, decode), on
tensors small enough for a test, and is recorded by the recorder of the real ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.diagnosis.evidence import Side, Sides
from goldenseed.environment.fingerprint import Value
from goldenseed.trace.stages import Stage, Trace

RECIPE = {
    "prompt": "a red ball",
    "seed": 1,
    "call": {"num_inference_steps": 4, "guidance_scale": 4.0},
    "model": {"source": "toy", "dtype": "float32"},
    "noise": "cpu",
    "determinism": {},
}
ENVIRONMENT: dict[str, Value] = {
    "device.type": "cpu",
    "cpu.threads": 1,
    "cpu.capability": "AVX512",
    "package.torch": "2.13.0",
    "package.transformers": "5.23.0",
    "package.tokenizers": "0.23.3",
    "package.diffusers": "0.42.1",
    "torch.cuda.matmul.fp32_precision": "ieee",
    "torch.mkldnn.matmul.fp32_precision": "ieee",
    "attention.unet.processors": "AttnProcessor2_0 x 8",
    "model.unet.class": "UNet2DConditionModel",
    "model.unet.dtype": "float32",
    "model.unet.sha256": "a" * 64,
    "model.unet.memory_format": "NCHW",
    "model.vae.class": "AutoencoderKL",
    "model.vae.dtype": "float32",
    "model.vae.sha256": "b" * 64,
    "model.vae.tiling": False,
    "model.text_encoder.class": "CLIPTextModel",
    "model.text_encoder.dtype": "float32",
    "model.text_encoder.sha256": "c" * 64,
    "tokenizer.tokenizer.sha256": "d" * 64,
    "scheduler.class": "DDIMScheduler",
    "scheduler.config.beta_end": 0.02,
    "scheduler.alphas_cumprod_sha256": "e" * 64,
}
"""What a fingerprint says of it, as far as the rules ask."""
_OUTPUTS = 4
"""Of how many steps the outputs are recorded."""


@dataclass(frozen=True)
class Toy:
    """One way to run it; the defaults make the accepted image."""

    token: int = 7
    negative: int = 0
    pad: int = 9
    encoder: float = 1.0
    seed: int = 1
    size: int = 8
    batch: int = 1
    noise_scale: float = 1.0
    noise_rounding: float = 0.0
    dtype: torch.dtype = torch.float32
    steps: int = 4
    spacing: int = 10
    sigmas: bool = False
    guidance: float | None = 4.0
    weight: float = 1.0
    jitter: float = 0.0
    """By how much each prediction is off at random, as rounding in another order makes it."""
    step_size: float = 0.1
    step_size_from: int = 0
    later_noise: float = 0.0
    vae_scaling: float = 1.0
    vae: float = 1.0
    brightness: float = 1.0
    rounding: int = 127
    broken_at: int | None = None
    within: bool = True
    """Whether what lies within the first step is recorded; older releases did not."""


def recorded(toy: Toy) -> Trace:
    """Run it and return its trace."""
    recorder = Recorder()
    texts = [toy.token] if toy.guidance is None else [toy.token, toy.negative]
    embeddings = [_encoded(recorder, toy, text) for text in texts]
    recorder.add(Stage.TIMESTEPS, "scheduler", torch.arange(toy.steps) * toy.spacing)
    if toy.sigmas:
        recorder.add(Stage.SIGMAS, "scheduler", torch.linspace(1, 0, toy.steps + 1))
    sample = _noise(toy)
    recorder.add(Stage.INITIAL_NOISE, None, sample)
    for step in range(toy.steps):
        sample = _step(recorder, toy, sample, embeddings, step)
    latents = sample * toy.vae_scaling
    recorder.add(Stage.LATENTS_BEFORE_VAE, "vae", latents)
    decoded = (latents * toy.vae).tanh() if toy.vae != 1.0 else latents.tanh()
    if toy.within:
        recorder.add(Stage.VAE_OUTPUT, "vae", decoded)
    image = ((decoded + 1) / 2 * toy.brightness).clamp(0, 1)
    recorder.add(Stage.FLOAT_IMAGE, None, image.float())
    recorder.add(Stage.PIXELS, None, (image.float() * (toy.rounding + 128)).to(torch.uint8))
    return recorder.trace


def _encoded(recorder: Recorder, toy: Toy, text: int) -> torch.Tensor:
    ids = torch.tensor([[1, text, toy.pad, toy.pad]] * toy.batch)
    recorder.add(Stage.TOKEN_IDS, "tokenizer", ids)
    embedding = torch.sin(torch.outer(ids[0].double(), torch.arange(1.0, 17.0).double()))
    embedding = (embedding * toy.encoder).to(toy.dtype)
    recorder.add(Stage.PROMPT_EMBEDDINGS, "text_encoder.last_hidden_state", embedding)
    return embedding


def _noise(toy: Toy) -> torch.Tensor:
    generator = torch.Generator().manual_seed(toy.seed)
    noise = torch.randn(toy.batch, 4, toy.size, 8, generator=generator)
    return (noise * toy.noise_scale * (1 + toy.noise_rounding * noise.sign())).to(toy.dtype)


def _step(
    recorder: Recorder,
    toy: Toy,
    sample: torch.Tensor,
    embeddings: list[torch.Tensor],
    step: int,
) -> torch.Tensor:
    made = [_predicted(toy, sample, each, 10 * step + row) for row, each in enumerate(embeddings)]
    first, last = made[0], made[-1]
    guided = first if toy.guidance is None else last + toy.guidance * (first - last)
    if step == 0:
        if toy.within:
            recorder.add(Stage.DENOISER_INPUT, "unet.0", torch.cat([sample] * len(made)))
            conditions = torch.stack(embeddings[::-1])
            recorder.add(Stage.DENOISER_INPUT, "unet.encoder_hidden_states", conditions)
            for row, each in enumerate(made[::-1]):
                recorder.add(Stage.DENOISER_OUTPUT, f"unet[{row}]", each)
            recorder.add(Stage.GUIDED_OUTPUT, "scheduler", guided)
        recorder.add(Stage.INITIAL_LATENTS, "scheduler", sample)
    elif toy.within and step < _OUTPUTS:
        recorder.add(Stage.LATER_OUTPUT, "scheduler", guided)
    size = toy.step_size if step >= toy.step_size_from else 0.1
    sample = sample - size * guided
    if toy.later_noise:
        noise = _noise(Toy(seed=toy.seed + step + 1, size=toy.size))
        recorder.add(Stage.LATER_NOISE, None, noise)
        sample = sample + toy.later_noise * noise
    if step == toy.broken_at:
        sample = sample * float("nan")
    recorder.add(Stage.DENOISING_STEP, "scheduler", sample)
    return sample


def _predicted(toy: Toy, sample: torch.Tensor, embedding: torch.Tensor, call: int) -> torch.Tensor:
    waves = torch.linspace(0.1, 3.0, sample[0].numel()).reshape(sample[0].shape)
    made = torch.cos(sample.float() * waves * toy.weight + embedding.float().mean())
    if toy.jitter:
        random = torch.Generator().manual_seed(call)
        made = made * (1 + toy.jitter * torch.randn(made.shape, generator=random))
    return made.to(toy.dtype)


ACCEPTED = recorded(Toy())


def evidence(
    toy: Toy | Trace | None = None,
    *,
    recipe: dict[str, object] | None = None,
    metrics: dict[str, float] | None = None,
    **keys: Value,
) -> Sides:
    """Hold another run against the accepted one; ``keys`` with ``__`` for dots differ too."""
    present = recorded(toy) if isinstance(toy, Toy) else toy
    environment = ENVIRONMENT | {name.replace("__", "."): value for name, value in keys.items()}
    return Sides(
        Side(ENVIRONMENT, RECIPE, ACCEPTED),  # type: ignore[arg-type]
        Side(environment, RECIPE | (recipe or {}), present),  # type: ignore[arg-type]
        metrics or {},
    )
