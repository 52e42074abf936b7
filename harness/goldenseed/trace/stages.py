"""The stages an image passes while it is made, and what a trace keeps of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from goldenseed.core.files import sha256_hex
from goldenseed.suite.parts import BY_POSITION, Side


class Stage(StrEnum):
    """What a record of a trace is about, in the order in which the values flow.

    A member is its name on disk; with it go what people call it and of what kind its values are.
    """

    words: str
    side: Side

    def __new__(cls, value: str, words: str, side: Side) -> Stage:
        """Make a member of its name on disk and what is known of it."""
        made = str.__new__(cls, value)
        made._value_ = value
        made.words, made.side = words, side
        return made

    WRITTEN_PROMPT = "written_prompt", "written prompt", Side.TEXT
    """The token ids that a language model was told, and those that it wrote."""
    TOKEN_IDS = "token_ids", "token ids", Side.TEXT
    """What a tokenizer returned."""
    PROMPT_EMBEDDINGS = "prompt_embeddings", "prompt embeddings", Side.TEXT
    """What a text encoder returned."""
    TIMESTEPS = "timesteps", "timesteps", Side.SCHEDULE
    """The scheduler's timesteps once they are set."""
    SIGMAS = "sigmas", "sigmas", Side.SCHEDULE
    """The scheduler's sigmas once they are set."""
    INITIAL_NOISE = "initial_noise", "initial noise", Side.LATENT
    """The first noise that was drawn."""
    LATER_NOISE = "later_noise", "later noise", Side.LATENT
    """Noise that was drawn after the first: that of ancestral samplers."""
    DENOISER_INPUT = "denoiser_input", "what the denoiser is given", Side.LATENT
    """What the denoiser was given in the first step."""
    DENOISER_OUTPUT = "denoiser_output", "the denoiser's output", Side.LATENT
    """What it returned in the first step: each row of the batch by itself."""
    PREDICTED_NOISE = "predicted_noise", "the predicted noise without the variance", Side.LATENT
    """Of outputs that hold a variance too, in as many channels again, the half that guidance mixes.

    In the first step: each row of the denoiser's output, then what the scheduler was given.
    """
    GUIDED_OUTPUT = "guided_output", "the guided output", Side.LATENT
    """What the first denoising step was given, guidance applied."""
    LATER_OUTPUT = "later_output", "the guided output of a later step", Side.LATENT
    """What the steps from the second to the fourth were given, guidance applied."""
    INITIAL_LATENTS = "initial_latents", "initial latents", Side.LATENT
    """The sample that the first denoising step was given."""
    DENOISING_STEP = "denoising_step", "denoising step", Side.LATENT
    """The sample that a denoising step returned."""
    LATENTS_BEFORE_VAE = "latents_before_vae", "latents before the VAE", Side.LATENT
    """What the VAE was given to decode."""
    VAE_OUTPUT = "vae_output", "the VAE's output", Side.IMAGE
    """What the VAE returned."""
    FLOAT_IMAGE = "float_image", "float image", Side.IMAGE
    """The image as the pipeline returned it, floats in [0, 1]."""
    DENORMALISED = "denormalised", "how the float image was made", Side.IMAGE
    """1 where the float image is what was decoded, halved, plus 1/2, cut off, to the bit; or 0."""
    UNPROCESSED = "unprocessed", "pixels before post-processing", Side.IMAGE
    """The 8-bit levels that the model made, where the suite has steps of post-processing."""
    POSTPROCESSED = "postprocessed", "post-processing step", Side.IMAGE
    """The 8-bit levels that a step of post-processing made; the source names the step."""
    PIXELS = "pixels", "pixels", Side.IMAGE
    """The image's 8-bit levels, as it is judged."""


FED_BY: Final[Mapping[Stage, tuple[Stage, ...]]] = MappingProxyType(
    {
        Stage.WRITTEN_PROMPT: (),
        Stage.TOKEN_IDS: (Stage.WRITTEN_PROMPT,),
        Stage.PROMPT_EMBEDDINGS: (Stage.TOKEN_IDS,),
        Stage.TIMESTEPS: (),
        Stage.SIGMAS: (),
        Stage.INITIAL_NOISE: (),
        Stage.LATER_NOISE: (Stage.INITIAL_NOISE, Stage.TIMESTEPS, Stage.SIGMAS),
        Stage.INITIAL_LATENTS: (Stage.INITIAL_NOISE, Stage.TIMESTEPS, Stage.SIGMAS),
        Stage.DENOISER_INPUT: (Stage.PROMPT_EMBEDDINGS, Stage.INITIAL_LATENTS),
        Stage.DENOISER_OUTPUT: (Stage.DENOISER_INPUT,),
        Stage.PREDICTED_NOISE: (Stage.DENOISER_OUTPUT,),
        Stage.GUIDED_OUTPUT: (Stage.DENOISER_OUTPUT,),
        Stage.LATER_OUTPUT: (Stage.DENOISING_STEP,),
        Stage.DENOISING_STEP: (Stage.GUIDED_OUTPUT, Stage.LATER_NOISE),
        Stage.LATENTS_BEFORE_VAE: (Stage.DENOISING_STEP,),
        Stage.VAE_OUTPUT: (Stage.LATENTS_BEFORE_VAE,),
        Stage.FLOAT_IMAGE: (Stage.VAE_OUTPUT,),
        Stage.DENORMALISED: (Stage.FLOAT_IMAGE,),
        Stage.UNPROCESSED: (Stage.FLOAT_IMAGE,),
        Stage.POSTPROCESSED: (Stage.UNPROCESSED,),
        Stage.PIXELS: (Stage.FLOAT_IMAGE, Stage.POSTPROCESSED),
    }
)
"""What each stage is computed from, one step back; noise is drawn in a fixed order."""

WITHIN = frozenset(
    {
        Stage.DENOISER_INPUT,
        Stage.DENOISER_OUTPUT,
        Stage.PREDICTED_NOISE,
        Stage.GUIDED_OUTPUT,
        Stage.LATER_OUTPUT,
        Stage.VAE_OUTPUT,
        Stage.DENORMALISED,
    }
)
"""Stages that lie within others: they tell causes apart, not where two images part.

Older traces lack them.
"""


@dataclass(frozen=True, slots=True)
class StageName:
    """Which record of a trace: no two of one trace have the same name."""

    stage: Stage
    source: str
    """The pipeline's part, and its output's name; empty where the pipeline itself made it."""
    index: int = 0
    """From 0, among the records of the same series."""

    @property
    def series(self) -> tuple[Stage, str]:
        """What the records have in common that a part gave one after the other."""
        return self.stage, self.source

    @property
    def part(self) -> str:
        """The pipeline's part: ``text_encoder_2`` of ``text_encoder_2.text_embeds``."""
        return self.source.partition(".")[0].partition("[")[0]

    @property
    def value(self) -> str:
        """Which of the part's values: ``text_embeds`` of ``text_encoder_2.text_embeds``."""
        return self.source.partition(".")[2]

    @property
    def words(self) -> str:
        """For people: ``denoising step 7``, ``float image``."""
        numbered = self.stage is Stage.DENOISING_STEP
        return f"{self.stage.words} {self.index + 1}" if numbered else self.stage.words


@dataclass(frozen=True, slots=True)
class StageDigest:
    """Which values a stage had; the fields are those of ``StageRecord``."""

    stage: Stage
    index: int
    source: str | None
    shape: tuple[int, ...]
    dtype: str
    sha256: str


def stages_sha256(stages: Iterable[StageDigest]) -> str:
    """Digest which values all stages of an image had, as 64 lower-case hexadecimal digits.

    Equal digests stand for equal values in all stages, and so for equal norms and sketches too.
    Hashed is one line a stage, in their order: stage, index, source, shape, dtype and digest, each
    followed by a zero byte, then a newline; the shape is written as ``1x4x64x64``.
    """
    lines: list[str] = []
    for each in stages:
        shape = "x".join(map(str, each.shape))
        fields = (
            each.stage.value,
            str(each.index),
            each.source or "",
            shape,
            each.dtype,
            each.sha256,
        )
        lines += ("\0".join(fields), "\0\n")
    return sha256_hex("".join(lines).encode())


class StageRecord(BaseModel):
    """What a trace keeps of the values at one stage; never the values themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: Stage
    index: int = Field(ge=0)
    """How many values the same source gave for the same stage before."""
    source: str | None = None
    """The pipeline's component, and the output's name: ``text_encoder_2.text_embeds``."""
    shape: tuple[int, ...]
    dtype: str
    """As torch or NumPy names it: ``float32``, ``bfloat16``, ``int64``, ``uint8``."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the values' bytes in C order, little-endian."""
    norm: float | None = None
    """Euclidean norm, in float64; None for integers and for values that are not finite."""
    sketch: str | None = None
    """Base64 of the count sketch's buckets, little-endian; None for integers.

    float64 where the values are float64, else float32: see ``goldenseed.trace.sketch``.
    """

    @property
    def digest(self) -> StageDigest:
        """Which values the stage had."""
        return StageDigest(self.stage, self.index, self.source, self.shape, self.dtype, self.sha256)

    @property
    def key(self) -> StageName:
        """Which record this is; no two records of one trace have the same.

        What a denoiser is given by position was once numbered, and is known by its name here.
        """
        source = self.source or ""
        if self.stage is Stage.DENOISER_INPUT:
            part, _, value = source.partition(".")
            source = f"{part}.{BY_POSITION.get(value, value)}"
        return StageName(self.stage, source, self.index)


Trace = tuple[StageRecord, ...]
"""One image's records, in the order in which the values came."""


def ends_of(trace: Trace, count: int) -> tuple[str, ...]:
    """Return the digests in which the trace of ``count`` pictures ends; fewer where it has fewer.

    Each is the SHA-256 of a picture's ``tobytes()``.
    """
    levels = [each.sha256 for each in trace if each.stage is Stage.PIXELS]
    return tuple(levels[-count:]) if count else ()
