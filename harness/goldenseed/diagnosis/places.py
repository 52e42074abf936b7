"""Where two traces begin to differ: the places at which nothing that feeds them differs already.

A trace is no chain. Token ids, schedule and noise do not depend on each other, so two images can
part in several places at once, each of which asks for a cause of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from goldenseed.diagnosis.divergence import EPSILONS, JUMP
from goldenseed.tolerance.rounding import EPS, TABLE, TraceMeasure
from goldenseed.trace.distances import (
    Pair,
    either,
    same,
    stage_distance,
)
from goldenseed.trace.stages import Stage, Trace


class Place(StrEnum):
    """What is computed, in the order of the flow."""

    TOKEN_IDS = "token ids"  # noqa: S105 - no password
    EMBEDDINGS = "prompt embeddings"
    SCHEDULE = "timesteps and sigmas"
    NOISE = "initial noise"
    LATENTS = "initial latents"
    CONDITIONING = "what the denoiser is given"
    DENOISER = "the denoiser's output"
    GUIDANCE = "the guided output"
    STEP = "the arithmetic of the first step"
    FIRST_STEP = "denoising step 1"
    LATER_NOISE = "noise of later steps"
    LATER_STEP = "a later denoising step"
    BEFORE_VAE = "latents before the VAE"
    VAE = "the VAE's output"
    CONVERSION = "the float image made of the VAE's output"
    IMAGE = "float image"
    PIXELS = "pixels"
    ANYWHERE = "a place that is not known"


_OF_THE_BATCH: Final = frozenset({Place.TOKEN_IDS, Place.EMBEDDINGS, Place.NOISE, Place.LATENTS})
"""Places with a row for each image, whatever the guidance; what the denoiser is given has more."""


@dataclass(frozen=True, slots=True)
class Root:
    """A place that differs although nothing before it does."""

    place: Place
    pairs: tuple[Pair, ...]
    """All records of the place, aligned; empty for ``ANYWHERE``."""
    distance: float | None = None
    """The largest relative distance of the records; None where none can be told."""
    beyond: TraceMeasure | None = None
    """What the verdict measures here that rounding does not explain; None where there is none."""
    carried: frozenset[Place] = frozenset()
    """Places before it at which the difference may have begun.

    They are no farther apart than by rounding, which may hide a change that shows where many
    evaluations are compared; or one of the traces lacks them.
    """

    @property
    def differing(self) -> tuple[Pair, ...]:
        """The records that are not the same."""
        return tuple(pair for pair in self.pairs if not same(pair))

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the records come from that differ."""
        return tuple(dict.fromkeys(either(pair).source or "" for pair in self.differing))

    @property
    def reshaped(self) -> tuple[Pair, ...]:
        """The records whose shapes differ."""
        return tuple((a, b) for a, b in self.differing if a and b and a.shape != b.shape)

    @property
    def recast(self) -> tuple[Pair, ...]:
        """The records whose dtypes differ."""
        return tuple((a, b) for a, b in self.differing if a and b and a.dtype != b.dtype)

    @property
    def one_sided(self) -> tuple[Pair, ...]:
        """The records that only one of the traces has."""
        return tuple(pair for pair in self.pairs if None in pair)

    @property
    def rows_alone(self) -> bool:
        """Whether there is another number of rows, and otherwise the same shapes: a batch."""
        made = self.place in _OF_THE_BATCH and bool(self.reshaped)
        return made and all(map(_another_number_of_rows, self.differing))


def _another_number_of_rows(pair: Pair) -> bool:
    a, b = pair
    if a is None or b is None or a.dtype != b.dtype:
        return False
    return len(a.shape) > 1 and a.shape[:1] != b.shape[:1] and a.shape[1:] == b.shape[1:]


NOWHERE = Root(Place.ANYWHERE, ())
"""Stands for all places where no trace tells which."""

_PLACES = {
    Stage.TOKEN_IDS: Place.TOKEN_IDS,
    Stage.PROMPT_EMBEDDINGS: Place.EMBEDDINGS,
    Stage.TIMESTEPS: Place.SCHEDULE,
    Stage.SIGMAS: Place.SCHEDULE,
    Stage.INITIAL_NOISE: Place.NOISE,
    Stage.INITIAL_LATENTS: Place.LATENTS,
    Stage.DENOISER_INPUT: Place.CONDITIONING,
    Stage.DENOISER_OUTPUT: Place.DENOISER,
    Stage.GUIDED_OUTPUT: Place.GUIDANCE,
    Stage.LATER_NOISE: Place.LATER_NOISE,
    Stage.LATENTS_BEFORE_VAE: Place.BEFORE_VAE,
    Stage.VAE_OUTPUT: Place.VAE,
    Stage.FLOAT_IMAGE: Place.IMAGE,
    Stage.PIXELS: Place.PIXELS,
}
_FEEDS = {
    Place.TOKEN_IDS: (),
    Place.EMBEDDINGS: (Place.TOKEN_IDS,),
    Place.SCHEDULE: (),
    Place.NOISE: (),
    Place.LATENTS: (Place.NOISE, Place.SCHEDULE),
    Place.CONDITIONING: (Place.EMBEDDINGS, Place.LATENTS),
    Place.DENOISER: (Place.CONDITIONING,),
    Place.GUIDANCE: (Place.DENOISER,),
    Place.FIRST_STEP: (Place.GUIDANCE,),
    Place.LATER_NOISE: (Place.NOISE, Place.SCHEDULE),
    Place.LATER_STEP: (Place.FIRST_STEP, Place.LATER_NOISE),
    Place.BEFORE_VAE: (Place.LATER_STEP,),
    Place.VAE: (Place.BEFORE_VAE,),
    Place.IMAGE: (Place.VAE,),
    Place.PIXELS: (Place.IMAGE,),
}
"""What each place is computed from, one step back."""
_ALWAYS_THERE = frozenset({Place.SCHEDULE, Place.LATER_NOISE, Place.FIRST_STEP, Place.LATER_STEP})
"""Places that are recorded wherever they are passed, so that to lack one means something."""
_JUDGED_BY_THEMSELVES: Final = frozenset({Place.GUIDANCE, Place.FIRST_STEP, Place.VAE, Place.IMAGE})
"""Places whose measure does not depend on how far apart that is which feeds them."""
_NOT_COMPUTED: Final = frozenset({"guidance", "time_ids", "img_ids", "txt_ids"})
"""What a denoiser is given that is made of no embedding and no latents."""
_NOTHING: Final[Mapping[Place, TraceMeasure]] = MappingProxyType({})
_ORDER = {place: number for number, place in enumerate(Place)}


def roots_of(
    accepted: Trace, present: Trace, beyond: Mapping[Place, TraceMeasure] = _NOTHING
) -> tuple[Root, ...]:
    """Return the places at which the traces begin to differ, in the order of the flow.

    Where all that feeds a place differs by rounding alone, and the place by much more, something
    else changed there too: it is a root as well. So is a place that is ``beyond`` rounding by the
    verdict's own measures.
    """
    found = _by_place(accepted, present)
    return tuple(_roots(found, _beyond(found, beyond)))


def hidden_places(accepted: Trace, present: Trace, roots: Sequence[Root]) -> tuple[Root, ...]:
    """Return the places, no roots, that differ as all that feeds them does.

    By rounding alone, or in the number of rows, where an image was made in a batch. A change there
    is not seen, and not ruled out either.
    """
    found = _by_place(accepted, present)
    known = {root.place for root in roots}
    batched = bool(roots) and all(root.rows_alone for root in roots)
    return tuple(
        Root(narrowed, tuple(pairs), _farthest(pairs))
        for place, pairs in found.items()
        if _differs(pairs)
        and (narrowed := _narrowed(place, found)) not in known
        and (batched or _alike_but_for_rounding(place, found, _differing_before(place, found)))
    )


def _roots(
    found: Mapping[Place, list[Pair]], beyond: Mapping[Place, TraceMeasure]
) -> Iterator[Root]:
    for place, pairs in found.items():
        if not _differs(pairs):
            continue
        before = _differing_before(place, found)
        own = beyond.get(place)
        if _begins(place, found, before, own):
            named, carried = _narrowed(place, found), _carried(place, found, before, own)
            yield Root(named, tuple(pairs), _farthest(pairs), own, carried)
        elif place is Place.CONDITIONING and (given := tuple(filter(_set_otherwise, pairs))):
            yield Root(place, given, _farthest(given))


def _carried(
    place: Place,
    found: Mapping[Place, list[Pair]],
    before: Sequence[Place],
    beyond: TraceMeasure | None,
) -> frozenset[Place]:
    if place is Place.CONDITIONING and Place.EMBEDDINGS not in found:
        return frozenset({Place.EMBEDDINGS})
    if place is Place.DENOISER and beyond is not None:
        return frozenset({Place.EMBEDDINGS}.intersection(before))
    return frozenset()


def _beyond(
    found: Mapping[Place, list[Pair]], beyond: Mapping[Place, TraceMeasure]
) -> Mapping[Place, TraceMeasure]:
    """Put what is measured at a place that a trace lacks where it is seen next."""
    later = {Place.DENOISER: Place.FIRST_STEP, Place.VAE: Place.IMAGE}
    return {
        place if place in found else later.get(place, place): each for place, each in beyond.items()
    }


def _set_otherwise(pair: Pair) -> bool:
    """Say whether the denoiser is given another number, which follows from nothing computed."""
    name = (either(pair).source or "").rpartition(".")[2]
    distance = stage_distance(pair).distance or 0.0
    return name in _NOT_COMPUTED and distance > TABLE * EPS.get(either(pair).dtype, 0.0)


def _differing_before(place: Place, found: Mapping[Place, list[Pair]]) -> list[Place]:
    return [each for each in _before(place, found) if _differs(found[each])]


def _farthest(pairs: Sequence[Pair]) -> float | None:
    known = [stage_distance(pair).distance for pair in pairs]
    return max((each for each in known if each is not None), default=None)


def _begins(
    place: Place,
    found: Mapping[Place, list[Pair]],
    before: Sequence[Place],
    beyond: TraceMeasure | None,
) -> bool:
    """Say whether a difference begins at ``place``, where the places ``before`` it differ too."""
    if not before:
        return True
    if beyond is not None and place in _JUDGED_BY_THEMSELVES:
        return True
    now = _moved(found[place])
    if now is None or not _alike_but_for_rounding(place, found, before):
        return False
    if beyond is not None:
        return True
    if place is Place.LATER_STEP:
        return _jumps([*found.get(Place.FIRST_STEP, ()), *found[place]])
    return now > JUMP * rounding_of(found[place])


def _alike_but_for_rounding(
    place: Place, found: Mapping[Place, list[Pair]], before: Sequence[Place]
) -> bool:
    """Say whether places that feed ``place`` are apart by no more than its own rounding."""
    limit = rounding_of(found[place])
    moved = [_moved(found[each]) for each in before]
    return all(distance is not None and distance <= limit for distance in moved)


def _moved(pairs: Sequence[Pair]) -> float | None:
    """Return the largest distance of the records that differ; None if one of them has none."""
    distances = [stage_distance(pair).distance for pair in pairs if not same(pair)]
    known = [each for each in distances if each is not None]
    return max(known, default=0.0) if len(known) == len(distances) else None


def _jumps(steps: Sequence[Pair]) -> bool:
    distances = [stage_distance(pair).distance or 0.0 for pair in steps]
    return any(
        after > JUMP * max(before, rounding_of(steps)) for before, after in pairwise(distances)
    )


def rounding_of(pairs: Sequence[Pair]) -> float:
    """Return up to which relative distance rounding moves records of these dtypes."""
    known = [EPSILONS[each] for each in {either(pair).dtype for pair in pairs} if each in EPSILONS]
    return max(known, default=EPSILONS["float32"])


def _by_place(accepted: Trace, present: Trace) -> dict[Place, list[Pair]]:
    """Return the records by place, in the order of the flow.

    A place that one of the traces lacks altogether is passed over where that need not mean
    anything: an older release did not record it, or the trace was cut short.
    """
    accepted, present = (
        tuple(each for each in trace if each.stage is not Stage.LATER_OUTPUT)
        for trace in (accepted, present)
    )
    before, now = ({each.key: each for each in trace} for trace in (accepted, present))
    found: dict[Place, list[Pair]] = {}
    for key in dict.fromkeys((*before, *now)):
        pair = (before.get(key), now.get(key))
        found.setdefault(_place(pair), []).append(pair)
    shortest = min(
        max((_ORDER[_place((each, None))] for each in trace), default=0)
        for trace in (accepted, present)
    )
    kept = {
        place: found[place]
        for place in Place
        if place in found
        and (_in_both(found[place]) or (place in _ALWAYS_THERE and _ORDER[place] < shortest))
    }
    if Place.DENOISER not in kept:
        # Whether guidance made of the same something else is not known: a compiled denoiser.
        kept.pop(Place.GUIDANCE, None)
    return kept


def _in_both(pairs: Sequence[Pair]) -> bool:
    return any(a for a, _ in pairs) and any(b for _, b in pairs)


def _place(pair: Pair) -> Place:
    record = either(pair)
    if record.stage is Stage.DENOISING_STEP:
        return Place.LATER_STEP if record.index else Place.FIRST_STEP
    return _PLACES[record.stage]


def _differs(pairs: Sequence[Pair]) -> bool:
    return not all(map(same, pairs))


def _before(place: Place, found: Mapping[Place, list[Pair]]) -> Iterator[Place]:
    """Yield all recorded places that feed ``place``, at once or by way of others."""
    for each in _FEEDS[place]:
        if each in found:
            yield each
        yield from _before(each, found)


def _narrowed(place: Place, found: Mapping[Place, list[Pair]]) -> Place:
    """Say more exactly what differs where what feeds it is recorded."""
    if place is Place.FIRST_STEP and Place.GUIDANCE in found:
        return Place.STEP
    if place is Place.IMAGE and Place.VAE in found:
        return Place.CONVERSION
    return place
