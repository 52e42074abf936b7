"""Which of the changes are tried first: those that have their hand in the stage that differs."""

from __future__ import annotations

from dataclasses import replace

from goldenseed.bisect.outcomes import Parting
from goldenseed.diagnosis.effects import Effect, effect_of
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import placed, rounding_of
from goldenseed.diagnosis.rules.on_record import places_of_field
from goldenseed.diagnosis.suspicion import DECLARED, RECORDED, Size
from goldenseed.environment.machine import OPTIONAL_PACKAGES, PACKAGES

VARIABLE = "env."
"""How the names of changes begin that are environment variables."""
FIELD = "suite."
"""How those begin that are fields of the suite."""
FILE = "file."
"""How those begin that are files of the model."""
ISA = "cpu_isa"
"""The name of the change of instruction set, as the suite's ``determinism`` has it."""
_COMPUTES = frozenset({*PACKAGES, *OPTIONAL_PACKAGES})
_ELSEWHERE = 0.05
"""What a change counts that does nothing at that stage, or rounds otherwise where more is seen."""
_BYSTANDER = 0.2
"""What a package counts that takes no part in images, as far as is known."""


def is_package(change: str) -> bool:
    """Whether a change is one of a package: all that has no other kind's name."""
    return change != ISA and not change.startswith((VARIABLE, FIELD, FILE))


def computes(change: str) -> bool:
    """Whether it takes part in computing an image, as far as is known."""
    return change in _COMPUTES or not is_package(change)


def suspicion(change: str, parting: Parting) -> float:
    """Return how much a change is suspected of having made the difference; above zero.

    Of those that act at the place where the images part, one that acts at few places goes first.
    """
    effect = _effect(change)
    if effect is None or not computes(change):
        return _BYSTANDER
    place = placed(parting.stage, parting.index) if parting.stage else None
    if place is None:
        return effect.weight
    too_far = effect.size is Size.ROUNDING and (parting.distance or 1.0) > 10 * rounding_of(())
    if place not in effect.places or too_far:
        return _ELSEWHERE * effect.weight
    return effect.weight * (1 + 1 / len(effect.places))


def _effect(change: str) -> Effect | None:
    """Return what a change does: a field weighs as what is declared, a file as what was loaded."""
    if change.startswith(FIELD):
        places = places_of_field(change.removeprefix(FIELD))
        return Effect(Cause.CALL, places, DECLARED) if places else None
    if change.startswith(FILE):
        effect = effect_of(f"model_file.{change.removeprefix(FILE)}")
        return effect and replace(effect, weight=RECORDED)
    if change == ISA:
        return effect_of("cpu.capability")
    return effect_of(change if change.startswith(VARIABLE) else f"package.{change}")
