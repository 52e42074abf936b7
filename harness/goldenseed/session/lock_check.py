"""Holding the environment against the lock of each suite, before and after its model is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.lock import (
    BEFORE_LOADING,
    Lock,
    LockDifference,
    lock_differences,
    lock_table,
    read_lock,
)

if TYPE_CHECKING:
    from goldenseed.backends.protocol import Backend
    from goldenseed.suite.cases import Case, Suite


class LockCheck:
    """Checks each suite once; the first case that meets a difference tells it in full."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._locks: dict[Path, Lock] = {}
        self._before: dict[Path, tuple[LockDifference, ...]] = {}
        self._after: dict[Path, tuple[LockDifference, ...]] = {}
        self._told_by: dict[Path, str] = {}
        self._news: list[LockDifference] = []

    def before_loading(self, case: Case, backend: Backend) -> str | None:
        """Check what needs no model; return why the case must not run, or None."""
        suite = case.suite
        if suite.lock is None:
            return None
        if suite.path not in self._before:
            lock = self._locks[suite.path] = read_lock(suite.lock, suite.name)
            found = lock_differences(lock, backend.surroundings(case), BEFORE_LOADING)
            self._before[suite.path] = found
            self._news += found
        return self._refusal(case, self._before[suite.path])

    def after_loading(self, case: Case, backend: Backend) -> str | None:
        """Check what only a loaded model shows; return why the case must not run, or None."""
        suite = case.suite
        if suite.lock is None:
            return None
        if suite.path not in self._after:
            backend.load(as_the_suite_has_it(case))
            known = {each.key for each in self._before[suite.path]}
            found = lock_differences(self._locks[suite.path], backend.fingerprint())
            new = tuple(each for each in found if each.key not in known)
            self._after[suite.path] = new
            self._news += new
        return self._refusal(case, self._after[suite.path])

    def news(self) -> tuple[LockDifference, ...]:
        """Return the differences found since this was last asked."""
        found, self._news = tuple(self._news), []
        return found

    def _refusal(self, case: Case, found: tuple[LockDifference, ...]) -> str | None:
        if not (found and self._strict):
            return None
        teller = self._told_by.setdefault(case.suite.path, case.id)
        return str(_error(case.suite, found, teller=None if teller == case.id else teller))


def as_the_suite_has_it(case: Case) -> Case:
    """Return the case with its suite's own scheduler, which is the one that a lock pins."""
    return replace(case, model=replace(case.model, scheduler=case.suite.model.scheduler))


def _error(suite: Suite, found: tuple[LockDifference, ...], teller: str | None) -> GoldenseedError:
    lock = suite.lock
    name = lock.name if lock else "the lock"
    many = "1 key" if len(found) == 1 else f"{len(found)} keys"
    what = f"the environment is not the locked one: {many}"
    if teller is not None:
        return GoldenseedError(f"{what}, listed at {teller}", path=name)
    table = "\n".join(f"  {line}" for line in lock_table(found))
    return GoldenseedError(
        f"{what}\n{table}",
        path=name,
        fix="restore what the lock names; --golden-environment=report runs all the same and shows "
        f"what becomes of the images; `goldenseed lock {suite.path.name}` pins what is here now",
    )
