"""What is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, JsonValue

if TYPE_CHECKING:
    from PIL.Image import Image


class Verdict(StrEnum):
    """What became of a case; declared in the order in which they are decided."""

    ERROR = "error"
    """Generation raised, or an image cannot be read."""
    NEW = "new"
    """Nothing is accepted for this case in any usable profile."""
    INCOMPARABLE = "incomparable"
    """Another size or mode, or the recipe changed since it was accepted."""
    REJECTED = "rejected"
    """The pixels are on the reject list."""
    IDENTICAL = "identical"
    """The digest of the decoded pixels is among the accepted images."""
    MATCH = "match"
    """Not identical, within the noise."""
    WARN = "warn"
    """Beyond the noise, inside the gates."""
    DRIFT = "drift"
    """Beyond a gate."""


PASSING = (Verdict.IDENTICAL, Verdict.MATCH, Verdict.WARN)
"""The verdicts that can pass, best first; ``--golden-require`` names the worst that does."""


CONTENT = "content"
"""The code of a reason that is about the image by itself: the case fails, whatever its verdict."""


class Reason(BaseModel):
    """One machine-readable reason for a verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    """What kind of reason: ``gate``, ``noise``, ``recipe_changed``, ``size_changed``, …"""
    metric: str | None = None
    """The metric, or the dotted name of the recipe field, that was looked at."""
    value: float | int | str | bool | None = None
    """What was found."""
    limit: float | int | str | bool | None = None
    """What was allowed or expected."""
    source: str | None = None
    """Where the limit came from: ``suite``, ``case``, ``default``, ``noise``, ``baseline``."""
    detail: str | None = None
    """A sentence for people."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The image to be judged and what it was made from."""

    image: Image
    pixels_sha256: str
    recipe: Mapping[str, JsonValue]
    recipe_sha256: str
    profile: str
