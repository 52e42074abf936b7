"""Environments between two sides along the dates at which packages were released.

Where mixtures of two sides do not run, because packages need each other more than they say, what
people had installed on a day between does. Between two neighbouring days few packages differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from goldenseed.bisect.packages import Packages
from goldenseed.bisect.resolver import Resolver
from goldenseed.bisect.search import Outcome, OutOfBudget, narrowed
from goldenseed.bisect.sides import Side
from goldenseed.bisect.suspects import computes
from goldenseed.bisect.trials import Trials

_NEAR = timedelta(days=10)
"""How near to each other days are tried."""


def neighbours(trials: Trials, resolver: Resolver, case: str) -> tuple[Side, Side]:
    """Return the last side along the dates that is as before, and the first that is as after.

    They are the two sides themselves where the index tells no dates, or no day between them works.
    """
    good, bad = trials.good, trials.bad
    first, last = _latest(good.packages), _latest(bad.packages)
    if first is None or last is None or first >= last:
        return good, bad
    known = {good.packages.digest, bad.packages.digest}
    sides: dict[int, Side] = {}

    def tried(days: int) -> Outcome:
        at = first + _NEAR * days
        name = f"as of {at:%Y-%m-%d}"
        packages = trials.resolved(name, lambda: _as_of(trials, resolver, at))
        if packages is None or packages.digest in known:
            return Outcome.UNRESOLVABLE
        sides[days] = replace(good, name=name, packages=packages, expected={}, notes=())
        return trials.between(name, packages, case).outcome(case)

    low, high, over = narrowed(0, (last - first) // _NEAR + 1, _eighth, tried)
    if over:
        raise OutOfBudget(over)
    return sides.get(low, good), sides.get(high, bad)


def _eighth(low: int, high: int, between: Sequence[int]) -> int | None:
    """Return what is nearest to the middle of those not tried in vain, in eighths of the whole."""
    eighths = (low + (high - low) * part // 8 for part in (4, 3, 5, 2, 6, 1, 7))
    return next((each for each in eighths if each in between), None)


def _latest(packages: Packages) -> datetime | None:
    """Return when the last of the packages that compute was uploaded; None if not known."""
    times = [e.uploaded for e in packages.each.values() if e.uploaded and computes(e.name)]
    return max(times, default=None)


def _as_of(trials: Trials, resolver: Resolver, at: datetime) -> Packages:
    """Resolve what takes part in images as of a time, no further than either side.

    What both sides have alike stays, also where it was uploaded later. Raises ``Unresolvable``.
    """
    from packaging.version import Version

    good, bad = trials.good.packages, trials.bad.packages
    wanted, alike = [], []
    for name in (each for each in good.each if computes(each) and each in bad.each):
        alike += [name] if good.each[name].is_same(bad.each[name]) else []
        ends = sorted(map(Version, (good.each[name].version, bad.each[name].version)))
        wanted.append(f"{name}>={ends[0]},<={ends[1]}")
    return resolver.resolve(wanted, before=at, whenever=alike)
