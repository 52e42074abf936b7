"""A review while it goes on: pages that were shown, and decisions applied as they are made."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Literal, Protocol, Self

from goldenseed.core.errors import GoldenseedError
from goldenseed.review.decisions import (
    CaseDecision,
    Decisions,
    Marked,
    Place,
    by_place,
    problem,
)
from goldenseed.review.desk import Applied
from goldenseed.runs.folder import RECORD
from goldenseed.runs.record import CaseRecord, RunRecord

_PAGES = 100
"""How many pages are known at a time; those that were shown first are forgotten first."""

Became = Literal["accepted", "rejected", "skipped", "refused"]

FileStamp = tuple[int, int, int] | None
"""Inode, time and size, by which a change of a file is seen; None where it is not there."""
Stamp = tuple[CaseDecision | FileStamp, ...]
"""What was decided of a case, and the files that another decision would change."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one decision, as the page is told."""

    suite: str
    case: str
    outcome: Became
    message: str = ""


def _stamp(path: Path) -> FileStamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class Deciding(Protocol):
    """What is decided on, and where decisions go: ``Desk``, ``FolderDesk``."""

    @property
    def record(self) -> RunRecord:
        """The run whose images are shown."""
        ...

    @property
    def folder(self) -> Path:
        """The run's."""
        ...

    @property
    def by(self) -> str:
        """Who decides."""
        ...

    def apply(
        self,
        decided: Sequence[Marked],
        *,
        overruling: Collection[Place] = (),
        guard: Callable[[], None] = lambda: None,
    ) -> Applied:
        """Apply all decisions, or raise GoldenseedError and apply none."""
        ...

    def decided(self) -> Iterable[CaseDecision]:
        """Return what was decided of the run before."""
        ...

    def watched(self, case: CaseRecord) -> Iterable[Path]:
        """Return the files that another decision on the case would change."""
        ...

    def standing(self, case: CaseRecord) -> str:
        """Say what became of the case meanwhile."""
        ...

    def read_again(self) -> Self:
        """Return the same with the run's record as it is now."""
        ...


class Review:
    """One review. Its methods may be called by several threads; one of them decides at a time.

    A page knows the baselines as they were when it was shown. What somebody else changed since,
    in another page or by another command, is refused there until it has been shown again.
    """

    def __init__(self, desk: Deciding) -> None:
        self._desk = desk
        self._lock = Lock()
        self._read = _stamp(desk.folder / RECORD)
        self._pages: dict[str, dict[Place, Stamp]] = {}
        self._decided = {each.place: each for each in desk.decided()}
        self._rejected: set[Place] = set()
        """What was rejected in this review, and may be accepted by whoever changes their mind."""
        self.done: list[Applied] = []
        """What was applied, in order."""

    @property
    def by(self) -> str:
        """Who decides."""
        return self._desk.by

    @property
    def run_id(self) -> str:
        """Whose images are decided on."""
        return self._desk.record.run_id

    def new_page(self) -> str:
        """Return the token of a page that is shown now."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            while len(self._pages) >= _PAGES:
                del self._pages[next(iter(self._pages))]
            self._pages[token] = self._stamps()
        return token

    def knows(self, token: str) -> bool:
        """Say whether a page with that token was shown; in the same time for every wrong one."""
        pages = list(self._pages)
        return sum(secrets.compare_digest(token.encode(), each.encode()) for each in pages) > 0

    def decided(self, token: str) -> Decisions:
        """Tell a page what was decided so far, from now on it knows of it."""
        with self._lock:
            self._pages[token] = self._stamps()
            return Decisions(run=self._desk.record.run_id, decisions=tuple(self._decided.values()))

    def decide(self, token: str, decisions: Decisions) -> tuple[Result, ...]:
        """Apply what a page decided: what cannot be is refused, all else is done.

        Decisions that are sent together are written together where nothing is wrong with any.
        Raises GoldenseedError for a case that is decided twice; then none of them is applied.
        """
        times = Counter(each.place for each in decisions.decisions)
        if twice := [place for place, count in times.items() if count > 1]:
            raise GoldenseedError(f"{'::'.join(twice[0])} is decided twice")
        with self._lock:
            self._look_again()
            seen, cases = self._pages.get(token, {}), by_place(self._desk.record)
            results: dict[Place, Result] = {}
            chosen: dict[Place, Marked] = {}
            for each in decisions.decisions:
                what = self._refusal(decisions.run, each, cases, seen)
                if what is not None:
                    results[each.place] = _result(each, "refused", what)
                elif each.decision == "skip":
                    self._decided[each.place] = each
                    results[each.place] = _result(each, "skipped")
                else:
                    chosen[each.place] = Marked(each, cases[each.place])
            results |= self._applied(tuple(chosen.values()), seen)
            return tuple(results[each.place] for each in decisions.decisions)

    def close(self) -> None:
        """Wait for the decision that is being applied, and take no more."""
        self._lock.acquire()

    def _applied(self, todo: Sequence[Marked], seen: dict[Place, Stamp]) -> dict[Place, Result]:
        """Apply decisions at once or, where one of them cannot be, by halves."""
        if not todo:
            return {}
        guard = partial(self._guard, todo, seen)
        try:
            applied = self._desk.apply(todo, overruling=frozenset(self._rejected), guard=guard)
        except (GoldenseedError, OSError) as error:
            if len(todo) == 1:
                return {todo[0].decision.place: _result(todo[0].decision, "refused", str(error))}
            half = len(todo) // 2
            return self._applied(todo[:half], seen) | self._applied(todo[half:], seen)
        self.done.append(applied)
        results = {}
        for each, done in zip(todo, applied.done, strict=True):
            place = each.decision.place
            self._decided[place] = each.decision
            seen[place] = self._stamp_of(each.case)
            (self._rejected.add if done.rejects else self._rejected.discard)(place)
            outcome: Became = "rejected" if done.rejects else "accepted"
            results[place] = _result(each.decision, outcome, done.words)
        return results

    def _guard(self, todo: Iterable[Marked], seen: Mapping[Place, Stamp]) -> None:
        """Refuse, under the store's lock, what somebody else decided since the page was shown."""
        for each in todo:
            if self._changed(each.case, seen):
                raise GoldenseedError(self._meanwhile(each.case))

    def _refusal(
        self,
        run: str,
        decision: CaseDecision,
        cases: Mapping[Place, CaseRecord],
        seen: Mapping[Place, Stamp],
    ) -> str | None:
        record = self._desk.record
        if run != record.run_id:
            return f"was decided on the run {run}, and this is the review of {record.run_id}"
        what = problem(decision, cases)
        if what is not None:
            return what
        if self._changed(cases[decision.place], seen):
            return self._meanwhile(cases[decision.place])
        before = self._decided.get(decision.place)
        if decision.decision == "skip" and before and before.decision != "skip":
            return f"it is {before.decision}ed already: decide otherwise, or undo it with git"
        return None

    def _changed(self, case: CaseRecord, seen: Mapping[Place, Stamp]) -> bool:
        return seen.get((case.path, case.id)) != self._stamp_of(case)

    def _meanwhile(self, case: CaseRecord) -> str:
        now = self._desk.standing(case)
        return f"somebody decided on {case.suite}::{case.id} meanwhile: {now}; load the page again"

    def _look_again(self) -> None:
        """Read the run's record anew where its file is another one by now."""
        stamp = _stamp(self._desk.folder / RECORD)
        if stamp != self._read:
            self._desk = self._desk.read_again()
            self._read = stamp

    def _stamps(self) -> dict[Place, Stamp]:
        return {(c.path, c.id): self._stamp_of(c) for c in self._desk.record.cases}

    def _stamp_of(self, case: CaseRecord) -> Stamp:
        decided = self._decided.get((case.path, case.id))
        made = None if decided is None or decided.decision == "skip" else decided
        return made, *map(_stamp, self._desk.watched(case))


def _result(decision: CaseDecision, outcome: Became, message: str = "") -> Result:
    return Result(decision.suite, decision.case, outcome, message)
