"""Where noisy numbers step to another level: by medians before and after, nothing fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

LEAST: Final = 5
"""How many values there have to be on each side."""
WINDOW: Final = 15
"""How many on each side are looked at."""
SPREADS: Final = 3.5
"""How many spreads of the noisier side the medians have to be apart."""
SHARE: Final = 0.2
"""By what share of the smaller of the medians they have to be apart."""
_TO_SIGMA: Final = 1.4826
"""From the median of absolute deviations to the standard deviation of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Step:
    """A change of level."""

    index: int
    """Of the first value of the new level."""
    before: float
    after: float
    """The medians."""


def steps_of(values: Sequence[float]) -> tuple[Step, ...]:
    """Find the changes of level in ``values``, which are in the order of time.

    Level for level: from the last change on, the place with the clearest change is taken, if the
    medians of up to ``WINDOW`` values on each side differ by ``SPREADS`` spreads and by ``SHARE``,
    the values next to it are on their sides of the middle, and so are at least four of the next
    five on each side.
    """
    found: list[Step] = []
    start, place = 0, LEAST
    while place <= len(values) - LEAST:
        if _step_at(values, start, place) is None:
            place += 1
            continue
        # The change may be a little later than where it is first seen: take the clearest place.
        last = min(place + LEAST, len(values) - LEAST)
        near = [_step_at(values, start, each) for each in range(place, last + 1)]
        best = max((each for each in near if each), key=lambda each: _apart(values, start, each))
        found.append(best)
        start, place = best.index, best.index + LEAST
    return tuple(found)


def _step_at(values: Sequence[float], start: int, place: int) -> Step | None:
    old, new = _sides(values, start, place)
    if len(old) < LEAST or len(new) < LEAST:
        return None
    step = Step(place, median(old), median(new))
    size = abs(step.after - step.before)
    least = SHARE * min(abs(step.before), abs(step.after))
    if size <= max(least, SPREADS * max(_spread(old), _spread(new))):
        return None
    middle, rises = (step.before + step.after) / 2, step.after > step.before
    before = [(each < middle) == rises for each in reversed(old[-LEAST:])]
    after = [(each > middle) == rises for each in new[:LEAST]]
    lasts = before[0] and after[0] and min(sum(before), sum(after)) >= LEAST - 1
    return step if lasts else None


def _sides(
    values: Sequence[float], start: int, place: int
) -> tuple[Sequence[float], Sequence[float]]:
    return values[max(start, place - WINDOW) : place], values[place : place + WINDOW]


def _apart(values: Sequence[float], start: int, step: Step) -> float:
    """Say how far the sides are apart against what is left within them."""
    old, new = _sides(values, start, step.index)
    left = sum(abs(each - step.before) for each in old) + sum(
        abs(each - step.after) for each in new
    )
    return -left / (len(old) + len(new))


def _spread(values: Sequence[float]) -> float:
    middle = median(values)
    return _TO_SIGMA * median(abs(each - middle) for each in values)
