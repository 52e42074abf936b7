"""Which packages are other releases than those under which images were accepted."""

from __future__ import annotations

from collections.abc import Iterator

from goldenseed.environment.keys import EnvironmentValue
from goldenseed.runs.record import RunRecord

_PREFIX = "package."
_FIRST = ("torch", "diffusers", "transformers")

Change = tuple[str, EnvironmentValue, EnvironmentValue]


def package_changes(run: RunRecord) -> tuple[Change, ...]:
    """Return name, old and new release of each package that changed, those that matter most first.

    Known from the diagnoses of the cases that moved, and from the locks that do not hold.
    """
    found = dict.fromkeys(_changes(run))
    places = {name: place for place, name in enumerate(_FIRST)}
    return tuple(sorted(found, key=lambda each: (places.get(each[0], len(_FIRST)), each[0])))


def _changes(run: RunRecord) -> Iterator[Change]:
    for case in run.cases:
        for key in case.diagnosis.environment if case.diagnosis else ():
            if key.key.startswith(_PREFIX):
                yield key.key.removeprefix(_PREFIX), key.old, key.new
    for lock in run.lock_differences:
        if lock.key.startswith(_PREFIX):
            yield lock.key.removeprefix(_PREFIX), lock.expected, lock.found
