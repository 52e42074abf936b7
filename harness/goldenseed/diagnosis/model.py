"""What a diagnosis says: the stage at which two images part, and how far they are apart after."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from goldenseed.trace.distances import StageDistance
from goldenseed.trace.stages import Stage


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cause(StrEnum):
    """Why an image can differ, in the order in which causes take effect: the name on disk."""

    words: str
    """What people call it."""

    def __new__(cls, value: str, words: str) -> Cause:
        """Make a member of its name on disk and its words."""
        made = str.__new__(cls, value)
        made._value_ = value
        made.words = words
        return made

    MODEL = "model", "another model"
    LANGUAGE_MODEL = "language_model", "the language model wrote another prompt"
    PROMPT = "prompt", "prompt"
    TOKENIZER = "tokenizer", "tokenizer"
    TEXT_ENCODER = "text_encoder_weights", "text-encoder weights"
    EMBEDDING = "embedding", "textual inversion"
    IMAGE_ENCODER = "image_encoder", "image encoder"
    """Or an image that the pipeline was given."""
    CASE_INPUT = "input", "another input"
    """A picture or tensor that the pipeline is given."""
    SCHEDULER = "scheduler", "scheduler"
    """The scheduler's class, configuration or timesteps."""
    STEPS = "step_count", "step count"
    SEED = "seed", "seed or generator"
    NOISE = "noise_shape", "size, dtype or scale of the noise"
    INPUT = "denoiser_input", "input of the denoiser"
    """What the denoiser is given beside the sample: positions, masks, pooled embeddings."""
    GUIDANCE = "guidance_scale", "guidance scale"
    DENOISER = "denoiser_weights", "denoiser weights"
    CONTROL = "control_weights", "ControlNet or T2I adapter"
    IP_ADAPTER = "ip_adapter", "IP-Adapter"
    LORA = "lora", "LoRA adapter"
    PATCH = "model_patch", "patch or switch of a model"
    """Hooks, forwards that are not the class's own, and what switches set on modules: FreeU."""
    CACHE = "step_cache", "step cache"
    """Results of one denoising step that are taken again in later ones."""
    CALLBACK = "step_callback", "callback between steps"
    """The latents are changed between two steps."""
    VAE_WEIGHTS = "vae_weights", "VAE weights"
    """The weights or the scaling of the VAE."""
    VAE_TILING = "vae_tiling", "VAE tiling or slicing"
    DTYPE = "dtype", "dtype"
    MATMUL_PRECISION = "matmul_precision", "matmul precision"
    """TF32, or sums in reduced precision."""
    ATTENTION = "attention_kernel", "attention kernel"
    KERNELS = "kernels", "choice of kernels"
    """Memory format, compilation, oneDNN, cuDNN, deterministic mode."""
    CPU = "cpu_threads_or_isa", "threads or instruction set"
    GPU = "gpu", "GPU or driver"
    BATCH = "batch_size", "batch size"
    POST_PROCESSING = "post_processing", "post-processing"
    """What happens between the VAE and the pixels: conversion, clamping, resizing."""
    SAFETY_CHECKER = "safety_checker", "safety checker"
    NOT_FINITE = "nan_or_black", "NaN or black image"
    ONE_COLOUR = "one_colour", "picture of one colour"
    CALL = "call_argument", "argument of the call"
    PACKAGES = "package_upgrade", "package upgrade"
    UNKNOWN = "unknown", "unknown"


class RankedCause(_Document):
    """One explanation."""

    cause: Cause
    confidence: float = Field(ge=0, le=1)
    """What share of the belief it has against the other explanations and against unknown ones."""
    evidence: tuple[str, ...]
    words: str
    """The cause in this very case: ``guidance scale, about 4 → 6``."""
    keys: tuple[str, ...] = ()
    """The keys of the fingerprint that words and evidence name; older records list none."""


class ChangedKey(_Document):
    """A key of the environments' fingerprints that differs and can change an image."""

    key: str
    old: str | int | float | bool | None
    """None where the key was absent."""
    new: str | int | float | bool | None
    explains: bool
    """Whether it takes effect where the images part; False means that it is ruled out."""


class Jump(_Document):
    """A stage at which a difference that was there already grew as rounding does not."""

    stage: Stage
    index: int = Field(ge=0)
    factor: float


class GrowthKind(StrEnum):
    """How a difference goes on along the denoising steps."""

    ROUNDING_LIKE = "rounding_like"
    """It begins no larger than rounding, and no step brings a factor of more than 1.85."""
    CONSTANT = "constant"
    """It is there from the start, larger than rounding, and less than doubles over all steps."""
    AMPLIFIED = "amplified"
    """It is there from the start, larger than rounding, and the model makes it larger."""
    ADDS_UP = "adds_up"
    """Some step brings a factor of more than 1.85: a change is made anew in every step."""
    JUMP = "jump"
    """Some stage brings a factor of more than 10, on top of a difference."""


class Growth(_Document):
    """How a difference of the latents goes on from step to step."""

    kind: GrowthKind
    steepest: float
    per_step: float


class FirstDivergence(_Document):
    """The first stage that is not the same bit for bit."""

    stage: Stage
    index: int = Field(ge=0)
    """From 0, among the records of the same stage and source."""
    of: int = Field(ge=1)
    source: str | None = None
    words: str
    """For people: ``denoising step 7 of 20; prompt embeddings and initial noise are identical``."""
    distances: tuple[StageDistance, ...]
    """For every stage of either trace, in the order of the flow."""
    jump: Jump | None = None
    growth: Growth | None = None

    @property
    def here(self) -> float | None:
        """The relative distance at the stage itself."""
        return self._at(self.stage, self.index, self.source)

    @property
    def before_vae(self) -> float | None:
        """The relative distance of the latents before the VAE."""
        return self._at(Stage.LATENTS_BEFORE_VAE, 0, None)

    def _at(self, stage: Stage, index: int, source: str | None) -> float | None:
        for each in self.distances:
            if (each.stage, each.index) == (stage, index) and source in {None, each.source}:
                return each.distance
        return None


class Diagnosis(_Document):
    """What is known of why an image differs from the accepted one."""

    first_divergence: FirstDivergence | None = None
    causes: tuple[RankedCause, ...] = ()
    """The most likely first; empty where nothing differs."""
    environment: tuple[ChangedKey, ...] = ()
    """How the environments differ, as far as that can change an image."""
    note: str | None = None
    """Why there is no first divergence, as a sentence; None where there is one."""
    remarks: tuple[str, ...] = ()


class LayerDivergence(_Document):
    """The layer at which two images part, or the news that there is none."""

    module: str | None = None
    """``unet.down_blocks.0.resnets.1.conv2``; None where no layer differs."""
    call: int = Field(default=0, ge=0)
    """From 0, among the calls of that module."""
    of: int = Field(default=0, ge=0)
    same_inputs: bool = True
    """Whether what it was given is the same; False where the difference came from outside."""
    distance: float | None = None
    """Estimated relative L2 distance of what it returned."""
    compared: int = Field(default=0, ge=0)
    only_in_one: int = Field(default=0, ge=0)
    """How many calls one of the traces lacks: another model, another number of steps."""
