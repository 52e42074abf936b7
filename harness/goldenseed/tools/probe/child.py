"""The process that makes the images of one change, and that ends with the one that started it."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from goldenseed.backends.diffusers.in_force import differing
from goldenseed.backends.protocol import Settings
from goldenseed.backends.registry import Backends
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.environment.profile import profile_slug
from goldenseed.runs.folder import RunWriter
from goldenseed.runs.made import Made, case_profile, pending
from goldenseed.runs.parts import Seconds
from goldenseed.runs.record import CaseRecord, EnvironmentValue
from goldenseed.runs.stored import Pictures
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import cases_by_model
from goldenseed.tools.probe.change import (
    EXACT,
    UNCHANGED,
    Change,
    Check,
    Unfit,
)
from goldenseed.tools.probe.changes import change_named, change_of
from goldenseed.tools.probe.changes.execution import NOBODY_ELSE
from goldenseed.tools.probe.values import keep_values
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from goldenseed.backends.protocol import Backend
    from goldenseed.suite.cases import Case, Suite


_PR_SET_PDEATHSIG = 1
"""Of ``prctl``: the signal that a process is sent when its parent ends (``prctl(2)``, Linux)."""


def end_with(parent: int) -> None:
    """Let the system end this process when its parent, of that id, is gone, however it went.

    On Linux; elsewhere nothing is done, and a process whose parent was killed ends its work first.
    The parent's *thread* that started this process has to wait for it, as ``subprocess.run`` does:
    that thread's end counts as the parent's.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it could be heard of
        os.kill(os.getpid(), signal.SIGKILL)


SKIPPED = "skipped"
"""The option of the run record under which stands why nothing was made."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one process has to do; given to it as JSON."""

    suite: str
    """The suite file."""
    change: str
    """The name of a change, ``unchanged`` or ``exact``."""
    cases: tuple[str, ...]
    folder: str
    """Where the run's folder, called as the change, is written."""
    device: str
    parent: int
    """The id of the process that waits for this one, and without which it is not wanted."""
    images: bool = True
    """Whether to make them; else only where they would be made is recorded."""
    values: bool = False
    """Whether to keep the numbers of every stage too."""
    vary: Mapping[str, JsonValue] = field(default_factory=dict)
    """The keys and values of the change, where its name is not all of it."""


def exactly() -> Change:
    """Return what makes exact images; of kernels of attention, math has float64 everywhere."""
    otherwise = {"sdpa": "math", "attention_backend": None}
    return Change(EXACT, "computed in float64", determinism=otherwise, exact=True)


def run_job(job: Job) -> None:
    """Leave a change's images as a run's folder, or a record without cases that says why not."""
    started = datetime.now(UTC)
    change = _change_of(job)
    suite = load_suite(Path(job.suite))
    varied = {case.id: case for case in change.applied_to(suite).cases if case.id in job.cases}
    preparation = Preparation(change)
    backend = Backends(Settings(device=job.device, prepare=preparation, exact=change.exact))
    options = {"change": change.name}
    maker = Maker(Path(job.folder) / change.name, backend, values=job.values)
    records: list[CaseRecord] = []
    try:
        for case in (each for each in suite.cases if each.id in varied):
            if not job.images:
                maker.look(case)
                break
            maker.make_others(case, change.applied_to(suite), change.after)
            records.append(maker.make(case, varied[case.id]))
        reason = preparation.no_effect()
    except Unfit as unfit:
        reason = str(unfit)
    if reason is not None:
        records, options[SKIPPED] = [], reason
    writer = RunWriter(Path(job.folder), change.name, started=started, git=None, options=options)
    for environment in maker.environments:
        writer.add_environment(profile_slug(environment), dict(environment))
    for record in records:
        writer.add(record)
    writer.finish(finished=datetime.now(UTC), complete=True)


def _change_of(job: Job) -> Change:
    if job.change == UNCHANGED:
        return Change(UNCHANGED, "as the suite says")
    if job.change == EXACT:
        return exactly()
    return change_of(job.vary) if job.vary else change_named(job.change)


class Preparation:
    """Applies a change's tweak to each pipeline, and remembers how to ask whether it mattered."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._check: Check | None = None

    def __call__(self, pipeline: Any) -> None:
        """Change a pipeline that was just loaded."""
        if self._change.tweak is not None:
            self._check = self._change.tweak(pipeline)

    def no_effect(self) -> str | None:
        """Say why the tweak had no part in what was made since, or None if it had."""
        return self._check() if self._check is not None else None


class Maker:
    """Makes images and keeps them in a run's folder."""

    def __init__(self, folder: Path, backend: Backend, *, values: bool = False) -> None:
        self._folder = folder
        self._values = values
        self._backend = backend
        self.environments: list[Mapping[str, EnvironmentValue]] = []
        """Where images were made: another scheduler is another environment."""

    def look(self, case: Case) -> None:
        """Find out where the case's image would be made, as far as that needs no model."""
        self.environments.append(self._backend.surroundings(case))

    def make_others(self, case: Case, suite: Suite, number: int) -> None:
        """Make that many images of other cases with the same model, and keep none."""
        if number:
            alike = next(each for each in cases_by_model(suite).values() if _has(each, case.id))
            others = [each for each in alike if each.id != case.id]
            if not others:
                raise Unfit(NOBODY_ELSE)
            for each in islice(cycle(others), number):
                self._backend.generate(each)

    def make(
        self,
        case: Case,
        varied: Case,
        looked_at: Callable[[CaseRecord, Made], CaseRecord] = lambda record, _: record,
    ) -> CaseRecord:
        """Make the image of ``varied``, recorded as ``case``'s, so that they can be compared.

        ``looked_at`` completes the record while the image is at hand.
        """
        record = pending(case, case.suite.path.name).model_copy(update={"verdict": Verdict.NEW})
        try:
            generation = self._backend.generate(varied)
        except Unfit:
            raise
        except GoldenseedError as error:
            return record.failed("generation_failed", str(error))
        if self._values and generation.recording is not None:
            keep_values(self._folder, case.id, generation.recording)
        environment = self._backend.fingerprint()
        if environment not in self.environments:
            self.environments.append(environment)
        made = Made(
            image=generation.image,
            elements=generation.elements,
            profile=case_profile(case, environment),
            environment=environment,
            environment_sha256=json_sha256(dict(environment)),
            in_force=differing(generation.in_force, environment),
            recording=generation.recording,
            written=generation.written,
            flagged=generation.flagged,
        )
        seconds = Seconds(load=generation.load_seconds, generate=generation.seconds)
        kept = made.kept(self._folder, Pictures(self._folder))
        return looked_at(record.model_copy(update={**kept, "seconds": seconds}), made)


def _has(cases: Sequence[Case], case_id: str) -> bool:
    return any(each.id == case_id for each in cases)


def main() -> None:
    """Do the job that is the one argument; what a user can mend is told on standard error."""
    given = json.loads(sys.argv[1])
    job = Job(**{**given, "cases": tuple(given["cases"])})
    end_with(job.parent)
    try:
        run_job(job)
    except GoldenseedError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
