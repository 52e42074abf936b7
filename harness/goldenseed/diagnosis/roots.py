"""Where two traces begin to differ: the places at which nothing that feeds them differs already.

A trace is no chain. Token ids, schedule and noise do not depend on each other, so two images can
part in several places at once, each of which asks for a cause of its own.

A distance alone tells little near the limit of rounding, and nothing below it. The weights of sums
and the direction of differences, the verdict's own measures (``goldenseed.tolerance.rounding``),
tell a faint change from rounding of the same size. Each measure counts at the place where it is
made, and only where no measure before it is beyond its limit already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from goldenseed.diagnosis.divergence import JUMP
from goldenseed.diagnosis.places import FEEDS, PLACED, Place, Root, place_of, rounding_of
from goldenseed.suite.parts import MADE_OF_NOTHING, given_as
from goldenseed.tolerance.mixtures import EPS
from goldenseed.tolerance.rounding import (
    TABLE,
    TraceMeasure,
)
from goldenseed.trace.distances import Pair, either, same, stage_distance
from goldenseed.trace.stages import Stage, StageName, Trace

_ALWAYS_THERE = frozenset({Place.SCHEDULE, Place.LATER_NOISE, Place.FIRST_STEP, Place.LATER_STEP})
"""Places that are recorded wherever they are passed, so that to lack one means something."""
_JUDGED_BY_THEMSELVES: Final = frozenset({Place.GUIDANCE, Place.FIRST_STEP, Place.VAE, Place.IMAGE})
"""Places whose measure does not depend on how far apart that is which feeds them."""
_NOTHING: Final[Mapping[Place, TraceMeasure]] = MappingProxyType({})
_ORDER = {place: number for number, place in enumerate(Place)}


def roots_of(
    accepted: Trace, present: Trace, beyond: Mapping[Place, TraceMeasure] = _NOTHING
) -> tuple[Root, ...]:
    """Return the places at which the traces begin to differ, in the order of the flow.

    So does one that is much farther apart than what feeds it, where that differs by rounding, and
    one that is ``beyond`` rounding by the verdict's own measures.
    """
    found = _by_place(accepted, present)
    return tuple(_roots(found, _seen_later(found, beyond)))


def differing_places(accepted: Trace, present: Trace) -> tuple[Root, ...]:
    """Return all places that differ, roots or not, in the order of the flow."""
    found = _by_place(accepted, present)
    return tuple(
        Root(_narrowed(place, found), tuple(pairs), _farthest(pairs))
        for place, pairs in found.items()
        if _differs(pairs)
    )


def hidden_places(accepted: Trace, present: Trace, roots: Sequence[Root]) -> tuple[Root, ...]:
    """Return the places, no roots, that differ as what feeds them: by rounding, or by the batch."""
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


def _seen_later(
    found: Mapping[Place, list[Pair]], beyond: Mapping[Place, TraceMeasure]
) -> Mapping[Place, TraceMeasure]:
    """Put what is measured at a place that a trace lacks where it is seen next."""
    later = {Place.DENOISER: Place.FIRST_STEP, Place.VAE: Place.IMAGE}
    return {
        place if place in found else later.get(place, place): each for place, each in beyond.items()
    }


def _set_otherwise(pair: Pair) -> bool:
    """Say whether the denoiser is given another number, which follows from nothing computed."""
    record, distance = either(pair), stage_distance(pair).distance or 0.0
    made_of_nothing = given_as(record.key.value) in MADE_OF_NOTHING
    return made_of_nothing and distance > TABLE * EPS.get(record.dtype, 0.0)


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
    if place is not Place.LATER_STEP:
        return now > JUMP * _rounding(found[place])
    steps = [*found.get(Place.FIRST_STEP, ()), *found[place]]
    distances = [stage_distance(pair).distance or 0.0 for pair in steps]
    return any(b > JUMP * max(a, _rounding(steps)) for a, b in pairwise(distances))


def _alike_but_for_rounding(
    place: Place, found: Mapping[Place, list[Pair]], before: Sequence[Place]
) -> bool:
    """Say whether places that feed ``place`` are apart by no more than its own rounding."""
    limit = _rounding(found[place])
    moved = [_moved(found[each]) for each in before]
    return all(distance is not None and distance <= limit for distance in moved)


def _moved(pairs: Sequence[Pair]) -> float | None:
    """Return the largest distance of the records that differ; None if one of them has none."""
    distances = [stage_distance(pair).distance for pair in pairs if not same(pair)]
    known = [each for each in distances if each is not None]
    return max(known, default=0.0) if len(known) == len(distances) else None


def _rounding(pairs: Sequence[Pair]) -> float:
    return rounding_of(either(pair).dtype for pair in pairs)


def _by_place(accepted: Trace, present: Trace) -> dict[Place, list[Pair]]:
    """Return the records by place, in the order of the flow.

    Without those that one trace lacks for its age, or since it was cut short.
    """
    accepted, present = (
        tuple(each for each in trace if each.stage in PLACED) for trace in (accepted, present)
    )
    before, now = ({each.key: each for each in trace} for trace in (accepted, present))
    found: dict[Place, list[Pair]] = {}
    at_first = {*_drawn_at_first(accepted), *_drawn_at_first(present)}
    for key in dict.fromkeys((*before, *now)):
        pair = (before.get(key), now.get(key))
        place = Place.NOISE if key in at_first else place_of(either(pair))
        found.setdefault(place, []).append(pair)
    shortest = min(
        max((_ORDER[place_of(each)] for each in trace), default=0) for trace in (accepted, present)
    )
    kept = {
        place: found[place]
        for place in Place
        if place in found
        and (
            all(map(any, zip(*found[place], strict=True)))
            or (place in _ALWAYS_THERE and _ORDER[place] < shortest)
        )
    }
    if Place.CONDITIONING in kept:
        kept[Place.CONDITIONING] = _given_first(kept, present)
    if Place.DENOISER not in kept:
        # Whether guidance made of the same something else is not known: a compiled denoiser.
        kept.pop(Place.GUIDANCE, None)
    return kept


def _drawn_at_first(trace: Trace) -> Iterator[StageName]:
    """Yield the noise that is drawn after the first, and before the sample of the first step.

    So a pipeline draws that encodes a picture, by a draw, before it draws what is added to it.
    """
    stages = [each.stage for each in trace]
    if Stage.INITIAL_LATENTS in stages:
        before = trace[: stages.index(Stage.INITIAL_LATENTS)]
        yield from (each.key for each in before if each.stage is Stage.LATER_NOISE)


def _given_first(found: Mapping[Place, list[Pair]], present: Trace) -> list[Pair]:
    """Leave out what later calls in the first step are given once an output before differs."""
    order = {each.key: number for number, each in enumerate(present)}
    outputs = (either(pair).key for pair in found.get(Place.DENOISER, ()) if not same(pair))
    first = min((order[key] for key in outputs if key in order), default=len(order))
    given = found[Place.CONDITIONING]
    return [pair for pair in given if order.get(either(pair).key, -1) < first]


def _differs(pairs: Sequence[Pair]) -> bool:
    return not all(map(same, pairs))


def _before(place: Place, found: Mapping[Place, list[Pair]]) -> Iterator[Place]:
    """Yield all recorded places that feed ``place``, at once or by way of others."""
    for each in FEEDS[place]:
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
