"""The process that makes the images of one environment and one mixture of two suites.

Of a case of which only one stage is asked, making ends there; where that stage is a table of the
scheduler, neither model nor picture is needed: importing the scheduler decides it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.backends.protocol import Settings, Stopped
from goldenseed.backends.registry import Backends
from goldenseed.bisect.tables import set_tables
from goldenseed.bisect.two_suites import mixed
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.runs.made import pending
from goldenseed.runs.stored import kept_trace
from goldenseed.suite.loading import load_suite
from goldenseed.tools.probe.change import UNCHANGED
from goldenseed.tools.probe.child import Maker, end_with, write_made
from goldenseed.trace.stages import Stage, StageName
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from goldenseed.environment.keys import EnvironmentValue
    from goldenseed.runs.record import CaseRecord
    from goldenseed.suite.cases import Case
    from goldenseed.trace.digesting import Recording

PARTIAL = "partial"
"""The option of the run record that says that images were not made to their end."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one process has to do; given to it as JSON."""

    suite: str
    """The suite file, whose cases the record is about."""
    cases: tuple[str, ...]
    folder: str
    device: str
    parent: int
    """The id of the process that waits for this one."""
    good: str | None = None
    """The suite file from which the cases are made instead, but for what is ``taken``."""
    taken: tuple[str, ...] = ()
    """The changes of fields that are as the suite has them."""
    model: str | None = None
    """A model folder in the place of the suite's own."""
    until: Mapping[str, tuple[str, str, int]] = field(default_factory=dict)
    """By the ids of cases: the stage, source and index with which their making ends."""
    tables: tuple[str, ...] = ()
    """Of which cases only tables of the scheduler are asked, for which no model is loaded."""


def run_job(job: Job) -> None:
    """Leave the images, or what was made of them, as a run's folder."""
    started = datetime.now(UTC)
    cases, varied = varied_cases(job)
    stages = {each.value: each for each in Stage}
    until = {
        case: StageName(stages[stage], source, index)
        for case, (stage, source, index) in job.until.items()
    }
    backend = Backends(Settings(device=job.device, until=until))
    maker = Maker(Path(job.folder) / UNCHANGED, backend)
    made = [_made(maker, case, varied[case.id], tables=case.id in job.tables) for case in cases]
    options = {PARTIAL: "yes"} if job.until else {}
    write_made(Path(job.folder) / UNCHANGED, started, maker, made, options)


def varied_cases(job: Job) -> tuple[list[Case], dict[str, Case]]:
    """Return the cases that the record is about, and by their ids those that are made instead."""
    suite = load_suite(Path(job.suite))
    cases = [case for case in suite.cases if case.id in job.cases]
    if job.good is None:
        return cases, {case.id: case for case in cases}
    base = {case.id: case for case in load_suite(Path(job.good)).cases}
    folder = Path(job.model) if job.model else None
    return cases, {case.id: mixed(base[case.id], case, job.taken, folder) for case in cases}


def _made(maker: Maker, case: Case, varied: Case, *, tables: bool) -> CaseRecord:
    if tables:
        return _stopped(maker, case, set_tables(varied))
    try:
        return maker.make(case, varied)
    except Stopped as stopped:
        return _stopped(maker, case, stopped.recording, maker.environment())


def _stopped(
    maker: Maker,
    case: Case,
    recording: Recording,
    environment: Mapping[str, EnvironmentValue] | None = None,
) -> CaseRecord:
    """Describe a case of which there are stages and no image."""
    known = {} if environment is None else {"environment_sha256": json_sha256(dict(environment))}
    kept = kept_trace(maker.folder, recording)
    record = pending(case, case.suite.path.name)
    return record.model_copy(update={"verdict": Verdict.NEW, **known, **kept})


def main() -> None:
    """Do the job that is the one argument; what a user can mend is told on standard error."""
    given = json.loads(sys.argv[1])
    tuples = {name: tuple(given[name]) for name in ("cases", "taken", "tables")}
    until = {case: tuple(stage) for case, stage in given["until"].items()}
    job = Job(**{**given, **tuples, "until": until})
    end_with(job.parent)
    try:
        run_job(job)
    except GoldenseedError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
