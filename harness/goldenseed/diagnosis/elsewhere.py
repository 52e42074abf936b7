"""Traces of other engines: what they do not record says nothing, and parts may have other names.

A pipeline of diffusers passes every stage that its trace has, and another's lack of it is a change.
An engine records what its author wrote down. So only what both traces have is compared then, in the
order of the reference; what is left out, or taken for the same under another name, is a remark.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from goldenseed.core.listing import first_of
from goldenseed.diagnosis.evidence import Sides
from goldenseed.environment.keys import ENGINE_KEY
from goldenseed.trace.stages import Stage, StageRecord, Trace

_LISTED: Final = 6


def fitted(sides: Sides) -> tuple[Sides, tuple[str, ...]]:
    """Return what both sides record, with remarks, where one of them is of another engine."""
    before, now = sides.accepted, sides.present
    engines = [
        bool(side.environment and side.environment.get(ENGINE_KEY)) for side in (before, now)
    ]
    if not any(engines) or not before.trace or not now.trace:
        return sides, ()
    accepted, present = before.trace, now.trace
    if engines[1]:
        present, remarks = _renamed(present, accepted)
        present = _in_order_of(accepted, present)
    else:
        accepted, remarks = _renamed(accepted, present)
        accepted = _in_order_of(present, accepted)
    shared = _series(accepted) & _series(present)
    remarks += (
        *_alone("accepted", accepted, shared),
        *_alone("present", present, shared),
        *_broken("accepted", accepted),
        *_broken("present", present),
    )
    kept = [tuple(r for r in trace if r.key.series in shared) for trace in (accepted, present)]
    accepted, present = kept
    both = Sides(replace(before, trace=accepted), replace(now, trace=present), sides.metrics)
    return both, remarks


def _renamed(engine: Trace, reference: Trace) -> tuple[Trace, tuple[str, ...]]:
    """Give a stage that each trace has of one source alone the reference's source."""
    known = _sources(reference)
    renamed, remarks = {}, []
    for stage, own in _sources(engine).items():
        other = known.get(stage, ())
        if len(own) == len(other) == 1 and own != other:
            renamed[stage] = other[0]
            if own[0] is not None:
                whose = f"that of {other[0]}" if other[0] else "the pipeline's own"
                remarks.append(f"{stage.words} of {own[0]}: the engine's, taken for {whose}")
    called = (
        each.model_copy(update={"source": renamed[each.stage]}) if each.stage in renamed else each
        for each in engine
    )
    return tuple(called), tuple(remarks)


def _sources(trace: Trace) -> dict[Stage, tuple[str | None, ...]]:
    found: dict[Stage, dict[str | None, None]] = {}
    for each in trace:
        found.setdefault(each.stage, {})[each.source] = None
    return {stage: tuple(sources) for stage, sources in found.items()}


def _in_order_of(reference: Trace, engine: Trace) -> Trace:
    """Return the engine's records in the reference's order; what that lacks follows its series."""
    order = {each.key: number for number, each in enumerate(reference)}
    last = {each.key.series: number for number, each in enumerate(reference)}

    def place(record: StageRecord) -> tuple[int, int]:
        return order.get(record.key, last.get(record.key.series, len(order))), record.index

    return tuple(sorted(engine, key=place))


def _series(trace: Trace) -> set[tuple[Stage, str]]:
    return {each.key.series for each in trace}


def _alone(whose: str, trace: Trace, shared: set[tuple[Stage, str]]) -> Iterator[str]:
    """Say what only one of the traces has."""
    also = {stage for stage, _ in shared}
    names = [
        f"{each.stage.words} of {each.source}" if each.stage in also else each.stage.words
        for each in trace
        if each.key.series not in shared
    ]
    if names:
        listed = first_of(list(dict.fromkeys(names)), _LISTED)
        yield f"not compared, as only the trace of the {whose} image has it: {listed}"


def _broken(whose: str, trace: Trace) -> Iterator[str]:
    """Say where the first values are that are not finite."""
    spoilt = next((each for each in trace if each.sketch is not None and each.norm is None), None)
    if spoilt is not None:
        yield f"the {whose} image's {spoilt.key.words} has NaN or infinite values"
