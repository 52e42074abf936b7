"""Pilots in a session: they run first, and every process waits for them before it goes on.

What becomes of a pilot's cases stands in files of the run's folder, since workers of xdist share
nothing else. A worker that would wait for a case that nobody has begun makes its image itself: its
own worker may be waiting too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from goldenseed.core.files import sha256_hex, write_atomically
from goldenseed.runs.parts import NotCompared, PilotRecord
from goldenseed.runs.pilots import NOT_RUN, holds
from goldenseed.runs.record import CaseRecord
from goldenseed.session.failure import CASE
from goldenseed.suite.pilot import drawn

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case

PILOT: Final = "pilot"
"""The folder, in the run's, of what became of the pilots' cases."""
_BEGUN, _HELD, _BROKEN, _LEFT_OUT = "begun", "held", "broken", "left out"
_LOOK_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 2.0
"""How long nobody has to be at a case of the pilot before a process that waits for it makes it."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The pilot of one suite, as this session selected its cases."""

    cases: Mapping[str, Case]
    require: str


@dataclass
class Pilots:
    """The pilots of a session's suites, as one process sees them."""

    folder: Path
    """The run's."""
    update: str
    """The session's ``--golden-update``."""
    run: Callable[[Case, str], tuple[CaseRecord, Exception | None]]
    """Makes and judges the image of a case, under a name."""
    path_of: Callable[[Case], str]
    """Returns the suite's path as records have it."""
    _drawn: dict[Path, _Drawn] = field(default_factory=dict)
    _decided: dict[Path, bool] = field(default_factory=dict)
    _told: set[Path] = field(default_factory=set)

    def arrange(self, items: list[pytest.Item]) -> None:
        """Draw the pilots of the suites that were selected, and put their cases first."""
        selected: dict[Path, dict[str, Case]] = {}
        for item in items:
            case = item.stash.get(CASE, None)
            if case is not None and case.suite.pilot is not None:
                selected.setdefault(case.suite.path, {})[case.id] = case
        for path, cases in selected.items():
            spec = next(iter(cases.values())).suite.pilot
            assert spec is not None  # noqa: S101 - looked at above
            chosen = drawn(list(cases.values()), spec.cases)
            own = {name: case for name, case in cases.items() if name in chosen}
            self._drawn[path] = _Drawn(own, spec.require)
        if self._drawn:
            items.sort(key=lambda item: not self._is_of_pilot(item.stash.get(CASE, None)))

    def _is_of_pilot(self, case: Case | None) -> bool:
        pilot = None if case is None else self._drawn.get(case.suite.path)
        return pilot is not None and case is not None and case.id in pilot.cases

    def holds_back(self, case: Case) -> bool:
        """Whether a case has to wait for a pilot."""
        return case.suite.path in self._drawn and not self._is_of_pilot(case)

    def why_not(self, case: Case) -> str | None:
        """Say why a case is not to be run; waits for its suite's pilot, unless it is of that."""
        if self._is_of_pilot(case):
            self._begin(case)
            return None
        return self.why_not_of(case)

    def why_not_of(self, case: Case) -> str | None:
        """Say why nothing else of a case's suite is to be run; waits for its pilot."""
        path = case.suite.path
        if path not in self._drawn:
            return None
        if path not in self._decided:
            self._decided[path] = self._waited(self._drawn[path])
        return None if self._decided[path] else NOT_RUN

    def ended(
        self, case: Case | None, records: Iterable[CaseRecord], left_out: NotCompared | None
    ) -> dict[str, Any]:
        """Remember what became of a case of a pilot; once broken it stays so, whatever follows.

        Returns what a case's report has to carry of its suite's pilot, once for each.
        """
        if case is not None and self._is_of_pilot(case):
            if left_out is not None:
                self._leave(case, _LEFT_OUT)
            for record in records:
                self._judged(case, record)
        spec = None if case is None else case.suite.pilot
        if case is None or spec is None or case.suite.path in self._told:
            return {}
        path = case.suite.path
        self._told.add(path)
        told = PilotRecord(
            suite=case.suite.name,
            path=self.path_of(case),
            line=spec.line,
            asked=spec.cases,
            require=spec.require,
            cases=tuple(self._drawn[path].cases),
        )
        return {"pilots": [told]}

    def _judged(self, case: Case, record: CaseRecord) -> None:
        pilot = self._drawn[case.suite.path]
        held = holds(record, pilot.require, self.update)
        if self._state(case) != _BROKEN:
            self._leave(case, _HELD if held else _BROKEN)

    def _begin(self, case: Case) -> None:
        if self._state(case) is None:
            self._leave(case, f"{_BEGUN} {os.getpid()}")

    def _waited(self, pilot: _Drawn) -> bool:
        """Return whether a pilot held, once that is known."""
        idle_since = time.monotonic()
        while True:
            states = {name: self._state(case) for name, case in pilot.cases.items()}
            decided = decision(list(states.values()))
            if decided is not None:
                return decided
            waiting = [pilot.cases[name] for name, state in states.items() if state is None]
            if not waiting or any(state and state.startswith(_BEGUN) for state in states.values()):
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > _GRACE_SECONDS:
                self._begin(waiting[0])
                record, _ = self.run(waiting[0], f"{waiting[0].id} ({PILOT})")
                self._judged(waiting[0], record)
            time.sleep(_LOOK_SECONDS)

    def _place(self, case: Case) -> Path:
        return self.folder / PILOT / sha256_hex(f"{case.suite.path}::{case.id}".encode())

    def _state(self, case: Case) -> str | None:
        """Return what is known of a case; one whose process is gone is broken."""
        try:
            state = self._place(case).read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        if state.startswith(_BEGUN) and not _lives(int(state.split()[1])):
            return _BROKEN
        return state

    def _leave(self, case: Case, state: str) -> None:
        write_atomically(self._place(case), state.encode("ascii"), durable=False)


def decision(states: Sequence[str | None]) -> bool | None:
    """Return whether a pilot held, by what became of its cases; None where it is not known yet.

    One that is broken decides. One of which no case gave an image did not hold.
    """
    if _BROKEN in states:
        return False
    if any(state is None or state.startswith(_BEGUN) for state in states):
        return None
    return _HELD in states


def _lives(process: int) -> bool:
    with suppress(PermissionError):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True
