"""Sets of changes, each tried once: its environment built, the images made, told apart by case."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from types import MappingProxyType

from goldenseed.bisect.environments import Built, Environments
from goldenseed.bisect.making import Maker, Wanted, complete_run, other_images
from goldenseed.bisect.mixtures import Setting, changes_between, mixture
from goldenseed.bisect.outcomes import Ends
from goldenseed.bisect.packages import Packages
from goldenseed.bisect.resolver import Unresolvable
from goldenseed.bisect.search import Changes, Outcome, OutOfBudget
from goldenseed.bisect.sides import Side
from goldenseed.bisect.tried import STAGE, TABLES, Budget, Tried, named
from goldenseed.bisect.two_suites import TwoSuites
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.runs.comparison import StoredRun, compare_runs
from goldenseed.runs.record import CaseRecord

_Made = tuple[StoredRun | None, str | None, Built | None]
"""A run, or why there is none; and the environment, where it was built."""


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
    suites: TwoSuites | None = None
    """What the suite's own fields and files were on the good side, where that is searched."""
    ends: Mapping[str, Ends] = field(default_factory=dict)
    reference: StoredRun | None = None
    """The good side's run, once it is known."""
    tables: tuple[str, ...] = ()
    """Cases of which importing the scheduler decides: its tables say the same as the images."""
    all_tried: list[Tried] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    """What is odd of how images are made here."""
    _memory: dict[str, Tried] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def changes(self) -> tuple[str, ...]:
        """Everything in which the sides differ, by name: packages, variables, fields, files."""
        return changes_between(self.good, self.bad, self.suites.changes if self.suites else ())

    def attempt(self, changes: Changes, name: str | None = None) -> Tried:
        """Make the images with these changes; raises ``OutOfBudget`` where no more may be tried."""
        return self._tried(name or named(changes, frozenset(self.changes)), self.setting(changes))

    def attempt_briefly(self, changes: Changes, case: str) -> Tried:
        """Likewise, but no further than to the stages at which cases part, if that tells of one."""
        shown = named(changes, frozenset(self.changes))
        return self._tried(shown, self.setting(changes), case)

    def between(
        self, name: str, packages: Packages, case: str, changes: Changes = frozenset()
    ) -> Tried:
        """Try other packages, likewise; of ``changes`` those count that are none of a package."""
        setting = replace(self.setting(changes), packages=packages, changes=None)
        return self._tried(name, setting, case)

    def ahead(self, asked: Iterable[Changes]) -> None:
        """Try what will be asked for in any case, several at a time; none beyond the budget."""
        places = {self._place(self.setting(each)): each for each in asked}
        with suppress(OutOfBudget):
            self.maker.processes.at_once(self.attempt, places.values())

    def repeat(self, setting: Setting) -> StoredRun | str:
        """Make an environment's images once more, in a fresh process."""
        place = self._place(setting)
        again = place.with_name(f"{place.name}-again")
        python = self.environments.of(setting.packages).python
        made = self.maker.made(python, again, self._wanted(setting, again))
        if isinstance(made, str):
            self.budget.check_time()
        return made

    def narrowed(self, good: Side, bad: Side, cases: tuple[str, ...]) -> Trials:
        """Return trials between two other sides, out of the same budget and in the same folder.

        The suite stays as the good side has it.
        """
        return replace(
            self,
            good=good,
            bad=bad,
            cases=cases,
            suites=self.suites and replace(self.suites, words={}),
            ends={},
            reference=None,
            tables=(),
            all_tried=[],
            _memory={},
            _lock=Lock(),
        )

    def judge(self, tried: Tried) -> Tried:
        """Return it with its outcomes, once both ends are known."""
        if tried.run is None or self.reference is None or tried.partial:
            return tried
        found = tried.comparison or compare_runs(self.reference, tried.run, pictures=self.folder)
        outcomes = {
            pair.pair.b.id: self.ends[pair.pair.b.id].outcome(pair.pair.b, pair.judged)
            for pair in found.pairs
            if pair.pair.b.id in self.ends
        }
        return replace(tried, comparison=found, outcomes=outcomes)

    def with_ends(self, case: str, ends: Ends) -> None:
        """Hold a case against other ends from now on; what is known is judged again."""
        self.ends = {**self.ends, case: ends}
        self.tables = tuple(each for each in self.tables if each != case)
        whole = ((key, each) for key, each in self._memory.items() if not each.partial)
        self._memory = {key: self.judge(each) for key, each in whole}

    def replace_judged(self) -> None:
        """Judge what was tried before the ends were known."""
        self.all_tried = [self.judge(each) for each in self.all_tried]
        self._memory = {
            key: next((e for e in self.all_tried if e.name == each.name), each)
            for key, each in self._memory.items()
        }

    def tables_of(self, changes: Changes) -> Mapping[str, CaseRecord]:
        """Return what importing the scheduler alone tells of the cases ``tables``, by their ids."""
        setting = self.setting(changes)
        place = self._place(setting)
        wanted = replace(self._wanted(setting, place), cases=self.tables, tables=self.tables)
        python = self.environments.of(setting.packages).python
        run = self.maker.made(python, place.with_name(f"{place.name}-tables"), wanted)
        return {} if isinstance(run, str) else {case.id: case for case in run.record.cases}

    def setting(self, changes: Changes) -> Setting:
        """Return the mixture of the good side with these changes."""
        return mixture(self.good, self.bad, changes)

    def _place(self, setting: Setting) -> Path:
        given = {name: value for name, value in setting.variables.items() if value is not None}
        what = [setting.packages.digest, given, *([sorted(setting.taken)] if self.suites else [])]
        what += ["runner"] if self.maker.runner else []
        return self.folder / "tries" / json_sha256(what)[:16]

    def use_runner(self, why: str) -> None:
        """Begin again with the small runner, which all environments then have."""
        self.maker, self.notes = replace(self.maker, runner=True), (*self.notes, why)
        self.budget.spent, self.all_tried, self._memory = 0, [], {}

    def _until(self) -> dict[str, tuple[str, str, int]]:
        """Return where each case need be made no further; nothing where one has to be whole."""
        if self.maker.runner:
            return {}
        found = {case: self.ends[case].until for case in self.cases if case in self.ends}
        known = {case: until for case, until in found.items() if until is not None}
        return known if len(known) == len(self.cases) else {}

    def _tried(self, name: str, setting: Setting, briefly_of: str | None = None) -> Tried:
        """Make what is not yet known; of a case that one stage may tell of, no more than needed."""
        place = self._place(setting)
        with self._lock:
            before = self._memory.get(place.name)
            known = before is not None and (not before.partial or before.failed is not None)
            if before is not None and (known or briefly_of in before.outcomes):
                return before
            if before is None and not self._is_kept(place):
                self.budget.take()
        self.announce(name)
        tried = self._made_anew(name, setting, before, briefly_of)
        if self.maker.processes.ended:
            raise OutOfBudget("it was stopped")
        with self._lock:
            self._memory[place.name] = tried
        self._remember(tried, before)
        return tried

    def _remember(self, tried: Tried, before: Tried | None = None) -> None:
        self.all_tried = [each for each in self.all_tried if each is not before] + [tried]
        self.tell(tried)

    def resolved(self, name: str, resolve: Callable[[], Packages]) -> Packages | None:
        """Return what ``resolve`` finds; what does not fit together is told of like all others."""
        try:
            return resolve()
        except Unresolvable as error:
            self._remember(Tried(name, failed=error.what))
            return None

    def _is_kept(self, place: Path) -> bool:
        """Whether an earlier call has made it: that costs nothing again."""
        places = (place, _part(place))
        return any(complete_run(each, self.cases) is not None for each in places)

    def _made_anew(
        self, name: str, setting: Setting, before: Tried | None, briefly_of: str | None
    ) -> Tried:
        place, brief = self._place(setting), before
        until = self._until() if before is None else {}
        if until and briefly_of is not None:
            brief = self._brief(name, setting, place, until)
            if brief.run is None or briefly_of in brief.outcomes:
                return brief
        whole = self._whole(name, setting, place)
        if brief is None and until and not all(whole.outcome(case).tells for case in until):
            brief = self._brief(name, setting, place, until)
        return whole if brief is None else whole.beside(brief)

    def _whole(self, name: str, setting: Setting, place: Path) -> Tried:
        """Build the environment and make the images to their end."""
        began = time.monotonic()
        tried = self.judge(self._told(name, setting, began, self._made(setting, place)))
        made = {case.id: case for case in tried.run.record.cases} if tried.run else {}
        new = [e for e in tried.outcomes if made[e].image and not self.ends[e].exactly(made[e])]
        if not new or tried.run is None:
            return tried
        other = other_images(tried.run, self.repeat(setting))
        flickering = {case: Outcome.FLAKY for case in new if case in other}
        seconds = time.monotonic() - began
        return replace(tried, outcomes={**tried.outcomes, **flickering}, seconds=seconds)

    def _brief(
        self, name: str, setting: Setting, place: Path, until: dict[str, tuple[str, str, int]]
    ) -> Tried:
        """Make the images up to where they part; its outcomes are those that this tells."""
        began = time.monotonic()
        tables = tuple(case for case in self.tables if case in until)
        made = self._made(setting, _part(place), until, tables)
        tried, run = self._told(name, setting, began, made), made[0]
        if run is None:
            return tried
        outcomes = {
            case.id: self.ends[case.id].partial_outcome(case)
            for case in run.record.cases
            if case.id in until and case.error is None
        }
        told = {case: each for case, each in outcomes.items() if each is not None}
        up_to = TABLES if len(tables) == len(until) else STAGE
        return replace(tried, partial=up_to, outcomes=told)

    @staticmethod
    def _told(name: str, setting: Setting, began: float, made: _Made) -> Tried:
        run, failed, built = made
        return Tried(
            name,
            setting.changes,
            setting.packages,
            run=run,
            failed=failed,
            seconds=time.monotonic() - began,
            build_seconds=built.seconds if built else 0.0,
        )

    def _made(
        self,
        setting: Setting,
        place: Path,
        until: Mapping[str, tuple[str, str, int]] = MappingProxyType({}),
        tables: tuple[str, ...] = (),
    ) -> _Made:
        try:
            built = self.environments.of(setting.packages)
        except GoldenseedError as error:
            return None, f"{error.what}; to mend it: {error.fix}", None
        wanted = replace(self._wanted(setting, place), until=dict(until), tables=tables)
        run = self.maker.made(built.python, place, wanted)
        return (None, run, built) if isinstance(run, str) else (run, None, built)

    def _wanted(self, setting: Setting, place: Path) -> Wanted:
        suites = self.suites
        return Wanted(
            self.cases,
            setting.variables,
            seconds=self.budget.seconds,
            good=suites.good.path if suites else None,
            taken=tuple(sorted(setting.taken)),
            model=suites.linked(setting.taken, place / "model") if suites else None,
        )


def _part(place: Path) -> Path:
    """Return where images lie that are made no further than needed."""
    return place.with_name(f"{place.name}-part")
