"""Writing and reading a run's folder: ``run.json``, its journal while running, ``latest``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from pydantic import ValidationError

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, write_atomically
from goldenseed.core.strict_json import parse
from goldenseed.environment.freeze import read_freeze
from goldenseed.environment.lock import LockDifference
from goldenseed.runs.journal import RECORD_LIMIT_BYTES, first_problem, read_journal
from goldenseed.runs.parts import Extent, GitState, NotCompared, PilotRecord, SetRecord
from goldenseed.runs.record import (
    SCHEMA_VERSION,
    CaseRecord,
    EnvironmentValue,
    RunRecord,
)
from goldenseed.runs.relation_record import RelationRecord
from goldenseed.runs.shard_record import PartRecord, ShardRecord
from goldenseed.verdict.model import PASSING, passing

RECORD = "run.json"
JOURNAL = "cases.jsonl"
LATEST = "latest"
_FLUSHED_EVERY_SECONDS = 5.0


def new_run_id(now: datetime, digits: str | None = None) -> str:
    """Return ``20261120T151233Z-3f9a01c7``: UTC start to the second, then eight hex digits.

    The digits, random where none are given, keep two runs apart that begin in one second, without a
    folder to be reserved.
    """
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digits or token_hex(4)}"


class RunWriter:
    """Writes one run's folder; readable at every moment, also after the process was killed.

    ``run.json`` stands from the first case on with ``complete: false``. Each case is appended to
    ``cases.jsonl`` as it ends; ``finish`` folds the journal into ``run.json`` and deletes it.
    The journal is flushed to the disk every few seconds, images are not before ``finish``: a killed
    process loses nothing by that, a machine that is taken away the last cases. Cases are kept on
    disk alone until then, so that memory stays flat over a long run.
    """

    def __init__(
        self,
        reports: Path,
        run_id: str,
        *,
        started: datetime,
        git: GitState | None,
        options: Mapping[str, str],
        parts: Iterable[PartRecord] = (),
        shard: ShardRecord | None = None,
        before: RunRecord | None = None,
    ) -> None:
        """Begin a run, or go on with ``before``, which ``going_on`` makes ready."""
        self.folder = reports / run_id
        self._reports = reports
        self._record = before or RunRecord(
            run_id=run_id,
            started=started,
            git=git,
            options=dict(options),
            freeze=read_freeze(),
            parts=tuple(parts),
            shard=shard,
        )
        write_run(self._record, self.folder)
        self._journal = (self.folder / JOURNAL).open("ab")
        self._flushed = time.monotonic()

    @property
    def record(self) -> RunRecord:
        """What is written so far; the cases once the run is finished."""
        return self._record

    def add_environment(
        self, profile: str | None, environment: dict[str, EnvironmentValue]
    ) -> None:
        """Record where cases ran; the first one also names the run's profile."""
        known = (self._record.environment, *self._record.other_environments)
        if environment in known:
            return
        if self._record.environment:
            others = (*self._record.other_environments, environment)
            self._record = self._record.model_copy(update={"other_environments": others})
        else:
            update = {"profile": profile, "environment": environment}
            self._record = self._record.model_copy(update=update)
        write_run(self._record, self.folder)

    def add_lock_differences(self, differences: Iterable[LockDifference]) -> None:
        """Record what is not as a suite's lock has it; what is known already is not repeated."""
        together = dict.fromkeys((*self._record.lock_differences, *differences))
        self._record = self._record.model_copy(update={"lock_differences": tuple(together)})
        write_run(self._record, self.folder)

    def add_extent(self, extent: Extent, shard: ShardRecord | None = None) -> None:
        """Record how much of the project was run, and as which shard; written by ``finish``."""
        self._record = self._record.model_copy(update={"extent": extent, "shard": shard})

    def add(self, case: CaseRecord | NotCompared | RelationRecord) -> None:
        """Append a try at a case or relation, or what was left out; it survives this process."""
        self._journal.write(case.model_dump_json().encode() + b"\n")
        self._journal.flush()
        if time.monotonic() - self._flushed > _FLUSHED_EVERY_SECONDS:
            os.fsync(self._journal.fileno())
            self._flushed = time.monotonic()

    def finish(
        self, *, finished: datetime, complete: bool, warnings: Mapping[str, int] | None = None
    ) -> RunRecord:
        """Write the whole record and delete the journal; ``warnings`` are other packages'."""
        self._journal.close()
        journal = self.folder / JOURNAL
        self._record = self._record.model_copy(
            update={
                "finished": finished,
                "complete": complete,
                "warnings": dict(warnings or {}),
                **read_journal(journal),
            }
        )
        write_run(self._record, self.folder, durable=True)
        journal.unlink()
        return self._record

    def add_sets(self, sets: Iterable[SetRecord]) -> RunRecord:
        """Record what became of the sets, once the run is finished."""
        self._record = self._record.model_copy(update={"sets": tuple(sets)})
        write_run(self._record, self.folder, durable=True)
        return self._record

    def add_pilots(self, pilots: Iterable[PilotRecord]) -> RunRecord:
        """Record what became of the pilots, once the run is finished."""
        self._record = self._record.model_copy(update={"pilots": tuple(pilots)})
        write_run(self._record, self.folder, durable=True)
        return self._record

    def point_latest(self) -> None:
        """Make ``latest`` a link to this run; GoldenseedError if something else is in its place."""
        point_latest(self._reports, self.folder.name)


def going_on(folder: Path, kept: Callable[[CaseRecord], bool]) -> tuple[RunWriter, RunRecord]:
    """Go on writing a run that was cut short; what is not ``kept`` of its cases is forgotten.

    Return the run as it stands, too. Only one process may do so: see ``only_writer``.

    Raises:
        GoldenseedError: there is no run, or it was finished.

    """
    found = load_run(folder)
    if found.finished is not None:
        raise GoldenseedError("is finished: there is nothing to go on with", path=folder)
    staying = tuple(each for each in found.cases if kept(each))
    lines = (each.model_dump_json().encode() + b"\n" for each in staying)
    write_atomically(folder / JOURNAL, lines)
    writer = RunWriter(
        folder.parent,
        folder.name,
        started=found.started,
        git=found.git,
        options=found.options,
        before=found.model_copy(update={"cases": (), "not_compared": (), "relations": ()}),
    )
    return writer, found.model_copy(update={"cases": staying})


def point_latest(reports: Path, run_id: str) -> None:
    """Replace the link ``reports/latest`` in one step; GoldenseedError as of ``RunWriter``."""
    link = reports / LATEST
    if link.exists() and not link.is_symlink():
        raise GoldenseedError(
            "is in the way: it should be a link to the newest run",
            path=link,
            fix="move it away and run again",
        )
    temporary = reports / f".tmp-latest-{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(run_id, target_is_directory=True)
    temporary.replace(link)


def write_run(record: RunRecord, folder: Path, *, durable: bool = False) -> None:
    """Write ``run.json`` whole; ``durable`` is as of ``write_atomically``."""
    write_atomically(folder / RECORD, _written(record), durable=durable)


def _written(record: RunRecord) -> Iterator[bytes]:
    """Yield the record's text as ``model_dump_json(indent=1)`` has it, case by case.

    That of ten thousand cases takes a hundred megabytes, and would be held twice.
    """
    rest = record.model_copy(update={"cases": ()}).model_dump_json(indent=1)
    before, empty, after = rest.partition('\n "cases": []')
    yield before.encode()
    if not record.cases:
        yield empty.encode()
    for number, case in enumerate(record.cases):
        yield b",\n  " if number else b'\n "cases": [\n  '
        yield case.model_dump_json(indent=1).replace("\n", "\n  ").encode()
    yield b"\n ]" if record.cases else b""
    yield f"{after}\n".encode()


def load_run(path: Path, *, results_only: bool = False) -> RunRecord:
    """Read a run from its folder (or its ``run.json``), a cut-short one included.

    With ``results_only`` the cases come without traces and diagnoses, which are most of a record: a
    run of thousands then takes little memory.

    Raises ``GoldenseedError`` where there is no record, it is damaged, or its schema version is
    not one this release knows.
    """
    file = path / RECORD if path.is_dir() else path
    if not file.is_file():
        raise GoldenseedError(
            "no run record here",
            path=file,
            fix="name the folder of a run, for example reports/latest",
        )
    data = parse(read_regular(file, RECORD_LIMIT_BYTES), file, _result_of if results_only else None)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise GoldenseedError(
            f"the record has schema version {version!r}; this release reads {SCHEMA_VERSION}",
            path=file,
            fix="read it with the release of pytest-goldenseed that wrote it",
        )
    try:
        record = RunRecord.model_validate(data)
    except ValidationError as error:
        raise GoldenseedError(first_problem(error), path=file, fix="run the suite again") from None
    journal = file.parent / JOURNAL
    if record.finished is None and journal.is_file():
        record = record.model_copy(update=read_journal(journal))
    cases = tuple(_as_required(case, record.options) for case in record.cases)
    sets = tuple(_as_found(each) for each in record.sets)
    return record.model_copy(update={"cases": cases, "sets": sets})


def _result_of(found: dict[str, Any]) -> None:
    """Take away from a case's record what is not its result; leave other objects as they are."""
    if "recipe_sha256" in found and "trace" in found:
        for name in ("trace", "diagnosis"):
            found.pop(name, None)


def _as_found(found: SetRecord) -> SetRecord:
    """Return the set as what was found of it lets it pass, whatever its ``passed`` says."""
    holds = found.error is None and all(result.passed for result in found.results)
    return found.model_copy(update={"passed": found.passed and holds})


def _as_required(case: CaseRecord, options: Mapping[str, str]) -> CaseRecord:
    """Return the case as the run's options let it pass, whatever its ``passed`` says."""
    required, update = options.get("require"), options.get("update", "none")
    enough = required not in PASSING or case.verdict in passing(required, update)
    if not case.passed or (enough and not case.breaks_content):
        return case
    return case.model_copy(update={"passed": False})
