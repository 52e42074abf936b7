"""Change points of a series, each with what differs on record between its two sides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from goldenseed.environment.fingerprint import KeyDifference
from goldenseed.history.creep import creeps_of
from goldenseed.history.points import SECONDS, Point
from goldenseed.history.stability import Records
from goldenseed.history.steps import Step, steps_of

STEADY: Final = 2
"""How many runs have to agree under one record before a change beside a change of it is certain."""
HELD: Final = 3
"""How many runs have to agree before a change without a cause is a change and no flicker."""


class Certainty(StrEnum):
    """How sure it is that what differs on record goes with the change."""

    CERTAIN = "certain"
    """The image held under the old record, and is another one from the run on that changed it."""
    POSSIBLE = "possible"
    """The record changed too, but the image had not been seen to hold before."""
    LIKELY = "likely"
    """A noisy number is on another level; what differs on record may be why, or something else."""
    CREEPING = "creeping"
    """A number moves bit by bit, and no single run is where it changed."""
    UNEXPLAINED = "unexplained"
    """Nothing on record differs that could be why."""


IMAGE: Final = "image"
TRACE: Final = "trace"
ACCEPTED: Final = "accepted image"


@dataclass(frozen=True, slots=True)
class Change:
    """One change point: between a run and the one before it in the series."""

    point: Point
    """The first one on the new side; of a creep the first of it."""
    before: Point
    """The run before that; of a creep its first run too."""
    of: str
    """``image``, ``trace`` where the pixels are the same, ``accepted image``, or a measure."""
    certainty: Certainty
    old: float | None = None
    new: float | None = None
    """Of a measure: the level before and after."""
    last: Point | None = None
    """Of a creep: the last run of it."""
    runs: int = 0
    """Of a creep: over how many runs."""
    recipe: bool = False
    """Whether the recipe is another one."""
    differences: tuple[KeyDifference, ...] | None = ()
    """What differs of the environments; None where one of them is not on record."""

    @property
    def commits(self) -> tuple[str | None, str | None] | None:
        """Return the commits before and after; None where they are the same."""
        commits = self.before.commit, self.point.commit
        return None if commits[0] == commits[1] else commits


def changes_of(
    points: Sequence[Point], records: Records, measures: Iterable[str] = ()
) -> tuple[Change, ...]:
    """Find the change points of a series, the oldest first.

    Images change by their digests, without any statistics; ``measures`` are looked through for
    other levels (``goldenseed.history.steps``), those of images only where the image is no other.
    """
    made = [each for each in points if each.pixels is not None]
    found = [
        *_by_state(made, records, IMAGE, lambda each: each.pixels),
        *_by_state(_alike(made), records, TRACE, lambda each: each.trace),
        *_accepted(made, records),
    ]
    moved = {each.point.run for each in found}
    for measure in measures:
        measured = [(each, value) for each in points if (value := each.value(measure)) is not None]
        steps = steps_of([value for _, value in measured])
        levels = _levels(measured, steps, records, measure)
        found += [each for each in levels if measure in SECONDS or each.point.run not in moved]
        found += _creeps(measured, steps, measure)
    return tuple(sorted(found, key=lambda each: (each.point.at, each.point.run)))


def _alike(points: Sequence[Point]) -> list[Point]:
    """Leave out points without a trace."""
    return [each for each in points if each.trace is not None]


def _by_state(
    points: Sequence[Point], records: Records, of: str, state: Callable[[Point], str | None]
) -> Iterator[Change]:
    """Yield where the state of the points changes, but for mere flickers."""
    held = 1  # how many runs before this one were in the same state, one after the other
    under = 1  # how many of them under the same record as well
    for place in range(1, len(points)):
        before, point = points[place - 1], points[place]
        equal = records.equal(before, point)
        if state(point) == state(before):
            held, under = held + 1, under + 1 if equal else 1
            continue
        following = points[place + 1 : place + 2]
        stays = all(state(each) == state(point) for each in following)
        if of == TRACE and point.pixels != before.pixels:
            pass  # that the trace is another one goes without saying
        elif not equal:
            known = point.recipe != before.recipe or records.differences(before, point) is not None
            certain = known and under >= STEADY and stays
            certainty = Certainty.CERTAIN if certain else Certainty.POSSIBLE
            yield _change(before, point, of, certainty, records)
        elif held >= HELD and stays:
            yield _change(before, point, of, Certainty.UNEXPLAINED, records)
        held = under = 1


def _accepted(points: Sequence[Point], records: Records) -> Iterator[Change]:
    """Yield where another image is the accepted one and the one that is made is not."""
    compared = [each for each in points if each.accepted is not None]
    for before, point in pairwise(compared):
        if before.accepted != point.accepted and before.pixels == point.pixels:
            yield _change(before, point, ACCEPTED, Certainty.CERTAIN, records)


def _change(before: Point, point: Point, of: str, certainty: Certainty, records: Records) -> Change:
    return Change(
        point=point,
        before=before,
        of=of,
        certainty=certainty,
        recipe=before.recipe != point.recipe,
        differences=records.moving(before, point),
    )


Measured = Sequence[tuple[Point, float]]


def _creeps(measured: Measured, steps: Sequence[Step], measure: str) -> Iterator[Change]:
    values = [value for _, value in measured]
    for creep in creeps_of(values, [step.index for step in steps]):
        yield Change(
            point=measured[creep.start][0],
            before=measured[creep.start][0],
            last=measured[creep.end][0],
            of=measure,
            certainty=Certainty.CREEPING,
            old=creep.before,
            new=creep.after,
            runs=creep.end - creep.start + 1,
        )


def _levels(
    measured: Measured, steps: Sequence[Step], records: Records, measure: str
) -> Iterator[Change]:
    for step in steps:
        before, point = measured[step.index - 1][0], measured[step.index][0]
        differences = records.differences(before, point)
        recipe = before.recipe != point.recipe
        explained = differences is None or bool(differences) or recipe
        yield Change(
            point=point,
            before=before,
            of=measure,
            certainty=Certainty.LIKELY if explained else Certainty.UNEXPLAINED,
            old=step.before,
            new=step.after,
            recipe=recipe,
            differences=differences,
        )
