"""What a diagnosis says: the stage at which two images part, and how far they are apart after."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from harness.comparison.trace_distances import StageDistance
from harness.generation.stages import Stage


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Jump(_Document):
    """A stage at which a difference that was there already grew as rounding does not."""

    stage: Stage
    index: int = Field(ge=0)
    factor: float
    """The distance there by the distance at the stage before."""


class FirstDivergence(_Document):
    """The first stage that is not the same bit for bit."""

    stage: Stage
    index: int = Field(ge=0)
    """From 0, among the records of the same stage and source."""
    of: int = Field(ge=1)
    """How many such records there are."""
    source: str | None = None
    words: str
    """For people: ``denoising step 7 of 20; prompt embeddings and initial noise are identical``."""
    distances: tuple[StageDistance, ...]
    """For every stage of either trace, in the order of the flow."""
    jump: Jump | None = None
    """The steepest rise after the first divergence; None where it grew as rounding does."""

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
    note: str | None = None
    """Why there is no first divergence, as a sentence; None where there is one."""
