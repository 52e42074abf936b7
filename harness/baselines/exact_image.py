"""The exact image of a case: what is kept of it, and how near to it the accepted one is."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class ExactImage(BaseModel):
    """A case's image in float64, by its trace: the same on every machine, so it never expires."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trace_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """The stored trace of it: the stages that distances are taken at."""
    distances: dict[str, float]
    """How far the accepted image is from it: metric → relative distance; of several the worst."""
    limits: dict[str, float]
    """How far images may be: the farthest that was made here, and a margin."""
    images: int = Field(ge=1)
    """How many different images the limits are from."""
    recipe_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    made_at: datetime
    made_by: str
