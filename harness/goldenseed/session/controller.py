"""The one writer of a session: the run's record, its report, and the baselines on request."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from goldenseed.baselines.store import BaselineStore, Outcome
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import SUITE_SUFFIX
from goldenseed.environment.lock import LockDifference
from goldenseed.history.asked import Past
from goldenseed.history.keeping import recall, remember
from goldenseed.reporting.annotations import annotations_of, github_lines, repository_prefix
from goldenseed.reporting.commands import Place
from goldenseed.reporting.html import write_report
from goldenseed.reporting.markdown import write_summary
from goldenseed.reporting.view import RunView, run_view
from goldenseed.reporting.writing import write_for_services
from goldenseed.runs.candidates import open_candidates, read_git_state, who_accepts
from goldenseed.runs.folder import RunWriter
from goldenseed.runs.made import pending
from goldenseed.runs.orphans import Project
from goldenseed.runs.parts import Extent, NotCompared, PilotRecord, SetRecord
from goldenseed.runs.pilots import judged_pilots
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.runs.relation_record import RelationRecord
from goldenseed.runs.resume import Earlier
from goldenseed.runs.sets import judge_sets
from goldenseed.runs.shards import read_cut
from goldenseed.session.distribution import RUNNING
from goldenseed.session.foreign import told
from goldenseed.session.gate_check import GateCheck, Memory
from goldenseed.session.naming import unrepeated
from goldenseed.session.options import Options
from goldenseed.session.pilots import PILOT
from goldenseed.session.resuming import TakenCount
from goldenseed.session.sharding import shard_of_run, shard_record
from goldenseed.session.unreferenced import unreferenced
from goldenseed.suite.cases import Suite
from goldenseed.suite.loading import load_suite


class Controller:
    """Receives the records of all cases, in the process that talks to the user."""

    def __init__(
        self,
        *,
        root: Path,
        run_id: str,
        started: datetime,
        options: Options,
        store: BaselineStore,
        memory: Memory | None = None,
        place: Place | None = None,
        earlier: Earlier | None = None,
    ) -> None:
        self._root = root
        self._run_id = run_id
        self._started = started
        self._options = options
        self._store = store
        self._memory = memory
        self._place = place
        self._resumed = TakenCount(earlier or Earlier())
        self._writer: RunWriter | None = None
        self._warned: Counter[str] = Counter()
        self._pilots: dict[str, PilotRecord] = {}
        self._suites: Mapping[str, Suite] | None = None
        self.view: RunView | None = None
        self.notes: list[str] = []
        self.failed_after_all = False

    @property
    def began(self) -> bool:
        """Whether any case has ended."""
        return self._writer is not None

    @property
    def prefix(self) -> str:
        """Pytest's root as seen from the root of the repository around it."""
        return repository_prefix(self._root)

    def annotations(self, report: str) -> Iterator[str]:
        """Yield what GitHub is told of the run, where it is to be told; ``report`` is the page."""
        if self._options.annotated and self.view is not None:
            yield from github_lines(annotations_of(self.view, self.prefix), report)

    def note(self, line: str) -> None:
        """Keep a line for the end of the session."""
        self.notes.append(line)

    def receive(self, carried: Mapping[str, Any], *, retried: bool = False) -> None:
        """Keep what a case's report carried; ``retried`` if the case is run once more for it."""
        writer = self._ensure_writer()
        if carried.get("environment"):
            writer.add_environment(carried["profile"], carried["environment"])
        if carried.get("lock_differences"):
            writer.add_lock_differences(
                LockDifference.model_validate(each) for each in carried["lock_differences"]
            )
        self._resumed.add(carried.get("resumed", {}))
        if carried.get("not_compared"):
            writer.add(NotCompared.model_validate(carried["not_compared"]))
        for each in carried.get("pilots", ()):
            pilot = PilotRecord.model_validate(each)
            self._pilots.setdefault(pilot.path, pilot)
        for each in carried.get("environments", ()):
            writer.add_environment(carried["profile"], each)
        if carried.get("relation"):
            writer.add(RelationRecord.model_validate(carried["relation"]))
        for each in carried.get("records", ()):
            record = CaseRecord.model_validate(each)
            self._warned.update(record.warnings)
            writer.add(record.model_copy(update={"retried": True}) if retried else record)

    def receive_crash(self, nodeid: str, message: str) -> bool:
        """Record a case whose worker died while it ran; False for a test that is none."""
        place, _, name = nodeid.partition("::")
        case_id = unrepeated(name.rpartition("@")[0] or name)
        path = self._root / place
        if not place.endswith(SUITE_SUFFIX) or not path.is_file():
            return False
        suite = load_suite(path)
        case = next((case for case in suite.cases if case.id == case_id), None)
        if case is None:
            return self._crashed_relation(suite, place, name.rpartition("@")[0] or name, message)
        record = pending(case, place).failed("worker_crashed", message)
        self._ensure_writer().add(record.model_copy(update={"retried": True}))
        return True

    def _crashed_relation(self, suite: Suite, place: str, name: str, message: str) -> bool:
        if not suite.relations:
            return False
        from goldenseed.tools.relations.members import members_of, named

        member = named(members_of(suite), name)
        if member is None:
            return False
        update = {"why": f"the worker crashed: {message}"}
        self._ensure_writer().add(member.record(place).model_copy(update=update))
        return True

    def finish(self, *, complete: bool, extent: Extent, project: Project) -> None:
        """Close the record, write report and summary, accept and check as the options say.

        What cannot be done is noted and fails the session; the rest is done all the same.
        """
        writer = self._ensure_writer()
        for marks in (RUNNING, PILOT):
            shutil.rmtree(writer.folder / marks, ignore_errors=True)
        kept = shard_record(writer.record.shard, writer.folder, extent)
        self.notes += [*self._resumed.lines(), *kept.lines]
        writer.add_extent(kept.extent, kept.record)
        run = writer.finish(finished=datetime.now(UTC), complete=complete, warnings=self._warned)
        if self._pilots:
            pilots = judged_pilots(self._pilots.values(), run, self._options.update)
            run = writer.add_pilots(pilots)
            self.failed_after_all |= not all(each.held for each in pilots)
        self._try(partial(self._judge_sets, run, writer))
        self.notes += told(self._warned)
        run = writer.record
        pasts = self._remember(run)
        view = run_view(run, writer.folder, place=self._place)
        view = self.view = replace(view, history=pasts)
        for step in (
            partial(write_report, view, writer.folder, single=self._options.report == "single"),
            partial(write_summary, view, writer.folder),
            partial(write_for_services, view, writer.folder, prefix=self.prefix),
            writer.point_latest,
            partial(self._update, run, writer.folder),
            partial(self._check_unreferenced, run, project),
            partial(self._check_gates, run),
        ):
            self._try(step)

    def begin_empty_shard(self) -> bool:
        """Begin the record of a shard that no case is left for; False where nothing was cut."""
        cut = read_cut(self._options.reports / self._run_id)
        return cut is not None and bool(self._ensure_writer())

    def finish_without_cases(self, extent: Extent, project: Project) -> None:
        """Look for what is left of suites and tests that are gone, where no case ended."""
        nothing = RunRecord(
            run_id=self._run_id, started=self._started, complete=True, extent=extent
        )
        self._try(partial(self._check_unreferenced, nothing, project))

    def _remember(self, run: RunRecord) -> Mapping[tuple[str, str], Past]:
        """Add the run to the history and tell of its cases; no run is worse where that fails."""
        try:
            if said := remember(run, self._options.reports):
                self.note(f"WARNING {said}")
            return recall(run, self._options.reports)
        except (GoldenseedError, OSError) as error:
            self.note(f"WARNING {error}")
            return {}

    def _try(self, step: Callable[[], object]) -> None:
        try:
            step()
        except (GoldenseedError, OSError) as error:
            self.note(f"ERROR {error}")
            self.failed_after_all = True

    def _suites_of(self, run: RunRecord) -> Mapping[str, Suite]:
        """Return the suites of the run by place, read once."""
        if self._suites is None:
            places = dict.fromkeys(
                case.path for case in run.cases if case.path.endswith(SUITE_SUFFIX)
            )
            lost = [place for place in places if not (self._root / place).is_file()]
            for place in lost:
                self.note(
                    f"WARNING {place}: not found below {self._root}, so its sets and its "
                    "self-check were not looked at"
                )
            self._suites = {
                place: load_suite(self._root / place) for place in places if place not in lost
            }
        return self._suites

    def _judge_sets(self, run: RunRecord, writer: RunWriter) -> None:
        """Hold the images of the run against each other, as its suites ask."""
        judged: list[SetRecord] = []
        for place, suite in self._suites_of(run).items():
            cases = {case.id: case for case in run.cases if case.path == place}
            judged += judge_sets(suite, place, cases, writer.folder) if suite.sets else ()
        if judged:
            writer.add_sets(judged)
            self.failed_after_all |= not all(each.passed for each in judged)

    def _check_gates(self, run: RunRecord) -> None:
        """Check that gates can fail, in suites that demand it."""
        demanding = {p: s for p, s in self._suites_of(run).items() if s.selfcheck_required}
        if not demanding:
            return
        for line in GateCheck(self._store, self._memory).failures(run, demanding):
            self.note(f"ERROR {line}")
            self.failed_after_all = True

    def _ensure_writer(self) -> RunWriter:
        if self._writer is None:
            self._writer = RunWriter(
                self._options.reports,
                self._run_id,
                started=self._started,
                git=read_git_state(self._root),
                options=self._options.recorded(),
                parts=self._resumed.earlier.parts,
                shard=shard_of_run(self._options, self._options.reports / self._run_id),
            )
        return self._writer

    def _update(self, run: RunRecord, folder: Path) -> None:
        chosen = [
            case
            for case in run.cases
            if case.verdict in self._options.updated and not case.breaks_content
        ]
        unstable = [case for case in chosen if case.unstable]
        if unstable:
            names = ", ".join(f"{case.suite}::{case.id}" for case in unstable)
            self.note(f"WARNING not accepted, since their tries gave different images: {names}")
            chosen = [case for case in chosen if not case.unstable]
        if not chosen:
            return
        if not run.complete:
            self.note(f"nothing accepted: the run was cut short ({len(chosen)} would have been)")
            return
        candidates, left_out = open_candidates(run, folder, chosen, self._store)
        for line in left_out:
            self.note(f"ERROR {line}")
            self.failed_after_all = True
        accepted = self._store.accept(
            candidates,
            by=who_accepts(self._root),
            reason=f"--golden-update={self._options.update}",
        )
        changed = sum(result.outcome is not Outcome.UNCHANGED for result in accepted)
        self.note(f"accepted {changed} images into {self._options.baselines.name}/")

    def _check_unreferenced(self, run: RunRecord, project: Project) -> None:
        """Say which baselines belong to nothing any more, or to a case by another name."""
        asked = self._options.unreferenced
        if not run.complete:
            return
        place = self._place or Place(run.run_id)
        for each in unreferenced(run, self._store, project, place, asked=asked != "ignore"):
            fails = asked == "fail" and each.orphaned
            self.note(f"{'ERROR' if fails else 'WARNING'} {each.text}")
            self.failed_after_all |= fails
