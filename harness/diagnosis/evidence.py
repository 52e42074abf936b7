"""What a diagnosis is made from: plain data about two images, the accepted one and the present."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue

from harness.environment.differences import Value
from harness.generation.stages import Trace


class Blank(StrEnum):
    """Ways in which an image shows nothing."""

    NOT_FINITE = "not_finite"
    """The pipeline returned NaN or infinite values; there may be no image for that reason."""
    BLANKED = "blanked"
    """The pipeline's own safety checker said that it blanked the image."""
    BLACK = "black"
    """Every level is 0."""
    ONE_COLOUR = "one_colour"
    """Every pixel is the same, and not black."""


@dataclass(frozen=True, slots=True)
class Side:
    """What is known of how one of the two images was made."""

    environment: Mapping[str, Value] | None = None
    """The fingerprint, dotted keys to values; None where it is not on record."""
    recipe: Mapping[str, JsonValue] | None = None
    """None where it is not on record."""
    trace: Trace | None = None
    """None, or empty, where none was recorded or it cannot be read."""
    blank: Blank | None = None
    """None where the image shows something, and where that is not known."""
    in_force: Mapping[str, Value] = field(default_factory=dict)
    """What the fingerprint has otherwise inside the pipeline's call; it counts there."""

    @property
    def surroundings(self) -> Mapping[str, Value] | None:
        """The environment as it was where the models computed; None where it is not on record."""
        if self.environment is None or not self.in_force:
            return self.environment
        return {**self.environment, **self.in_force}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a diagnosis rests on; no image and no tensor is needed any more."""

    accepted: Side
    present: Side
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Metric name to value, the present image against the accepted one; empty if not measured."""
