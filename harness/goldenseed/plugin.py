"""pytest's hooks and options. Everything else is imported when a golden case is met.

An xdist controller collects nothing: what tells it of golden cases are their reports.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from goldenseed.session.option_table import FIXTURE, OPTIONS

if TYPE_CHECKING:
    from goldenseed.session.golden_image import GoldenImage

SUITE_SUFFIX = ".suite.yaml"
ARCHIVED = "tagmanifest-sha256.txt"
"""What lies in the folder of an archive, and of any other bag."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register each option with its ini twin."""
    group = parser.getgroup("goldenseed", "golden suites (goldenseed)")
    for name, default, choices, text in OPTIONS:
        group.addoption(f"--golden-{name}", choices=choices, default=None, help=text)
        parser.addini(f"golden_{name.replace('-', '_')}", text, default=default)
    group.addoption(
        "--golden-update-in-ci",
        action="store_true",
        help="Let --golden-update work although the environment variable CI is set.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark that every case carries, and check options given on the command line."""
    config.addinivalue_line("markers", "golden: a case of a golden suite")
    config.pluginmanager.register(Watch(config), "goldenseed-watch")
    given = (config.getoption(f"golden_{name.replace('-', '_')}") for name, *_ in OPTIONS)
    if any(value is not None for value in given):
        from goldenseed.session.options import check_options

        check_options(config)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the folders of archives: suites in them are copies, and tests anybody's code."""
    return True if (collection_path / ARCHIVED).is_file() else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect ``*.suite.yaml``."""
    if not file_path.name.endswith(SUITE_SUFFIX):
        return None
    from goldenseed.session.collection import SuiteFile

    return SuiteFile.from_parent(parent, path=file_path)


@pytest.fixture
def golden_image(request: pytest.FixtureRequest) -> GoldenImage:
    """Judge images made in ordinary tests: ``golden_image.check(image, name="hero")``."""
    __tracebackhide__ = True
    from goldenseed.session.golden_image import golden_image_of

    return golden_image_of(request)


class Watch:
    """What a session with golden cases has to know from its beginning; it costs others nothing."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self.is_worker = hasattr(config, "workerinput")
        given: dict[str, Any] = getattr(config, "workerinput", {})
        began = [datetime.now(UTC).timestamp(), os.urandom(4).hex()]
        self.began: list[Any] = given.get("goldenseed_began", began)
        """When the session began, in seconds since 1970, and eight hex digits of its own."""
        self.slot: int | None = given.get("goldenseed_slot")
        """Of a worker: its number among those that run, from 0; that of the one it replaces."""
        self.dist: str = given.get("goldenseed_dist", "no")
        """How xdist hands tests to its workers."""
        self.selected: set[str] = set()
        self.ended: set[str] = set()
        self.lost_something = False
        """Whether a file could not be collected, or a test took its worker down unrecorded."""
        self.narrowed = False
        """Whether tests that were collected were left out."""
        self.shared_out = False
        """Whether what is left out now is for other shards."""
        self.cut: Any = None
        """How the cases were cut into shards, in a process that collects them."""
        self.not_passed: set[str] = set()
        """The node ids of the tests that did not pass."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell an xdist worker which run it belongs to, and its slot."""
        slot = self._free.pop() if self._free else len(self._slots)
        self._slots[node.gateway.id] = slot
        node.workerinput["goldenseed_began"] = self.began
        node.workerinput["goldenseed_slot"] = slot
        node.workerinput["goldenseed_dist"] = self._config.getoption("dist")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Free the slot of a worker that ended: the one that replaces it starts right after."""
        self.narrowed |= "goldenseed_narrowed" in getattr(node, "workeroutput", {})
        slot = self._slots.pop(node.gateway.id, None)
        if slot is not None:
            self._free.append(slot)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Keep the cases of one model on one worker under ``--dist loadgroup``."""
        if config.getoption("dist") != "loadgroup":
            return None
        from goldenseed.session.distribution import group_scheduler

        return group_scheduler(config, log)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Iterator[None]:
        """Look at the names of golden images while all tests are there, selected or not.

        A plugin that shares tests among jobs may drop the others without a word.
        """
        collected = len(items)
        found = [item for item in items if FIXTURE in getattr(item, "fixturenames", ())]
        if found:
            from goldenseed.session.naming import find_rivals

            find_rivals(found)
        yield
        if len(items) < collected:
            self.pytest_deselected()
        if self.sharded:
            from goldenseed.session.sharding import keep_shard

            self.shared_out = True
            self.cut = keep_shard(self._config, items)
            self.shared_out = False

    @property
    def sharded(self) -> bool:
        """Whether this session is one of several that share the cases."""
        given = self._config.getoption("golden_shard")
        return bool(self._config.getini("golden_shard") if given is None else given)

    def pytest_deselected(self) -> None:
        """Remember that tests were left out."""
        if self.shared_out:
            return
        self.narrowed = True
        getattr(self._config, "workeroutput", {})["goldenseed_narrowed"] = True

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember what was selected, where this process runs the tests itself."""
        self.selected.update(item.nodeid for item in session.items)
        chosen = any(FIXTURE in getattr(item, "fixturenames", ()) for item in session.items)
        if (chosen or self.cut is not None) and not self._config.option.collectonly:
            from goldenseed.session.golden_session import prepare

            prepare(self._config)  # which hears of tests that are skipped as well

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """Have baselines of suites that are gone looked for also where no golden case is left."""
        given = self._config.getoption("golden_unreferenced")
        asked = given or self._config.getini("golden_unreferenced")
        wanted = asked != "ignore" or self.sharded
        if wanted and not (self.is_worker or self._config.option.collectonly):
            from goldenseed.session.golden_session import prepare

            prepare(self._config)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Remember what was selected, where workers run the tests."""
        self.selected.update(ids)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember that a file could not be read: its cases will be missing."""
        self.lost_something |= report.failed and "::" not in report.nodeid

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Hand on what a report says of a golden case, or of one that took its worker down."""
        if self.is_worker:
            return
        if report.when != "setup" or not report.passed:
            self.ended.add(report.nodeid)
        if report.failed or report.skipped:
            self.not_passed.add(report.nodeid)
        crashed = str(report.when) == "???" and report.failed
        if crashed and f"{SUITE_SUFFIX}::" not in report.nodeid:
            self.lost_something = True
        elif crashed or hasattr(report, "goldenseed"):
            from goldenseed.session.golden_session import receive

            self.lost_something |= not receive(self._config, report)
