"""Sets of changes, each tried once: its environment built, the images made, told apart by case."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from goldenseed.bisect.environments import Built, Environments
from goldenseed.bisect.making import Maker
from goldenseed.bisect.outcomes import Ends
from goldenseed.bisect.packages import Packages
from goldenseed.bisect.search import Changes, Outcome, OutOfBudget
from goldenseed.bisect.sides import Side
from goldenseed.bisect.suspects import VARIABLE, computes
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.runs.comparison import RunComparison, StoredRun, compare_runs


@dataclass(frozen=True, slots=True)
class Tried:
    """One environment, and what its images are."""

    name: str
    """For people: ``good``, ``bad``, or the changes that were made to the good side."""
    changes: Changes | None = None
    """None where it is no mixture of the two sides: an environment between them."""
    packages: Packages = field(default_factory=Packages)
    run: StoredRun | None = None
    comparison: RunComparison | None = None
    """With the good side in the baseline's place."""
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    """By the ids of cases."""
    failed: str | None = None
    """Why there are no images."""
    seconds: float = 0.0
    """Of building and making."""
    build_seconds: float = 0.0

    def outcome(self, case: str) -> Outcome:
        """Return what a case's image is; one that was not made tells nothing."""
        missing = Outcome.UNRESOLVABLE if self.run is None and not self.seconds else Outcome.FAILED
        return self.outcomes.get(case, missing)


@dataclass
class Budget:
    """How much may be spent."""

    environments: int
    minutes: float | None = None
    began: float = field(default_factory=time.monotonic)
    spent: int = 0

    def take(self) -> None:
        """Count one environment; raises ``OutOfBudget``."""
        if self.spent >= self.environments:
            raise OutOfBudget(f"{self.spent} environments were tried, the --max-environments")
        if self.minutes is not None and time.monotonic() - self.began > 60 * self.minutes:
            raise OutOfBudget(f"{self.minutes:g} minutes are over, the --max-minutes")
        self.spent += 1


@dataclass
class Trials:
    """Tries mixtures of two sides, each only once, whichever case asks."""

    good: Side
    bad: Side
    environments: Environments
    maker: Maker
    folder: Path
    cases: tuple[str, ...]
    budget: Budget
    tell: Callable[[Tried], None]
    announce: Callable[[str], None]
    jobs: int = 1
    ends: Mapping[str, Ends] = field(default_factory=dict)
    reference: StoredRun | None = None
    """The good side's run, once it is known."""
    all_tried: list[Tried] = field(default_factory=list)
    _memory: dict[str, Tried] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def changes(self) -> tuple[str, ...]:
        """Everything in which the sides differ, by name: packages, and ``env.`` variables."""
        names = {*self.good.variables, *self.bad.variables}
        variables = (
            f"{VARIABLE}{name}"
            for name in sorted(names)
            if self.good.variables.get(name) != self.bad.variables.get(name)
        )
        return (*self.good.packages.differing(self.bad.packages), *variables)

    def attempt(self, changes: Changes, name: str | None = None) -> Tried:
        """Try these changes on the good side; raises ``OutOfBudget`` where no more may be tried."""
        everything = frozenset(self.changes)
        packages = self.good.packages.mixed(
            self.bad.packages, (each for each in changes if not each.startswith(VARIABLE))
        )
        shown = name or named(changes, everything)
        return self._tried(shown, packages, self._variables(changes), changes)

    def between(self, name: str, packages: Packages, *, bad_variables: bool = False) -> Tried:
        """Try an environment that is no mixture of the two sides."""
        side = self.bad if bad_variables else self.good
        return self._tried(name, packages, side.variables, None)

    def many(self, asked: Sequence[tuple[Changes, str | None]]) -> None:
        """Try several at once, as many as ``jobs`` says."""
        with ThreadPoolExecutor(self.jobs) as pool:
            for future in [pool.submit(self.attempt, *each) for each in asked]:
                future.result()

    def repeat(self, tried: Tried) -> StoredRun | str:
        """Make an environment's images once more, in a fresh process."""
        built = self.environments.of(tried.packages)
        changes = tried.changes or frozenset()
        place = self._place(tried.packages, self._variables(changes))
        again = place.with_name(f"{place.name}-again")
        return self.maker.made(built.python, self.cases, again, self._variables(changes))

    def narrowed(self, good: Side, bad: Side, cases: tuple[str, ...]) -> Trials:
        """Return trials between two other sides, out of the same budget and in the same folder."""
        return replace(
            self,
            good=good,
            bad=bad,
            cases=cases,
            ends={},
            reference=None,
            all_tried=[],
            _memory={},
            _lock=Lock(),
        )

    def judge(self, tried: Tried) -> Tried:
        """Return it with its outcomes, once both ends are known."""
        if tried.run is None or self.reference is None:
            return tried
        found = tried.comparison or compare_runs(self.reference, tried.run, pictures=self.folder)
        outcomes = {
            pair.pair.b.id: self.ends[pair.pair.b.id].outcome(pair.pair.b, pair.judged)
            for pair in found.pairs
            if pair.pair.b.id in self.ends
        }
        return replace(tried, comparison=found, outcomes=outcomes)

    def _variables(self, changes: Changes) -> dict[str, str | None]:
        mixture = dict(self.good.variables)
        for each in changes:
            if each.startswith(VARIABLE):
                name = each.removeprefix(VARIABLE)
                mixture[name] = self.bad.variables.get(name)
        return mixture

    def _place(self, packages: Packages, variables: Mapping[str, str | None]) -> Path:
        given = {name: value for name, value in variables.items() if value is not None}
        return self.folder / "tries" / json_sha256([packages.digest, given])[:16]

    def _tried(
        self,
        name: str,
        packages: Packages,
        variables: Mapping[str, str | None],
        changes: Changes | None,
    ) -> Tried:
        place = self._place(packages, variables)
        with self._lock:
            if place.name in self._memory:
                return self._memory[place.name]
            self.budget.take()
        self.announce(name)
        began = time.monotonic()
        run, failed, built = self._made(packages, variables, place)
        tried = Tried(
            name,
            changes,
            packages,
            run=run,
            failed=failed,
            seconds=time.monotonic() - began,
            build_seconds=built.seconds if built else 0.0,
        )
        tried = self.judge(tried)
        with self._lock:
            self._memory[place.name] = tried
            self.all_tried.append(tried)
        self.tell(tried)
        return tried

    def _made(
        self, packages: Packages, variables: Mapping[str, str | None], place: Path
    ) -> tuple[StoredRun | None, str | None, Built | None]:
        try:
            built = self.environments.of(packages)
        except GoldenseedError as error:
            return None, error.what, None
        run = self.maker.made(built.python, self.cases, place, variables)
        if isinstance(run, str):
            return None, run, built
        return run, None, built

    def replace_judged(self) -> None:
        """Judge what was tried before the ends were known."""
        self.all_tried = [self.judge(each) for each in self.all_tried]
        self._memory = {
            key: next((e for e in self.all_tried if e.name == each.name), each)
            for key, each in self._memory.items()
        }


_NAMED = 3


def named(changes: Changes, everything: Changes) -> str:
    """Say which changes were made, by the shorter list: those made, or those left out."""
    rest = everything - changes
    if not changes or not rest:
        return "bad" if changes else "good"
    left_out = len(rest) < len(changes)
    names = sorted(rest if left_out else changes, key=lambda each: (not computes(each), each))
    shown = ", ".join(names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"all but {shown}{more}" if left_out else f"{shown}{more}"
