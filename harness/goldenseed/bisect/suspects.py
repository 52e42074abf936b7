"""Which of the changes are tried first: those that have their hand in the stage that differs."""

from __future__ import annotations

from goldenseed.bisect.outcomes import Parting
from goldenseed.diagnosis.effects import effect_of
from goldenseed.diagnosis.places import placed, rounding_of
from goldenseed.diagnosis.suspicion import Size
from goldenseed.environment.machine import OPTIONAL_PACKAGES, PACKAGES

VARIABLE = "env."
"""How the names of changes begin that are environment variables."""
_COMPUTES = frozenset({*PACKAGES, *OPTIONAL_PACKAGES})
_ELSEWHERE = 0.05
"""What a change counts that does nothing at that stage, or rounds otherwise where more is seen."""
_BYSTANDER = 0.2
"""What a package counts that takes no part in images, as far as is known."""


def computes(change: str) -> bool:
    """Whether it takes part in computing an image, as far as is known."""
    return change in _COMPUTES or change.startswith(VARIABLE)


def suspicion(change: str, parting: Parting) -> float:
    """Return how much a change is suspected of having made the difference; above zero.

    Of those that act at the place where the images part, one that acts at few places goes first.
    """
    key = change if change.startswith(VARIABLE) else f"package.{change}"
    effect = effect_of(key)
    if effect is None or not computes(change):
        return _BYSTANDER
    place = placed(parting.stage, parting.index) if parting.stage else None
    if place is None:
        return effect.weight
    too_far = effect.size is Size.ROUNDING and (parting.distance or 1.0) > 10 * rounding_of(())
    if place not in effect.places or too_far:
        return _ELSEWHERE * effect.weight
    return effect.weight * (1 + 1 / len(effect.places))
