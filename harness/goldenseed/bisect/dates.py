"""Environments between two sides along the dates at which packages were released.

Where mixtures of two sides do not run, because packages need each other more than they say, what
people had installed on a day between does. Between two neighbouring days few packages differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from goldenseed.bisect.packages import Packages
from goldenseed.bisect.resolver import Resolver, Unresolvable
from goldenseed.bisect.search import Outcome
from goldenseed.bisect.sides import Side
from goldenseed.bisect.suspects import computes
from goldenseed.bisect.trials import Trials

_NEAR = timedelta(days=10)
"""Days that are not parted further."""


@dataclass(frozen=True, slots=True)
class Day:
    """What was current at one time, between the two sides."""

    name: str
    packages: Packages
    at: datetime


def neighbours(trials: Trials, resolver: Resolver, case: str) -> tuple[Side, Side]:
    """Return the last side along the dates that is as before, and the first that is as after.

    They are the two sides themselves where the index tells no dates, or no day between them works.
    """
    good, bad = trials.good, trials.bad
    low, high = _latest(good.packages), _latest(bad.packages)
    if low is None or high is None or low >= high:
        return good, bad
    untold: set[datetime] = set()
    while (at := _middle(low, high, untold)) is not None:
        day = _as_of(trials, resolver, at)
        known = {good.packages.digest, bad.packages.digest}
        if day is None or day.packages.digest in known:
            untold.add(at)
            continue
        outcome = trials.between(day.name, day.packages, case).outcome(case)
        side = replace(good, name=day.name, packages=day.packages, expected={}, notes=())
        if outcome is Outcome.AFTER:
            high, bad = at, replace(side, variables=good.variables)
        elif outcome.tells:
            low, good = at, side
        else:
            untold.add(at)
    return good, bad


def _latest(packages: Packages) -> datetime | None:
    """Return when the last of the packages that compute was uploaded; None if not known."""
    times = [e.uploaded for e in packages.each.values() if e.uploaded and computes(e.name)]
    return max(times, default=None)


def _middle(low: datetime, high: datetime, untold: set[datetime]) -> datetime | None:
    """Return the time nearest to the middle that was not in vain, in eighths of what is between."""
    if high - low < _NEAR:
        return None
    eighths = (low + (high - low) * part / 8 for part in (4, 3, 5, 2, 6, 1, 7))
    return next((each for each in eighths if not any(abs(each - u) < _NEAR for u in untold)), None)


def _as_of(trials: Trials, resolver: Resolver, at: datetime) -> Day | None:
    """Resolve what takes part in images as of a time, no further than either side.

    What both sides have alike stays, also where it was uploaded later.
    """
    from packaging.version import Version

    good, bad = trials.good.packages, trials.bad.packages
    wanted, alike = [], []
    for name in (each for each in good.each if computes(each) and each in bad.each):
        alike += [name] if good.each[name].is_same(bad.each[name]) else []
        ends = sorted(map(Version, (good.each[name].version, bad.each[name].version)))
        wanted.append(f"{name}>={ends[0]},<={ends[1]}")
    try:
        packages = resolver.resolve(wanted, before=at, whenever=alike)
    except Unresolvable:
        return None
    return Day(f"as of {at:%Y-%m-%d}", packages, at)
