"""Where a difference may have begun that is seen later, since no trace has what lies between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from goldenseed.diagnosis.places import Place, Root
from goldenseed.suite.parts import Given, Role, given_as, named
from goldenseed.trace.stages import Stage

if TYPE_CHECKING:
    from goldenseed.diagnosis.evidence import Sides

_DENOISED: Final = frozenset(
    {Place.CONDITIONING, Place.DENOISER, Place.GUIDANCE, Place.STEP, Place.LATER_STEP}
)


def with_what_is_not_traced(sides: Sides, root: Root) -> Root:
    """Let a difference begin in a denoiser that left no record, or in what a ControlNet was given.

    The first is that of a second stage, whose steps are those of another scheduler than the first
    one's; the second is seen at the denoiser, where the ControlNet computes with its modules.
    """
    trace, environment = sides.present.trace or (), sides.present.surroundings or {}
    if root.place is Place.BEFORE_VAE:
        traced = {each.key.part for each in trace if each.stage is Stage.DENOISER_OUTPUT}
        untold = not traced.issuperset(_parts(environment, Role.DENOISER, Role.PRIOR))
        return replace(root, carried=root.carried | _DENOISED) if untold else root
    if root.place is Place.DENOISER and _parts(environment, Role.CONTROL):
        given = (each.key.value for each in trace if each.stage is Stage.DENOISER_INPUT)
        if not any(given_as(each) is Given.CONTROL for each in given):
            return replace(root, carried=root.carried | {Place.CONDITIONING})
    return root


def _parts(environment: Mapping[str, object], *roles: Role) -> tuple[str, ...]:
    known = dict.fromkeys(
        key.split(".")[1]
        for key in environment
        if key.startswith("model.") and key.endswith(".class")
    )
    return named(known, *roles)
