"""The one writer of a session: the run's record, its report, and the baselines on request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.baselines.store import BaselineStore, Outcome
from harness.reporting.html import write_report
from harness.reporting.markdown import write_summary
from harness.runs.candidates import candidates_of
from harness.runs.folder import RunWriter
from harness.runs.git_state import read_git_state
from harness.runs.record import CaseRecord, RunRecord
from harness.runs.who import who_accepts
from harness.session.options import Options
from harness.session.worker import failed
from harness.suites.loading import load_suite
from harness.suites.recipes import recipe_of, recipe_sha256
from harness.verdict.model import Verdict


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
    ) -> None:
        self._root = root
        self._run_id = run_id
        self._started = started
        self._options = options
        self._store = store
        self._writer: RunWriter | None = None
        self.run: RunRecord | None = None
        self.notes: list[str] = []
        self.failed_after_all = False

    @property
    def began(self) -> bool:
        """Whether any case has ended."""
        return self._writer is not None

    def note(self, line: str) -> None:
        """Keep a line for the end of the session."""
        self.notes.append(line)

    def receive(self, carried: Mapping[str, Any]) -> None:
        """Keep what a case's report carried."""
        writer = self._ensure_writer()
        if carried.get("environment"):
            writer.add_environment(carried["profile"], carried["environment"])
        for record in carried["records"]:
            writer.add(CaseRecord.model_validate(record))

    def receive_crash(self, nodeid: str, message: str) -> None:
        """Record a case whose worker died while it ran."""
        place, _, name = nodeid.partition("::")
        case_id = name.rpartition("@")[0] or name
        path = self._root / place
        if not place.endswith(".suite.yaml") or not path.is_file():
            return
        suite = load_suite(path)
        case = next((case for case in suite.cases if case.id == case_id), None)
        if case is None:
            return
        recipe = recipe_of(case)
        sketch = CaseRecord(
            id=case.id,
            suite=suite.name,
            path=place,
            line=case.line,
            recipe=recipe,
            recipe_sha256=recipe_sha256(recipe),
            verdict=Verdict.ERROR,
            passed=False,
        )
        self._ensure_writer().add(failed(sketch, "worker_crashed", RuntimeError(message)))

    def finish(self, *, complete: bool) -> None:
        """Close the record, write report and summary, accept and check as the options say."""
        writer = self._ensure_writer()
        self.run = writer.finish(finished=datetime.now(UTC), complete=complete)
        write_report(self.run, writer.folder)
        write_summary(self.run, writer.folder)
        self._update(self.run, writer.folder, complete=complete)
        if complete and self._options.unreferenced != "ignore":
            self._check_unreferenced(self.run)

    def _ensure_writer(self) -> RunWriter:
        if self._writer is None:
            self._writer = RunWriter(
                self._options.reports,
                self._run_id,
                started=self._started,
                git=read_git_state(self._root),
                options=self._options.recorded(),
            )
        return self._writer

    def _update(self, run: RunRecord, folder: Path, *, complete: bool) -> None:
        chosen = [case for case in run.cases if case.verdict in self._options.updated]
        if not chosen:
            return
        if not complete:
            self.note(f"nothing accepted: the run was cut short ({len(chosen)} would have been)")
            return
        accepted = self._store.accept(
            candidates_of(run, folder, chosen),
            by=who_accepts(self._root),
            reason=f"--golden-update={self._options.update}",
        )
        changed = sum(result.outcome is not Outcome.UNCHANGED for result in accepted)
        self.note(f"accepted {changed} images into {self._options.baselines.name}/")

    def _check_unreferenced(self, run: RunRecord) -> None:
        """Compare the baselines of each suite met with all its cases, run or deselected."""
        for place in sorted({case.path for case in run.cases if case.path.endswith(".yaml")}):
            suite = load_suite(self._root / place)
            known = {case.id for case in suite.cases}
            extra = [case for case in self._store.cases(suite.name) if case not in known]
            if not extra:
                continue
            fails = self._options.unreferenced == "fail"
            self.note(
                f"{'ERROR' if fails else 'WARNING'} {place}: {len(extra)} baselines belong to no "
                f"case: {', '.join(extra)}"
            )
            self.failed_after_all |= fails
