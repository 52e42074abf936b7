"""Along the dates of releases, with an index that is not there: it alone knows of upload times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from goldenseed.bisect.dates import neighbours
from goldenseed.bisect.packages import Package, Packages
from goldenseed.bisect.search import Outcome
from goldenseed.bisect.sides import Side
from goldenseed.bisect.tried import Tried

MONTHS = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 11)]


def release(month: int, *, dated: bool = True) -> Packages:
    """Return what was current in a month: a release of diffusers each."""
    at = MONTHS[month - 1] if dated else None
    return Packages.of([Package("diffusers", f"0.{month}", uploaded=at)])


class Index:
    """Gives what was current at a time."""

    def resolve(
        self, wanted: Sequence[str], *, before: datetime, whenever: Sequence[str]
    ) -> Packages:
        assert not whenever
        assert wanted == ["diffusers>=0.1,<=0.10"]
        return release(sum(month <= before for month in MONTHS))


@dataclass
class Tries:
    """Environments of which is known what they make."""

    first_bad: int
    good: Side
    bad: Side
    broken: tuple[str, ...] = ()
    tried: list[str] = field(default_factory=list)

    def resolved(self, name: str, resolve: Callable[[], Packages]) -> Packages:
        return resolve()

    def between(self, name: str, packages: Packages, case: str) -> Tried:
        assert case == "case"
        version = packages.each["diffusers"].version
        self.tried.append(version)
        if version in self.broken:
            return Tried(name, seconds=1.0)
        moved = int(version.partition(".")[2]) >= self.first_bad
        return Tried(name, outcomes={"case": Outcome.AFTER if moved else Outcome.BEFORE})


def found(first_bad: int, *, dated: bool = True, broken: tuple[str, ...] = ()) -> tuple[Any, Tries]:
    good, bad = Side("good", release(1, dated=dated)), Side("bad", release(10, dated=dated))
    tries = Tries(first_bad, good, bad, broken)
    return neighbours(cast("Any", tries), cast("Any", Index()), "case"), tries


def test_the_days_before_and_after_the_release_that_moved_it_are_found():
    for first_bad in range(2, 11):
        (good, bad), tries = found(first_bad)
        versions = [each.packages.each["diffusers"].version for each in (good, bad)]
        assert versions == [f"0.{first_bad - 1}", f"0.{first_bad}"]
        assert len({*tries.tried}) <= 6


def test_a_day_that_does_not_run_is_gone_around():
    (good, bad), _ = found(7, broken=("0.5", "0.6"))
    versions = [each.packages.each["diffusers"].version for each in (good, bad)]
    assert versions[1] == "0.7"
    assert versions[0] in {"0.4", "0.5", "0.6"}


def test_without_dates_the_sides_stay_as_they_are():
    (good, bad), tries = found(7, dated=False)
    assert (good, bad) == (tries.good, tries.bad)
    assert not tries.tried
