"""The one object a pytest process keeps: it joins pytest's hooks to worker and controller."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting.terminal import failure_text, summary_lines
from goldenseed.reporting.view import case_view, run_view
from goldenseed.runs.folder import new_run_id
from goldenseed.runs.record import CaseRecord, EnvironmentValue
from goldenseed.session.controller import Controller
from goldenseed.session.distribution import ModelGroups, group_scheduler
from goldenseed.session.failure import CASE, RECORDS, give_lines
from goldenseed.session.lock_check import LockCheck
from goldenseed.session.options import check_one_case, read_options
from goldenseed.session.worker import Worker

if TYPE_CHECKING:
    from goldenseed.backends.protocol import Backend


STEP_INTERVAL_SECONDS = 10.0


class Progress:
    """Writes a line when a model loads, and now and then while one image takes long.

    Silent on xdist workers, whose terminal nobody sees, and where pytest was asked to be quiet.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._last = time.monotonic()

    def say(self, text: str, *, step: bool = False) -> None:
        """Write ``text``; a step of a longer work only every ten seconds."""
        now = time.monotonic()
        if step and now - self._last < STEP_INTERVAL_SECONDS:
            return
        self._last = now
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is None or self._config.option.verbose < 0:
            return
        capture = self._config.pluginmanager.getplugin("capturemanager")
        if capture is None:
            terminal.ensure_newline()
            terminal.write_line(text)
            return
        with capture.global_and_fixture_disabled():
            terminal.ensure_newline()
            terminal.write_line(text)


_KEY = pytest.StashKey["GoldenSession"]()


def session_of(config: pytest.Config) -> GoldenSession:
    """Return the session of this process; made, and registered with pytest, on first use."""
    if _KEY not in config.stash:
        session = config.stash[_KEY] = GoldenSession(config)
        config.pluginmanager.register(session, "goldenseed-session")
    return config.stash[_KEY]


class GoldenSession:
    """Hooks of a session that has golden cases; on an xdist worker only those that run cases."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._options = read_options(config)
        worker_input: dict[str, Any] | None = getattr(config, "workerinput", None)
        started = datetime.now(UTC)
        self.run_id: str = (
            worker_input["goldenseed_run_id"] if worker_input else new_run_id(started)
        )
        self._suites: dict[str, Path] = {}
        self._environment_sent: Mapping[str, EnvironmentValue] | None = None
        self._carried: dict[str, dict[str, Any]] = {}
        self._selected: set[str] = set()
        self._ended: set[str] = set()
        self._lost_something = False
        store = BaselineStore(self._options.baselines)
        self.worker = Worker(
            root=config.rootpath,
            folder=self._options.reports / self.run_id,
            store=store,
            passing=self._options.passing,
            backend=self._make_backend,
            locks=LockCheck(strict=self._options.environment == "strict"),
            may_be_replaced=worker_input is not None,
        )
        self._controller: Controller | None = None
        if worker_input is None:
            self._controller = Controller(
                root=config.rootpath,
                run_id=self.run_id,
                started=started,
                options=self._options,
                store=store,
                memory=getattr(config, "cache", None),  # not there under -p no:cacheprovider
            )

    def claim_suite_name(self, name: str, path: Path) -> None:
        """Refuse a second file under the name of another: they would share baselines."""
        other = self._suites.setdefault(name, path)
        if other != path:
            raise GoldenseedError(
                f"the suite name {name!r} is taken by {other}",
                path=path,
                fix="give one of the two another `suite:` name",
            )

    def text_of(self, record: CaseRecord) -> str:
        """Return what the terminal says of a case that is not as it should be."""
        report = self._options.reports / self.run_id / "index.html"
        return failure_text(case_view(record, self.run_id), self._shown(report))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Hand the records on: from a worker as JSON on the report, else by this object."""
        report = yield
        records = item.stash.get(RECORDS, []) if call.when == "call" else []
        item.stash[RECORDS] = []  # the next try, if a plugin runs the item again, begins anew
        if not records and report.failed and call.when != "teardown" and CASE in item.stash:
            message = call.excinfo.exconly() if call.excinfo else str(report.longrepr)
            records = [self.worker.pending(item.stash[CASE]).failed("run_failed", message)]
        if records:
            carried: dict[str, Any] = {"records": records}
            if self.worker.environment is not self._environment_sent:
                carried["environment"] = dict(self.worker.environment)
                carried["profile"] = self.worker.profile
                self._environment_sent = self.worker.environment
            differences = self.worker.locks.news()
            if differences:
                carried["lock_differences"] = list(differences)
            if self._controller is None:
                report.goldenseed = json.dumps(carried, default=_as_json)
            else:
                self._carried[item.nodeid] = carried
        return report

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember what was selected, where this process runs the cases itself."""
        self._selected.update(item.nodeid for item in session.items)
        if self._options.trace == "deep":
            check_one_case(sum(CASE in item.stash for item in session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Keep the cases of one model on one worker under ``--dist loadgroup``."""
        if config.getoption("dist") != "loadgroup":
            return None
        return group_scheduler(config, log, ModelGroups(config.rootpath).group_of)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Remember what was selected, where workers run the cases."""
        self._selected.update(ids)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember that a suite could not be read: its cases will be missing."""
        self._lost_something |= report.failed and "::" not in report.nodeid

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the record of a case that ended, or of one that took its worker down with it."""
        if self._controller is None:
            return
        if report.when != "setup" or not report.passed:
            self._ended.add(report.nodeid)
        try:
            carried = self._carried.pop(report.nodeid, None)
            if hasattr(report, "goldenseed"):
                carried = json.loads(report.goldenseed)
                del report.goldenseed  # pytest keeps every report until the end
            if carried is not None:
                self._controller.receive(carried)
            elif str(report.when) == "???" and report.failed:
                kept = self._controller.receive_crash(report.nodeid, str(report.longrepr))
                self._lost_something |= not kept
        except (GoldenseedError, OSError) as error:
            pytest.exit(f"goldenseed cannot keep the run's record: {error}", returncode=1)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Make the traceback one that pytest's terminal can show: see ``give_lines``."""
        give_lines(excinfo.value)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the record and the report; accept what the user asked to accept.

        The record is complete if every test that was selected ended, also by taking its worker
        down, and every suite could be read.
        """
        if self._controller is None or not self._controller.began:
            return
        cut_short = bool(
            session.shouldstop
            or session.shouldfail
            or exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
            or self._lost_something
            or self._selected - self._ended
        )
        try:
            self._controller.finish(complete=not cut_short)
        except (GoldenseedError, OSError) as error:
            self._controller.note(f"ERROR {error}")
            self._controller.failed_after_all = True
        if self._controller.failed_after_all and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the verdict counts, the report's path and whatever else there is to say."""
        if self._controller is None or not self._controller.began:
            return
        terminalreporter.section("goldenseed")
        run = self._controller.run
        if run is not None:
            report = self._shown(self._options.reports / self.run_id / "index.html")
            for line in summary_lines(run_view(run), report):
                terminalreporter.write_line(line)
        for line in self._controller.notes:
            terminalreporter.write_line(line)

    def _make_backend(self) -> Backend:
        from goldenseed.backends.diffusers.backend import DiffusersBackend

        return DiffusersBackend(
            device=self._options.device,
            gpu_index=_gpu_index(os.environ.get("PYTEST_XDIST_WORKER", "gw0")),
            progress=Progress(self._config).say,
            trace=self._options.trace != "off",
            layers=self._options.trace == "deep",
        )

    def _shown(self, path: Path) -> str:
        """Return a path as the user would type it."""
        base = self._config.invocation_params.dir
        return str(path.relative_to(base) if path.is_relative_to(base) else path)


def _as_json(document: BaseModel) -> object:
    return document.model_dump(mode="json")


def _gpu_index(worker: str) -> int:
    """Give xdist's workers gw0, gw1, … the GPUs 0, 1, … in turn."""
    digits = worker.removeprefix("gw")
    return int(digits) if digits.isdigit() else 0
