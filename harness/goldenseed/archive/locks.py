"""What a record says of its suites' locks, held against the archived locks and fingerprints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from goldenseed.archive.findings import Finding
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.lock import LockDifference, lock_differences, read_lock
from goldenseed.runs.record import RunRecord
from goldenseed.suite.cases import Suite
from goldenseed.suite.recipes import locked_models, model_key


def check_locks(run: RunRecord, suites: Mapping[str, Suite]) -> Iterator[Finding]:
    """Find differences from a lock that the record conceals, or that its fingerprints do not show.

    A lock is held against a model with the suite's own scheduler; where no case wore that, what the
    record says of the scheduler cannot be found again, and is left.
    """
    for place, suite in suites.items():
        if suite.lock is None:
            continue
        recorded = {each for each in run.lock_differences if each.suite == suite.name}
        try:
            found, complete = _found(run, place, suite)
        except GoldenseedError as error:
            yield Finding("unreadable", place, error.what)
            continue
        for each in _sorted(found - recorded):
            yield Finding("lock_concealed", place, f"{each.key} is not as the lock has it")
        for each in _sorted(recorded - found) if complete else ():
            yield Finding("lock_invented", place, f"{each.key} is as the lock has it")


def _sorted(differences: Iterable[LockDifference]) -> list[LockDifference]:
    return sorted(differences, key=lambda each: each.key)


def _found(run: RunRecord, place: str, suite: Suite) -> tuple[set[LockDifference], bool]:
    """Return the differences of all models that ran, and whether each ran as the lock has it."""
    assert suite.lock is not None  # noqa: S101 - asked by the caller
    lock = read_lock(suite.lock, suite.name)
    names = {key: name for key, (name, _) in locked_models(suite).items()}
    cases = {each.id: each for each in suite.cases}
    found: set[LockDifference] = set()
    ran, seen = set(), set()
    for record in run.cases:
        case = cases.get(record.id)
        if record.path != place or case is None or record.environment_sha256 is None:
            continue
        key = model_key(case.model)
        ran.add(key)
        if case.scheduler is suite.model.scheduler and case.adapters == suite.model.adapters:
            seen.add(key)
            found |= {*lock_differences(lock.of(names.get(key)), run.environment_of(record))}
    return found, bool(ran) and ran == seen
