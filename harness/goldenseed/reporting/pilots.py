"""What became of the pilots of a run, in words."""

from __future__ import annotations

from collections.abc import Iterator

from goldenseed.core.listing import first_of
from goldenseed.runs.parts import PilotRecord
from goldenseed.runs.record import RunRecord

_NAMED = 3


def pilot_sentence(pilot: PilotRecord) -> str:
    """Say whether a pilot held, what broke it, and how many cases were not run for it."""
    place = pilot.path if pilot.line is None else f"{pilot.path}:{pilot.line}"
    name = f"the pilot of {pilot.suite} ({place})"
    count = f"{len(pilot.cases):,} cases" if len(pilot.cases) != 1 else "1 case"
    if pilot.held:
        return f"{name} held: {count}, none worse than {pilot.require}"
    not_run = f"; {pilot.not_run:,} not run" if pilot.not_run else ""
    if pilot.broken:
        broken = f"{len(pilot.broken):,} of {count} worse than {pilot.require}"
        return f"{name} did not hold: {broken}: {first_of(pilot.broken, _NAMED)}{not_run}"
    return f"{name} did not hold: no case of it gave an image{not_run}"


def pilot_sentences(run: RunRecord) -> Iterator[str]:
    """Yield a sentence for each pilot, those that did not hold first."""
    yield from map(pilot_sentence, sorted(run.pilots, key=lambda each: each.held))
