"""The stages an image passes while it is made, and what a trace keeps of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from goldenseed.core.files import sha256_hex


class Stage(StrEnum):
    """What a record of a trace is about, in the order in which the values flow."""

    TOKEN_IDS = "token_ids"  # noqa: S105 - no password
    """What a tokenizer returned."""
    PROMPT_EMBEDDINGS = "prompt_embeddings"
    """What a text encoder returned."""
    TIMESTEPS = "timesteps"
    """The scheduler's timesteps once they are set."""
    SIGMAS = "sigmas"
    """The scheduler's sigmas once they are set."""
    INITIAL_NOISE = "initial_noise"
    """The first noise that was drawn."""
    LATER_NOISE = "later_noise"
    """Noise that was drawn after the first: that of ancestral samplers."""
    DENOISER_INPUT = "denoiser_input"
    """What the denoiser was given in the first step."""
    DENOISER_OUTPUT = "denoiser_output"
    """What it returned in the first step: each row of the batch by itself."""
    GUIDED_OUTPUT = "guided_output"
    """What the first denoising step was given, guidance applied."""
    LATER_OUTPUT = "later_output"
    """What the steps from the second to the fourth were given, guidance applied."""
    INITIAL_LATENTS = "initial_latents"
    """The sample that the first denoising step was given."""
    DENOISING_STEP = "denoising_step"
    """The sample that a denoising step returned."""
    LATENTS_BEFORE_VAE = "latents_before_vae"
    """What the VAE was given to decode."""
    VAE_OUTPUT = "vae_output"
    """What the VAE returned."""
    FLOAT_IMAGE = "float_image"
    """The image as the pipeline returned it, floats in [0, 1]."""
    PIXELS = "pixels"
    """The image's 8-bit levels."""


WITHIN = frozenset(
    {
        Stage.DENOISER_INPUT,
        Stage.DENOISER_OUTPUT,
        Stage.GUIDED_OUTPUT,
        Stage.LATER_OUTPUT,
        Stage.VAE_OUTPUT,
    }
)
"""Stages that lie within others: they tell causes apart, not where two images part.

Older traces lack them.
"""


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
    def key(self) -> tuple[str, str, int]:
        """Which record this is; no two records of one trace have the same."""
        return self.stage.value, self.source or "", self.index


Trace = tuple[StageRecord, ...]
"""One image's records, in the order in which the values came."""
