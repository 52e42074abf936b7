"""The one object a pytest process keeps: it joins pytest's hooks to worker and controller."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest

from goldenseed.backends.devices import VISIBLE, check_repeatable, place_of_worker, too_late
from goldenseed.backends.devices import Place as DevicePlace
from goldenseed.backends.registry import look_up
from goldenseed.baselines.setting import store_of_project
from goldenseed.core.errors import GoldenseedError
from goldenseed.postprocess.running import check_libraries
from goldenseed.reporting.terminal import summary_lines
from goldenseed.runs.folder import new_run_id
from goldenseed.runs.record import CaseRecord, EnvironmentValue
from goldenseed.session.controller import Controller
from goldenseed.session.failure import (
    CASE,
    MEMBER,
    RECORDS,
    RELATION,
    Said,
    give_lines,
    say_in_one_line,
)
from goldenseed.session.foreign import ForeignWarnings
from goldenseed.session.lock_check import LockCheck
from goldenseed.session.making_backends import MakingBackends
from goldenseed.session.making_workers import worker_for
from goldenseed.session.naming import Names
from goldenseed.session.option_table import FIXTURE
from goldenseed.session.options import check_one_case, read_options
from goldenseed.session.pilots import Pilots
from goldenseed.session.progress import Progress
from goldenseed.session.remembered import verified_in
from goldenseed.session.reports import as_json, carried_relation, outcome_of, pending_of_test
from goldenseed.session.resuming import Resuming, earlier_of
from goldenseed.session.sharding import write_cut
from goldenseed.session.telling import Telling, write_system_out
from goldenseed.session.unreferenced import Seen, extent_of, project_of

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case, Suite


_KEY = pytest.StashKey["GoldenSession"]()
_OUTCOMES = ("passed", "failed", "skipped")
"""pytest's own; a plugin that runs a test again calls the outcome of the earlier try otherwise."""


def session_of(config: pytest.Config) -> GoldenSession:
    """Return the session of this process; made, and registered with pytest, on first use."""
    if _KEY not in config.stash:
        session = config.stash[_KEY] = GoldenSession(config)
        config.pluginmanager.register(session, "goldenseed-session")
    return config.stash[_KEY]


def prepare(config: pytest.Config) -> None:
    """Make the session, so that it sees all tests; what is wrong with it is said by each test."""
    with suppress(GoldenseedError):
        session_of(config)


def receive(config: pytest.Config, report: pytest.TestReport) -> bool:
    """Keep what a report carries; False for a test that took its worker down and is no case.

    A record that cannot be kept ends the session.
    """
    try:
        return session_of(config).receive(report)
    except (GoldenseedError, OSError) as error:
        pytest.exit(f"goldenseed cannot keep the run's record: {error}", returncode=1)


class GoldenSession:
    """Hooks of a session that has golden cases; on an xdist worker only those that run cases."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._options = read_options(config)
        self._watch = cast("Any", config.pluginmanager.get_plugin("goldenseed-watch"))
        seconds, digits = self._watch.began
        started = datetime.fromtimestamp(seconds, UTC)
        self.run_id = new_run_id(started, digits)
        self._telling = Telling.of(self.run_id, self._options, config)
        self.names = Names()
        self._place: DevicePlace | None = None
        self._visible = os.environ.get(VISIBLE)
        self._environment_sent: Mapping[str, EnvironmentValue] | None = None
        say = Progress(config).say
        cache = getattr(config, "cache", None)  # not there under -p no:cacheprovider
        self._store = store_of_project(self._options.baselines, verified=verified_in(cache))
        self.worker = worker_for(
            self._options,
            root=config.rootpath,
            folder=self._telling.folder,
            store=self._store,
            passing=self._options.passing,
            backends=MakingBackends(say, self._options, self._watch.slot, lambda: self._place),
            locks=LockCheck(strict=self._options.environment == "strict"),
            resuming=Resuming(earlier_of(self._options), self._options.trace),
            may_be_replaced=self._watch.is_worker,
        )
        self.pilots = Pilots(
            self._telling.folder, self._options.update, self.worker.run, self.worker.path_of
        )
        self.foreign = ForeignWarnings()
        self._controller: Controller | None = None
        if not self._watch.is_worker:
            self._controller = Controller(
                root=config.rootpath,
                run_id=self.run_id,
                started=started,
                options=self._options,
                store=self._store,
                memory=cache,
                place=self._telling.place,
                earlier=self.worker.resuming.earlier,
            )

    def meet(self, suite: Suite) -> None:
        """Make this process ready for a suite that was collected, before anything starts CUDA.

        Raises GoldenseedError where its name is taken, since two of one name would share baselines,
        its back end cannot be had, or this process cannot make its images.
        """
        self.names.take_suite(suite.name, suite.path)
        for backend, line in {(each.backend, each.backend_line) for each in suite.models}:
            look_up(backend, suite.path, line)
        check_libraries(suite)
        self._take_place(suite)
        check_repeatable(suite, self._options.device)

    def _take_place(self, suite: Suite) -> None:
        """Take the device of this xdist worker's slot, once."""
        slot = self._watch.slot
        if slot is None:
            return
        grouped = self._watch.dist == "loadgroup"
        workers = None if grouped else self._config.workerinput["workercount"]  # type: ignore[attr-defined]
        place = place_of_worker(
            suite, self._options.device, self._visible, slot=slot, workers=workers
        )
        if place is not None and self._place is None:
            self._place = place.taken(too_late=too_late())

    def said_of(self, record: CaseRecord) -> Said:
        """Return what the terminal says of a case that is not as it should be."""
        return self._telling.said_of(record)

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # to see what pytest's marks made of the report
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        """Hand the records on: from a worker as JSON on the report, else by this object."""
        report = yield
        if RELATION in item.stash:
            return self._with_relation(item, call, report)
        pending = self._pending(item)
        if pending is None:
            return report
        if call.excinfo is not None:
            say_in_one_line(report, call.excinfo.value)
        outcome = outcome_of(item, call, report, pending)
        self._telling.add_properties(item, report, outcome)
        case: Case | None = item.stash.get(CASE, None)
        carried: dict[str, Any] = self.pilots.ended(case, outcome.records, outcome.not_compared)
        if outcome.not_compared is not None:
            carried["not_compared"] = outcome.not_compared
        if outcome.records:
            first, *others = outcome.records
            warnings = {**first.warnings, **self.foreign.news()}
            warned = first.model_copy(update={"warnings": warnings})
            carried["records"] = [warned, *others]
            carried["to_be_said"] = self._telling.warnings(outcome.records)
            if self.worker.environment is not self._environment_sent:
                carried["environment"] = dict(self.worker.environment)
                carried["profile"] = self.worker.profile
                self._environment_sent = self.worker.environment
            carried |= self.worker.news()
        if carried:
            self._hand_on(report, carried)
        return report

    def _with_relation(
        self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
    ) -> pytest.TestReport:
        """Hand on what became of a relation."""
        if call.when == "call":
            if call.excinfo is not None:
                say_in_one_line(report, call.excinfo.value)
            tried = item.stash[RELATION]
            if hasattr(report, "wasxfail"):
                xfail = {"xfail": str(report.wasxfail or "")}
                tried = replace(tried, record=tried.record.model_copy(update=xfail))
            self._telling.add_relation(item, report, tried.record)
            self._hand_on(report, {**carried_relation(tried), "warnings": self.foreign.news()})
        return report

    def _hand_on(self, report: Any, carried: dict[str, Any]) -> None:
        in_text = self._controller is None  # what leaves for another process
        report.goldenseed = json.dumps(carried, default=as_json) if in_text else carried

    def _pending(self, item: pytest.Item) -> Callable[[], CaseRecord] | None:
        """Return what makes the record of a test's image before it is judged, if it has any."""
        if CASE in item.stash:
            return partial(self.worker.pending, item.stash[CASE])
        if FIXTURE in getattr(item, "fixturenames", ()) or RECORDS in item.stash:
            return partial(pending_of_test, item)
        return None

    @pytest.hookimpl(tryfirst=True)  # before xdist tells the controller of the order
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Put pilots first, and check that a deep trace was asked for of one case only."""
        self.pilots.arrange(session.items)
        cases = [(item.stash[CASE], item.name) for item in session.items if CASE in item.stash]
        if not self._config.option.collectonly:
            members = [item.stash[MEMBER] for item in session.items if MEMBER in item.stash]
            self.worker.expect(cases, members, self.pilots.holds_back)
        if self._watch.cut is not None and not self._config.option.collectonly:
            write_cut(self._telling.folder, self._watch.cut)
        if self._options.trace == "deep":
            check_one_case(len(cases))

    def receive(self, report: Any) -> bool:
        """Keep the record of a case that ended, or of one that took its worker down with it."""
        assert self._controller is not None  # noqa: S101 - workers hand their reports on
        if not hasattr(report, "goldenseed"):
            return self._controller.receive_crash(report.nodeid, str(report.longrepr))
        carried = report.goldenseed
        del report.goldenseed  # pytest keeps every report until the end
        carried = json.loads(carried) if isinstance(carried, str) else carried
        for text in carried.pop("to_be_said", ()):
            write_system_out(self._config, report, text)
        retried = report.outcome not in _OUTCOMES
        self._controller.receive(carried, retried=retried)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Make the traceback one that pytest's terminal can show: see ``give_lines``."""
        give_lines(excinfo.value)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the record and the report; accept what the user asked to accept.

        The record is complete if every test that was selected ended, also by taking its worker
        down, and every suite could be read.
        """
        if self._controller is None:
            return
        self._controller.notes += self.worker.close()
        cut_short = bool(
            session.shouldstop
            or session.shouldfail
            or exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
            or self._watch.lost_something
            or self._watch.selected - self._watch.ended
        )
        try:
            seen = Seen(
                narrowed=self._watch.narrowed,
                selected=self._watch.selected,
                not_passed=self._watch.not_passed,
                failed=session.testsfailed,
            )
            project = project_of(self._config, self._store)
            extent = extent_of(self._config, seen, project, self._store)
            empty = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
            if empty and self._controller.begin_empty_shard():
                session.exitstatus, cut_short = pytest.ExitCode.OK, False
            if self._controller.began:
                self._controller.finish(complete=not cut_short, extent=extent, project=project)
            elif not cut_short or empty:
                self._controller.finish_without_cases(extent, project)
        except (GoldenseedError, OSError) as error:
            self._controller.note(f"ERROR {error}")
            self._controller.failed_after_all = True
        green = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if self._controller.failed_after_all and exitstatus in green:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the verdict counts, the report's path and whatever else there is to say."""
        if self._controller is None or not (self._controller.began or self._controller.notes):
            return
        terminalreporter.section("goldenseed")
        if self._controller.view is not None:
            for line in summary_lines(self._controller.view, self._telling.report):
                terminalreporter.write_line(line)
        for line in (*self._controller.notes, *self._controller.annotations(self._telling.report)):
            terminalreporter.write_line(line)
