"""How far one case's images move by themselves in one profile: measured, and where."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Pattern(StrEnum):
    """What the images of a calibration have in common."""

    IDENTICAL = "identical"
    """All of them have the same pixels."""
    MODES = "modes"
    """A few images that recur bit for bit; each of them is accepted."""
    ENVELOPE = "envelope"
    """They scatter: no farther than the limits, worst seen plus a margin."""


class MeasuredNoise(BaseModel):
    """What a calibration saw of a case, which holds until something numeric changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: Pattern
    images: int = Field(ge=2)
    """How many images were made, the harmless changes' among them."""
    harmless: tuple[str, ...] = ()
    """The changes that were called harmless, by the names of ``goldenseed probe --list``."""
    limits: dict[str, float] = Field(default_factory=dict)
    """Of an envelope: metric of the pixels or of the trace → worst seen plus the margin."""
    recipe_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    environment_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Where the unchanged images were made, as it was inside the pipeline's call."""
    harmless_environments: tuple[str, ...] = ()
    """Where those of the harmless changes were made, where that is another fingerprint."""
    measured_at: datetime
    measured_by: str
