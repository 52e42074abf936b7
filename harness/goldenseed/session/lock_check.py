"""Holding the environment against the lock of each suite, before and after its model is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from goldenseed.suite.recipes import as_the_suite_has_it, locked_models, model_key

if TYPE_CHECKING:
    from goldenseed.backends.protocol import Backend
    from goldenseed.suite.cases import Case, Suite


class LockCheck:
    """Checks each suite once; the first case that meets a difference tells it in full."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._locks: dict[Path, tuple[Lock, Mapping[str, str | None]]] = {}
        self._before: dict[tuple[Path, str | None], tuple[LockDifference, ...]] = {}
        self._after: dict[tuple[Path, str | None], tuple[LockDifference, ...]] = {}
        self._told_by: dict[tuple[LockDifference, ...], str] = {}
        self._news: list[LockDifference] = []

    def before_loading(self, case: Case, backend: Backend) -> str | None:
        """Check what needs no model; return why the case must not run, or None."""
        found = self._lock_of(case)
        if found is None:
            return None
        place, lock = found
        if place not in self._before:
            new = lock_differences(lock, backend.surroundings(case), BEFORE_LOADING)
            self._before[place] = new
            self._news += new
        return self._refusal(case, self._before[place])

    def after_loading(self, case: Case, backend: Backend) -> str | None:
        """Check what only a loaded model shows; return why the case must not run, or None."""
        found = self._lock_of(case)
        if found is None:
            return None
        place, lock = found
        if place not in self._after:
            backend.load(as_the_suite_has_it(case))
            known = {each.key for each in self._before[place]}
            differing = lock_differences(lock, backend.fingerprint())
            new = tuple(each for each in differing if each.key not in known)
            self._after[place] = new
            self._news += new
        return self._refusal(case, self._after[place])

    def _lock_of(self, case: Case) -> tuple[tuple[Path, str | None], Lock] | None:
        """Return the lock of the case's model, with the suite's path and the model's name in it."""
        suite = case.suite
        if suite.lock is None:
            return None
        if suite.path not in self._locks:
            names = {key: name for key, (name, _) in locked_models(suite).items()}
            self._locks[suite.path] = read_lock(suite.lock, suite.name), names
        lock, known = self._locks[suite.path]
        name = known.get(model_key(case.model))
        return (suite.path, name), lock.of(name)

    def news(self) -> tuple[LockDifference, ...]:
        """Return the differences found since this was last asked."""
        found, self._news = tuple(self._news), []
        return found

    def hear(self, differences: Iterable[LockDifference]) -> None:
        """Take differences over that another process found."""
        self._news += differences

    def _refusal(self, case: Case, found: tuple[LockDifference, ...]) -> str | None:
        if not (found and self._strict):
            return None
        teller = self._told_by.setdefault(found, case.id)
        return str(_error(case.suite, found, teller=None if teller == case.id else teller))


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
