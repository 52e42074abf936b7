"""Trying changes one at a time, each in a process of its own, and judging what came of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from goldenseed.backends.devices import Lending, lending_for
from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.comparison import (
    HELD,
    RunComparison,
    StoredRun,
    compare_runs,
)
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import EnvironmentValue
from goldenseed.suite.cases import Case, Suite
from goldenseed.tools.probe.change import UNCHANGED, Change, Situation
from goldenseed.tools.probe.child import SKIPPED, Job
from goldenseed.verdict.model import Verdict

WORST_LAST = (
    Verdict.IDENTICAL,
    Verdict.MATCH,
    Verdict.WARN,
    Verdict.INCOMPARABLE,
    Verdict.DRIFT,
    Verdict.ERROR,
)
"""The verdicts two images of one recipe can have."""

MODEL_FILE = "model_file."
"""How the keys of an environment begin under which the digests of the model's files stand."""

REPEATED = "process=fresh"
"""The change that changes nothing."""
_MESSAGE_LINES = 5
_AS_IT_STANDS = "the suite's images cannot be made as it stands"
_LATE = "the --timeout"


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one change: compared, or not tried for a reason, or failed."""

    change: Change
    comparison: RunComparison | None = None
    """With the unchanged run in the baseline's place."""
    skipped: str | None = None
    """Why there is nothing to compare: the change does not exist here."""
    failed: str | None = None
    """What went wrong before any image was recorded."""

    @property
    def verdict(self) -> Verdict | None:
        """The worst verdict on any of the cases; None where nothing was compared."""
        if self.comparison is None:
            return None
        found = {pair.judged.verdict for pair in self.comparison.pairs}
        return max(found, key=WORST_LAST.index)


@dataclass(frozen=True, slots=True)
class Probe:
    """What to probe, and how."""

    suite: Suite
    cases: tuple[Case, ...]
    folder: Path
    """Where each change leaves a run's folder, called as the change."""
    device: str = "auto"
    jobs: int = 1
    """How many processes run at once."""
    timeout_seconds: float = 900.0
    """How long one change may take."""
    values: bool = False
    """Whether the numbers of every stage are kept too."""

    def run(self, changes: Iterable[Change], tell: Callable[[Tried], None]) -> tuple[Tried, ...]:
        """Make the unchanged images, or raise; compare each change's, told of in their order."""
        lending = lending_for(self.suite, self.device)
        unchanged = self._unchanged(lending)
        situation = Situation(self.suite, self.cases, unchanged.record.environment)
        with ThreadPoolExecutor(self.jobs) as pool:
            start = partial(self._try, situation, unchanged, lending)
            futures = [pool.submit(start, change) for change in changes]
            try:
                tried = []
                for future in futures:
                    tried.append(future.result())
                    tell(tried[-1])
                return tuple(tried)
            finally:
                pool.shutdown(cancel_futures=True)

    def make(self, change: Change) -> StoredRun:
        """Make a change's images in a fresh process; raises if that ends without a record."""
        failure = self._start(change, lending_for(self.suite, self.device))
        if failure is not None:
            raise self._not_made(f"{change.name}: the images cannot be made", failure)
        return self._stored(change.name)

    def surroundings(self) -> Mapping[str, EnvironmentValue]:
        """Return where images would be made, as far as that is known without the model."""
        lending = lending_for(self.suite, self.device)
        failure = self._start(Change(UNCHANGED, ""), lending, images=False)
        if failure is not None:
            raise self._not_made(_AS_IT_STANDS, failure)
        return self._stored(UNCHANGED).record.environment

    def _unchanged(self, lending: Lending) -> StoredRun:
        failure = self._start(Change(UNCHANGED, ""), lending)
        if failure is None:
            run = self._stored(UNCHANGED)
            failure = next((case.error for case in run.record.cases if case.error), None)
            if failure is None:
                return run
        raise self._not_made(_AS_IT_STANDS, failure)

    def _not_made(self, what: str, failure: str) -> GoldenseedError:
        late = failure.endswith(_LATE)
        return GoldenseedError(
            f"{what}: {failure}",
            path=self.suite.path,
            fix="give it more seconds with --timeout, or fewer cases"
            if late
            else "make `pytest` run this suite first",
        )

    def _try(
        self, situation: Situation, unchanged: StoredRun, lending: Lending, change: Change
    ) -> Tried:
        reason = change.reason_against(situation)
        if reason is not None:
            return Tried(change, skipped=reason)
        failure = self._start(change, lending)
        if failure is not None:
            return Tried(change, failed=failure)
        run = self._stored(change.name)
        if not run.record.cases:
            return Tried(change, skipped=run.record.options.get(SKIPPED, "nothing was made"))
        if (meanwhile := _changed_files(unchanged, run)) is not None:
            return Tried(change, failed=f"{meanwhile} changed while the changes were tried")
        return Tried(change, comparison=compare_runs(unchanged, run, pictures=self.folder))

    def _stored(self, name: str) -> StoredRun:
        return StoredRun(load_run(self.folder / name), self.folder / name)

    def _start(self, change: Change, lending: Lending, *, images: bool = True) -> str | None:
        """Run one change to its end on a free device; return what its process said if it failed."""
        with lending.lent(self.device) as place:
            job = Job(
                suite=str(self.suite.path.absolute()),
                change=change.name,
                vary=change.vary,
                values=self.values,
                cases=tuple(case.id for case in self.cases),
                folder=str(self.folder.absolute()),
                device=place.device,
                parent=os.getpid(),
                images=images,
            )
            # -P: a folder of the user's that is called as a module of ours must not stand for it.
            started = (sys.executable, "-P", "-m", "goldenseed.tools.probe.child")
            try:
                ended = subprocess.run(  # noqa: S603
                    [*started, json.dumps(asdict(job))],
                    env={**os.environ, **place.variables, **change.environment},
                    capture_output=True,
                    text=True,
                    errors="replace",
                    check=False,
                    timeout=self.timeout_seconds,
                )
            except subprocess.TimeoutExpired:
                return f"took longer than {self.timeout_seconds:g} s, {_LATE}"
        if ended.returncode == 0:
            return None
        said = ended.stderr.strip().splitlines()[-_MESSAGE_LINES:]
        return "\n".join(said) or f"the process ended with code {ended.returncode}"


def _changed_files(unchanged: StoredRun, run: StoredRun) -> str | None:
    """Name a file of the model that is not what it was: then two things were changed, not one."""
    old, new = unchanged.record.environment, run.record.environment
    keys = (key for key in old if key.startswith(MODEL_FILE) and key in new)
    changed = next((key for key in keys if old[key] != new[key]), None)
    return changed and changed.removeprefix(MODEL_FILE)


def repeats_itself(tried: Sequence[Tried]) -> bool:
    """Whether the same in a fresh process, if it was tried, left every image as it was."""
    found = [each.verdict for each in tried if each.change.name == REPEATED]
    return all(verdict is Verdict.IDENTICAL for verdict in found)


def by_movement(tried: Sequence[Tried]) -> dict[str, list[str]]:
    """Group the names of changes: ``nothing``, ``tolerance``, ``beyond``, in that order."""
    groups: dict[str, list[str]] = {"nothing": [], "tolerance": [], "beyond": []}
    for each in tried:
        verdict = each.verdict
        if verdict is None or verdict is Verdict.ERROR:
            continue
        key = "nothing" if verdict is Verdict.IDENTICAL else "tolerance"
        groups[key if verdict in HELD else "beyond"].append(each.change.name)
    return groups
