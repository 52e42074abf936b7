"""Images made in another environment: by this package's own back end there, judged here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from goldenseed.backends.devices import Lending, lending_for
from goldenseed.bisect.child import Job, varied_cases
from goldenseed.bisect.elsewhere import RUNNER, beyond_the_runner, record_made, written_job
from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.comparison import StoredRun
from goldenseed.runs.folder import load_run
from goldenseed.suite.cases import Suite
from goldenseed.tools.probe.change import UNCHANGED

T = TypeVar("T")
R = TypeVar("R")
_MESSAGE_LINES = 4
_NOT_HANDED_ON = dict.fromkeys(("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"))
"""What would bring other packages in, and keep what Python compiles from being there next time."""


@dataclass(frozen=True)
class Wanted:
    """What is to be made in an environment."""

    cases: tuple[str, ...]
    variables: Mapping[str, str | None]
    good: Path | None = None
    """The suite file from which the cases are made, but for the fields that are ``taken``."""
    taken: tuple[str, ...] = ()
    model: Path | None = None
    """A model folder in the place of the suite's own."""
    until: Mapping[str, tuple[str, str, int]] = field(default_factory=dict)
    """By the ids of cases: stage, source and index with which their making ends."""
    tables: tuple[str, ...] = ()
    """Of which cases only tables of the scheduler are asked."""
    seconds: float = 900.0
    """How long it may take."""


@dataclass
class Processes:
    """The processes that make images now, each waited for by a thread of its own."""

    jobs: int = 1
    """How many may run at a time."""
    ended: bool = False
    _running: set[subprocess.Popen[str]] = field(default_factory=set)

    def at_once(self, do: Callable[[T], R], of: Iterable[T]) -> list[R]:
        """Do something of several, as many at a time as may run; return what came of each.

        An interruption ends what was begun.
        """
        pool = ThreadPoolExecutor(self.jobs)
        try:
            futures = [pool.submit(do, each) for each in of]
            return [each.result() for each in futures]
        except KeyboardInterrupt:
            self.end()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def end(self) -> None:
        """End all of them, and let none begin any more."""
        self.ended = True
        for each in tuple(self._running):
            each.kill()

    def said_by(
        self,
        python: Path,
        *command: str,
        variables: Mapping[str, str | None],
        seconds: float,
    ) -> str | None:
        """Run another Python with this command line; return what it said if it failed."""
        surroundings = dict(os.environ)
        for name, value in {**variables, **_NOT_HANDED_ON}.items():
            surroundings.pop(name, None)
            if value is not None:
                surroundings[name] = value
        with subprocess.Popen(  # noqa: S603
            [str(python), *command],
            env=surroundings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            self._running.add(process)
            try:
                if self.ended:
                    process.kill()
                said = process.communicate(timeout=seconds)[1].strip()
            except subprocess.TimeoutExpired:
                process.kill()
                return f"took longer than {seconds:.0f} s: see --timeout and --max-minutes"
            except BaseException:
                process.kill()
                raise
            finally:
                self._running.discard(process)
        if process.returncode == 0:
            return None
        last = "\n".join(said.splitlines()[-_MESSAGE_LINES:])
        return last or f"the process ended with code {process.returncode}"


@dataclass(frozen=True)
class Maker:
    """Makes a suite's images with the Python of an environment."""

    suite: Suite
    device: str = "auto"
    runner: bool = False
    """Whether the small runner makes the images, where an environment cannot run this package."""
    processes: Processes = field(default_factory=Processes)

    @cached_property
    def _lending(self) -> Lending:
        return lending_for(self.suite, self.device)

    def beyond_the_runner(self) -> str | None:
        """Say what of the suite the small runner cannot do, or None."""
        reasons = (beyond_the_runner(case, self.device) for case in self.suite.cases)
        return next(filter(None, reasons), None)

    def made(self, python: Path, folder: Path, wanted: Wanted) -> StoredRun | str:
        """Make the images, or return what the process said; what was made before is taken."""
        if (done := complete_run(folder, wanted.cases)) is not None:
            return done
        shutil.rmtree(folder / UNCHANGED, ignore_errors=True)
        failure = self._start(python, folder, wanted)
        if failure is not None:
            return failure
        return complete_run(folder, wanted.cases) or "the process left no complete record"

    def _start(self, python: Path, folder: Path, wanted: Wanted) -> str | None:
        with self._lending.lent(self.device) as place:
            job = Job(
                suite=str(self.suite.path.absolute()),
                cases=wanted.cases,
                folder=str(folder.absolute()),
                device=place.device,
                parent=os.getpid(),
                good=str(wanted.good.absolute()) if wanted.good else None,
                taken=wanted.taken,
                model=str(wanted.model) if wanted.model else None,
                until=wanted.until,
                tables=wanted.tables,
            )
            given = {**place.variables, **wanted.variables}
            if self.runner:
                return self._run_elsewhere(python, folder, job, given, wanted.seconds)
            command = (*OURS, "goldenseed.bisect.child", json.dumps(asdict(job)))
            seconds = wanted.seconds
            return self.processes.said_by(python, *command, variables=given, seconds=seconds)

    def _run_elsewhere(
        self,
        python: Path,
        folder: Path,
        job: Job,
        variables: Mapping[str, str | None],
        seconds: float,
    ) -> str | None:
        """Let the small runner make the images, always to their end, and record them here."""
        cases, varied = varied_cases(job)
        place = folder / "elsewhere"
        made = place / "made.json"
        command = ("-I", str(RUNNER), str(written_job(varied, place)), str(made))
        said_by = self.processes.said_by
        failure = said_by(python, *command, variables=variables, seconds=seconds)
        if failure is None:
            record_made(made, folder / UNCHANGED, {case.id: case for case in cases})
            shutil.rmtree(place, ignore_errors=True)
        return failure


OURS = ("-P", "-s", "-m")
"""How a module of this package is run by another Python."""


def complete_run(place: Path, cases: tuple[str, ...]) -> StoredRun | None:
    """Return a run that is there with all these cases; None for any other state of the folder."""
    folder = place / UNCHANGED
    if not (folder / "run.json").is_file():
        return None
    try:
        record = load_run(folder)
    except GoldenseedError:
        return None
    has_all = {*cases} <= {case.id for case in record.cases}
    return StoredRun(record, folder) if record.complete and has_all else None


def other_images(run: StoredRun, again: StoredRun | str) -> tuple[str, ...]:
    """Name the cases that the second run of one environment makes otherwise, or not at all."""
    made = {} if isinstance(again, str) else again.pixels
    return tuple(case for case, pixels in run.pixels.items() if made.get(case) != pixels)
