"""What comparing two pictures found."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Outcome(StrEnum):
    """What became of two pictures. The noise is unknown here, so there is no ``match``."""

    IDENTICAL = "identical"
    """Every pixel is the same."""
    WITHIN = "within_gates"
    """Something differs, and every gate holds."""
    BEYOND = "beyond_gate"
    """At least one gate fails."""
    INCOMPARABLE = "incomparable"
    """No distance is defined: another size, orientation, or 16 bits."""
    MISSING = "missing"
    """Only one of the two folders has the picture."""
    ERROR = "error"
    """One of the two cannot be read, or a metric failed."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class GateOutcome(_Frozen):
    """What one gate made of the pair."""

    gate: str
    """The gate's name, for example `min_ssim`."""
    value: float | None
    """What was measured; null for infinity."""
    limit: float
    """What was allowed."""
    passed: bool
    """Whether the gate holds."""


class ImageComparison(_Frozen):
    """Two pictures compared."""

    name: str
    """The file's name below both folders; of two single images, that of the second."""
    outcome: Outcome
    """What became of them."""
    metrics: dict[str, float] = {}
    """What was measured, finite values only; empty where nothing had to be."""
    gates: tuple[GateOutcome, ...] = ()
    """Every gate in force; empty where nothing was measured."""
    notes: tuple[str, ...] = ()
    """What a reader has to know: conversions, colour profiles, the reason of an error."""

    @property
    def passed(self) -> bool:
        """Whether the pictures are identical or within the gates."""
        return self.outcome in {Outcome.IDENTICAL, Outcome.WITHIN}


class ComparisonDocument(_Frozen):
    """What `goldenseed compare --json` prints."""

    schema_version: int = 1
    """The version of this form."""
    a: str
    """The first image or folder: what is held against."""
    b: str
    """The second image or folder: what is judged."""
    limits: dict[str, float]
    """Every gate in force with its limit."""
    mask: str | None = None
    """The file of the mask."""
    ignore: tuple[tuple[int, int, int, int], ...] = ()
    """Left, top, width and height of every region that was ignored."""
    counts: dict[Outcome, int]
    """How many pairs came out how."""
    pairs: tuple[ImageComparison, ...]
    """Every pair, in the order of the names."""
