"""Whether a server honours a seed: asked before anything is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

_NEAR: Final = 0.25
"""Of the distance between two seeds' images, what a seed's second image may be from its first."""


class Honoured(StrEnum):
    """What a server makes of a seed."""

    EXACT = "exact"
    """The same seed gives the same pixels, another seed others."""
    NEAR = "honoured"
    """The same seed gives nearly the same image, another seed another."""
    IGNORED = "ignored"
    """The same seed gives another image, or every seed the same."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What came out of asking twice with one seed and once with another."""

    honoured: Honoured
    same: float
    """Mean absolute difference of the two images of one seed, in levels of 255."""
    other: float
    """Of the images of two seeds."""

    def serves(self, wanted: str) -> bool:
        """Return whether that is what a suite needs: ``exact``, ``honoured`` or ``any``."""
        if wanted == "honoured":
            return self.honoured is not Honoured.IGNORED
        return wanted == "any" or self.honoured is Honoured.EXACT


def probed(first: Image, again: Image, other: Image) -> Probed:
    """Hold three images against each other: of a seed, of it again, and of another seed."""
    same, apart = _distance(first, again), _distance(first, other)
    if apart == 0:
        found = Honoured.IGNORED
    elif same == 0:
        found = Honoured.EXACT
    else:
        found = Honoured.NEAR if same <= _NEAR * apart else Honoured.IGNORED
    return Probed(found, same, apart)


def _distance(a: Image, b: Image) -> float:
    import numpy as np

    if a.size != b.size or a.mode != b.mode:
        return 255.0
    apart = np.asarray(a, np.int16) - np.asarray(b, np.int16)
    return float(np.abs(apart).mean())
