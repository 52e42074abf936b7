"""``*.suite.yaml`` files as pytest collectors, their cases as items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from _pytest.logging import caplog_handler_key, caplog_records_key

from goldenseed.backends.language.folders import check_prompts
from goldenseed.content import scores
from goldenseed.content.answers import check_answers
from goldenseed.content.provenance import check_expected
from goldenseed.content.scores import check_limits
from goldenseed.core.errors import GoldenseedError
from goldenseed.images import metrics
from goldenseed.images.gates import Gate, check_sets, parse_gate, parse_limit
from goldenseed.images.metrics import look_up
from goldenseed.images.weights import check_available
from goldenseed.reporting.words import visible
from goldenseed.session.failure import (
    CASE,
    GoldenFailure,
    GoldenWarning,
    settle,
    show_traceback,
    shown,
)
from goldenseed.session.golden_session import session_of
from goldenseed.session.naming import repetitions
from goldenseed.session.relation_item import relation_items
from goldenseed.suite.cases import GateLine
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import cases_by_model, model_key

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case, Suite
    from goldenseed.tools.relations.members import Member


_QUIET = ("setup", "teardown")
"""The phases in which a case itself does nothing."""
_WITHOUT_LOGS = ("_pytest.", "goldenseed.", "pytest_rerunfailures", "xdist.")
"""Where the hooks of these phases are from, if none of them logs."""


class SuiteFile(pytest.File):
    """A suite file; collects one item per case."""

    def collect(self) -> Iterator[pytest.Item]:
        """Load the suite and yield its cases in the file's order, those of a model together."""
        try:
            session = session_of(self.config)
            suite = load_suite(self.path)
            for gate in suite.gate_lines:
                self._check_gate(gate)
            self._check_content(suite)
            self._check_sets(suite)
            members = self._relations(suite)
            self._warn_of_namesakes(suite)
            session.meet(suite)
        except GoldenseedError as error:
            raise self.CollectError(visible(str(error))) from None
        custom: dict[str, pytest.MarkDecorator] = {}
        grouped = self.config.pluginmanager.hasplugin("xdist")
        for key, cases in cases_by_model(suite).items():
            marks: list[pytest.MarkDecorator] = [pytest.mark.golden]
            if grouped:
                marks.append(pytest.mark.xdist_group(key))
            for case, name in _repeated(cases, repetitions(self.config)):
                yield self._item(case, name, marks, custom)
            own = [each for each in members if model_key(each.case.model) == key]
            yield from relation_items(self, own, self._mark, grouped=grouped)

    def _item(
        self,
        case: Case,
        name: str,
        marks: Sequence[pytest.MarkDecorator],
        custom: dict[str, pytest.MarkDecorator],
    ) -> CaseItem:
        # Spelled out, since pytest 9.2 sees the brackets of an id only in a text that it parses
        # itself; without that, --lf does not know the case again.
        nodeid = f"{self.nodeid}::{name}"
        item = CaseItem.from_parent(self, name=name, nodeid=nodeid, case=case)
        item.extra_keyword_matches.add(f"[seed:{case.seed}]")
        for mark in marks:
            item.add_marker(mark)
        for each in case.marks:
            if each not in custom:
                custom[each] = self._mark(each, case.line)
            item.add_marker(custom[each])
        return item

    @cached_property
    def quiet_hooks(self) -> Mapping[str, Any]:
        """Setup and teardown of cases without pytest's capture of logs, where nothing can log.

        The capture attaches two handlers to each of the 60 loggers that torch and diffusers keep
        from propagating, in each of a test's three phases: half of what pytest's protocol takes.
        """
        manager = self.config.pluginmanager
        capture = manager.get_plugin("logging-plugin")
        known = (pytest.Session, pytest.Dir, SuiteFile)
        if capture is None or any(type(each) not in known for each in self.listchain()):
            return {}
        callers = [getattr(manager.hook, f"pytest_runtest_{each}") for each in _QUIET]
        functions = [each.function for caller in callers for each in caller.get_hookimpls()]
        if not all(each.__module__.startswith(_WITHOUT_LOGS) for each in functions):
            return {}
        return {each.name: manager.subset_hook_caller(each.name, [capture]) for each in callers}

    def _check_gate(self, gate: GateLine) -> None:
        try:
            parsed = parse_gate(gate.name)
            parse_limit(parsed, gate.value)
            check_available(look_up(parsed.metric))
        except GoldenseedError as error:
            raise GoldenseedError(
                error.what, path=self.path, line=gate.line, fix=error.fix
            ) from None

    def _check_content(self, suite: Suite) -> None:
        own = {(id(t.content), id(t.provenance)): t for t in suite.templates}
        try:
            check_prompts(suite.prompt_specs)
            check_answers(dict.fromkeys(spec for t in suite.templates for spec in t.answers))
            for each in own.values():
                check_limits(each.content)
                check_expected(each.provenance)
        except GoldenseedError as error:
            raise GoldenseedError(
                error.what, path=self.path, line=error.line, fix=error.fix
            ) from None

    def _check_sets(self, suite: Suite) -> None:
        try:
            check_sets(suite.sets)
        except GoldenseedError as error:
            raise GoldenseedError(
                error.what, path=self.path, line=error.line, fix=error.fix
            ) from None

    def _relations(self, suite: Suite) -> Sequence[Member]:
        """Return what the suite's relations ask for; nothing is imported for a suite without."""
        if not suite.relations:
            return ()
        from goldenseed.tools.relations.members import members_of

        limits = {name: each for spec in suite.relations for name, each in spec.hold.limits.items()}
        try:
            members = members_of(suite)
            for name, limit in limits.items():
                self._check_gate(GateLine(name, limit.value, limit.line))
        except GoldenseedError as error:
            raise GoldenseedError(
                error.what, path=self.path, line=error.line, fix=error.fix
            ) from None
        return members

    def _warn_of_namesakes(self, suite: Suite) -> None:
        """Name what other packages offer under a name that the suite uses and goldenseed has."""
        gated = [Gate.named(line.name) for line in suite.gate_lines]
        scored = {name: None for each in suite.templates for name in each.content}
        limited = [Gate.named(name) for name in scored]
        for text in (
            *metrics.OFFERS.passed_over(gate.metric for gate in gated if gate),
            *scores.OFFERS.passed_over(limit.metric for limit in limited if limit),
        ):
            try:
                self.warn(GoldenWarning(text))
            except GoldenWarning:  # under -W error
                raise GoldenseedError(text, path=self.path) from None

    def _mark(self, name: str, line: int) -> pytest.MarkDecorator:
        """Look a mark up as ``--strict-markers`` wants it."""
        try:
            mark = getattr(pytest.mark, name, None)
            what = None if isinstance(mark, pytest.MarkDecorator) else f"{name!r} is no mark"
        except pytest.fail.Exception as failure:
            mark, what = None, str(failure.msg)
        if not isinstance(mark, pytest.MarkDecorator):
            fix = f"register the mark under `markers` in the ini file, or remove {name}"
            error = GoldenseedError(what or "", path=self.path, line=line, fix=fix)
            raise self.CollectError(visible(str(error)))
        return mark


def _repeated(cases: Sequence[Case], times: int) -> Iterator[tuple[Case, str]]:
    """Yield each case with its item's name, several times under pytest-repeat's ``--count``."""
    if times == 1:
        yield from ((case, case.id) for case in cases)
        return
    for case in cases:
        yield from ((case, f"{case.id}[{number}-{times}]") for number in range(1, times + 1))


class _Hooks:
    """Hooks of an item, some of them exchanged."""

    def __init__(self, hooks: Any, exchanged: Mapping[str, Any]) -> None:
        self._hooks = hooks
        self.__dict__.update(exchanged)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hooks, name)


class CaseItem(pytest.Item):
    """One image to generate and judge."""

    def __init__(self, *, case: Case, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.case = case
        self.stash[CASE] = case

    @property
    def ihook(self) -> Any:
        """The hooks, those that are quiet in the places of pytest's own."""
        quiet = cast("SuiteFile", self.parent).quiet_hooks
        return _Hooks(super().ihook, quiet) if quiet else super().ihook

    def setup(self) -> None:
        """Make the place of captured logs, as pytest's capture does where it is not left out."""
        self.stash.setdefault(caplog_records_key, {})

    def teardown(self) -> None:
        """Let go of captured logs, as pytest's capture does where it is not left out."""
        if cast("SuiteFile", self.parent).quiet_hooks and caplog_handler_key in self.stash:
            del self.stash[caplog_records_key], self.stash[caplog_handler_key]

    def runtest(self) -> None:
        """Generate, judge, and fail or warn as the verdict demands."""
        session = session_of(self.config)
        if why := session.pilots.why_not(self.case):
            pytest.skip(why)
        with session.foreign.collected():
            record, error = session.worker.run(self.case, self.name)
        if error is not None:
            show_traceback(self, error)
        settle(self, record, session.said_of)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,
    ) -> Any:
        """Show the record's text for a verdict, and pytest's own view for anything else."""
        if isinstance(excinfo.value, GoldenFailure):
            return shown(self, cast("pytest.ExceptionInfo[GoldenFailure]", excinfo), self.case.line)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the case stands in its file."""
        return self.path, self.case.line - 1, self.name
