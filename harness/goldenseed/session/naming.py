"""What the images of ordinary tests are called: from a test's place, file names and back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import escaped, fitting

RIVAL = pytest.StashKey[str]()
"""Of a test whose images would be called like another's: why it cannot be run."""

_IN_FOLDER = "_-"
_IN_TEST = "._=,[]-"
_IN_NAME = "._=,-"
_REPEATED = "__pytest_repeat_step_number"
"""The parameter by which pytest-repeat runs a test several times."""


def suite_of(config: pytest.Config, path: Path) -> str:
    """Name the suite of a test file after its path: ``tests.test_hero`` for tests/test_hero.py."""
    relative = Path(os.path.relpath(path, _base(config, path))).as_posix().removesuffix(".py")
    parts = [escaped(part, _IN_FOLDER) for part in PurePosixPath(relative).parts]
    return fitting(".".join(parts), suite=True)


def _base(config: pytest.Config, path: Path) -> Path:
    """Return the folder that a test's name begins below, whatever ``--rootdir`` says."""
    return next((each for each in bases_of(config) if path.is_relative_to(each)), config.rootpath)


def bases_of(config: pytest.Config) -> list[Path]:
    """Return the folders below which the names of tests begin, most likely first."""
    folder = config.getoption("golden_baselines") or config.getini("golden_baselines")
    above = (config.rootpath / folder).parent
    return [*([config.inipath.parent] if config.inipath else []), above, config.rootpath]


def case_of(item: pytest.Item, name: str | None = None) -> str:
    """Name an image after its test, and ``name`` where a test has several.

    ``test_hero``, ``test_hero[wide]``, or ``test_hero[0.5]-wide`` of a test with parameters.
    """
    test = escaped(_unrepeated(item, item.location[2]), _IN_TEST)
    if name is not None:
        own = escaped(name, _IN_NAME)
        test = f"{test}-{own}" if "[" in test else f"{test}[{own}]"
    return fitting(test)


def case_at(config: pytest.Config, nodeid: str) -> str:
    """Name the first image of a test by its node id; of one that is repeated, of all its kind."""
    test, bracket, parameters = nodeid.partition("::")[2].partition("[")
    parameters = "" if repetitions(config) > 1 else bracket + parameters
    return fitting(escaped(f"{test.replace('::', '.')}{parameters}", _IN_TEST))


def owner_of(item: pytest.Item) -> str:
    """Name the test itself, the same for all its repetitions: ``tests/test_hero.py::test_hero``."""
    place = item.nodeid.partition("::")[0]
    return f"{place}::{_unrepeated(item, item.location[2])}"


def repetitions(config: pytest.Config) -> int:
    """Return how often pytest-repeat is to run each test: ``--count``."""
    plugin = any(map(config.pluginmanager.hasplugin, ("repeat", "pytest_repeat")))
    return max(int(config.getoption("count", 1)), 1) if plugin else 1


def unrepeated(case_item: str) -> str:
    """Return a case's id by the name of one of its repetitions: ``a[seed=1][2-3]``."""
    return re.sub(r"(?<=\])\[\d+-\d+\]$", "", case_item)


def _unrepeated(item: pytest.Item, text: str) -> str:
    """Take off what pytest-repeat adds to an id: ``test_hero[0.5-1-2]`` → ``test_hero[0.5]``."""
    parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    if _REPEATED not in parameters:
        return text
    number = parameters[_REPEATED] + 1
    return re.sub(rf"\[{number}-\d+\]$|-{number}-\d+(?=\]$)", "", text)


def find_rivals(items: Iterable[pytest.Item]) -> None:
    """Mark the tests whose images would share one file, on any system, before one is run."""
    called: dict[tuple[str, str], list[pytest.Item]] = {}
    for item in items:
        names = suite_of(item.config, item.path).casefold(), case_of(item).casefold()
        called.setdefault(names, []).append(item)
    for alike in called.values():
        for item in alike if len(alike) > 1 else ():
            others = (each for each in alike if owner_of(each) != owner_of(item))
            if other := next(others, None):
                item.stash[RIVAL] = rivalry(case_of(item), case_of(other), owner_of(other))


def rivalry(case: str, others_case: str, other: str) -> str:
    """Say that two tests would share baselines."""
    if case == others_case:
        return f"the golden images of this test and of {other} are both called {case}"
    return (
        f"the golden images of this test and of {other} are called {case} and {others_case}, "
        "one file on systems that ignore letter case"
    )


class Names:
    """Whose the names of suites and golden images are, in one process; letter case aside."""

    def __init__(self) -> None:
        self._suites: dict[str, tuple[str, Path]] = {}
        self._cases: dict[tuple[str, str], tuple[str, str]] = {}

    def take_suite(self, name: str, path: Path) -> None:
        """Keep a suite's name for its file; GoldenseedError where another file has it."""
        known, other = self._suites.setdefault(name.casefold(), (name, path))
        if other != path:
            by = str(other) if known == name else f"{known!r} of {other}"
            raise GoldenseedError(
                f"the suite name {name!r} is taken by {by}",
                path=path,
                fix="give one of the two another `suite:` name",
            )

    def take_case(self, suite: str, case: str, owner: str) -> None:
        """Keep the name of a golden image for one test; GoldenseedError where another has it."""
        if suite.casefold() in self._suites:
            name, path = self._suites[suite.casefold()]
            what = f"the golden images of {owner} would be kept under {suite}: the suite {name!r}"
            raise GoldenseedError(f"{what} of {path} has that name", fix="rename one of the two")
        names = suite.casefold(), case.casefold()
        others_case, other = self._cases.setdefault(names, (case, owner))
        if other != owner:
            raise GoldenseedError(rivalry(case, others_case, other), fix="rename one of the two")
