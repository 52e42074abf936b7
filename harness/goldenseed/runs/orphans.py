"""Baselines that belong to nothing any more, and those of cases that are called otherwise now."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from goldenseed.baselines.contents import Name
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import SUITE_SUFFIX, is_cut, unescaped
from goldenseed.environment.profile import PORTABLE, profile_slug
from goldenseed.runs.parts import NotCompared
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.suite.cases import Suite
from goldenseed.suite.inputs import InputCase, input_files
from goldenseed.suite.loading import load_suite
from goldenseed.verdict.model import UPDATED

_NO_SUITES = frozenset({"node_modules", "__pycache__"})


@dataclass(frozen=True)
class Project:
    """The folder in which suites and tests are looked for, and what is found there."""

    root: Path
    baselines: Path
    tests: tuple[Path, ...]
    """The folders below which the names of tests begin, most likely first."""

    @property
    def owns_baselines(self) -> bool:
        """Whether the baselines lie inside it, so that no other project's suites use them."""
        return self.baselines.resolve().is_relative_to(self.root.resolve())

    @cached_property
    def suites(self) -> Mapping[Path, Suite]:
        """Every suite of the project by its file, run or not; GoldenseedError for one unread."""
        return {file: self.suite(file) for file in _suite_files(self.root, self.baselines)}

    @cached_property
    def suite(self) -> Callable[[Path], Suite]:
        """Reads a suite of the project, once; raises as ``load_suite``."""
        return cache(load_suite)

    @cached_property
    def needed(self) -> frozenset[Name]:
        """The cases whose accepted image is given to a case of some suite."""
        return frozenset(
            (named.of_suite or suite.name, named.case)
            for suite in self.suites.values()
            for template in suite.templates
            for _, named in input_files(template.inputs)
            if isinstance(named, InputCase)
        )

    def test_file(self, suite: str) -> Path | None:
        """Return the test file whose images are kept as ``suite``, existing or not.

        None where its name was too long to tell.
        """
        if is_cut(suite):
            return None
        relative = "/".join(unescaped(part) for part in suite.split("."))
        found = [base / f"{relative}{suffix}" for base in self.tests for suffix in (".py", "")]
        return next((file for file in found if file.is_file()), found[0])


@dataclass(frozen=True, slots=True)
class Orphans:
    """The baselines under one suite's name that belong to nothing any more."""

    suite: str
    cases: tuple[str, ...]
    place: str
    """The file that has no such case, or their folder."""
    what: str
    """What they do not belong to: ``case``, ``image of its tests``."""
    of_tests: bool = False
    """Whether they are of a test file that is still there."""

    @property
    def names(self) -> Iterator[Name]:
        """Suite and case of each."""
        return ((self.suite, case) for case in self.cases)


def find_orphans(run: RunRecord, store: BaselineStore, project: Project) -> tuple[Orphans, ...]:
    """Find the baselines of nothing, as far as ``run`` can tell.

    A suite that ran is asked for all its cases, run or deselected. The images of tests are known
    only where every test of a file was run; those of a test that did not pass are not looked for.
    What is gone altogether is looked for only after a run of the whole project whose baselines lie
    inside it. What some suite gives to a case of its own is needed, whatever it is called.

    Raises:
        GoldenseedError: something may be gone, and a suite of the project cannot be read.

    """
    cases: tuple[CaseRecord | NotCompared, ...] = (*run.cases, *run.not_compared)
    met = {(case.suite, case.id) for case in cases}
    places = {case.path: case.suite for case in cases if case.path.endswith(SUITE_SUFFIX)}
    stored = store.suites()
    found = list(_of_suites(places, store, project, met))
    left = [name for name in stored if name not in places.values()]
    found += _of_tests(run, left, store, project, met)
    if run.extent and run.extent.whole and project.owns_baselines:
        found += _gone(left, store, project)
    if not any(each.cases for each in found):
        return ()
    spared = [_without(each, project.needed) for each in found]
    return tuple(each for each in spared if each.cases)


def gone_since(run: RunRecord, store: BaselineStore, project: Project) -> tuple[Name, ...]:
    """Return the cases with baselines that ``run`` had and that no suite of the project has now."""
    if not project.owns_baselines:
        return ()
    known = {(suite.name, case.id) for suite in project.suites.values() for case in suite.cases}
    met = {(case.suite, case.id) for case in run.cases if case.path.endswith(SUITE_SUFFIX)}
    stored = ((suite, case) for suite in store.suites() for case in store.cases(suite))
    return tuple(name for name in stored if name in met and name not in known)


def _without(found: Orphans, names: Collection[Name]) -> Orphans:
    cases = tuple(case for case in found.cases if (found.suite, case) not in names)
    return Orphans(found.suite, cases, found.place, found.what, found.of_tests)


def _of_suites(
    places: Mapping[str, str], store: BaselineStore, project: Project, met: Collection[Name]
) -> Iterator[Orphans]:
    for place, name in sorted(places.items()):
        file = project.root / place
        if not file.is_file():
            continue
        suite = project.suite(file)
        if suite.name == name:
            known = {case.id for case in suite.cases}
            extra = [c for c in store.cases(name) if c not in known and (name, c) not in met]
            yield Orphans(name, tuple(extra), place, "case")


def _of_tests(
    run: RunRecord,
    names: Sequence[str],
    store: BaselineStore,
    project: Project,
    met: Collection[Name],
) -> Iterator[Orphans]:
    ran = run.extent.tests if run.extent else {}
    for name in names:
        file = project.test_file(name)
        if name not in ran or file is None or not file.is_file():
            continue
        extra = [
            case
            for case in store.cases(name)
            if (name, case) not in met and not _of_one_of(case, ran[name])
        ]
        place = Path(os.path.relpath(file, project.root)).as_posix()
        yield Orphans(name, tuple(extra), place, "image of its tests", of_tests=True)


def _of_one_of(case: str, tests: Sequence[str]) -> bool:
    """Whether an image may be of one of the tests, which are called as their first image is."""
    return any(case == test or case.startswith((f"{test}[", f"{test}-")) for test in tests)


def _gone(names: Sequence[str], store: BaselineStore, project: Project) -> Iterator[Orphans]:
    """Yield the suites of which neither a suite file nor a test file is there."""
    files = {name: project.test_file(name) for name in names}
    missing = {name: file for name, file in files.items() if file and not file.is_file()}
    if not missing:
        return
    called = {suite.name for suite in project.suites.values()}
    for name, file in missing.items():
        if name not in called:
            tests = os.path.relpath(file, project.root)
            what = f"suite below {project.root}, nor to tests in {tests}"
            yield Orphans(name, store.cases(name), f"{store.root.name}/{name}", what)


def profiles_of(run: RunRecord) -> frozenset[str]:
    """Return the profiles for which a run speaks: its machines', and the one without a machine."""
    environments = (run.environment, *run.other_environments) if run.environment else ()
    slugs = {profile_slug(each, noise=noise) for each in environments for noise in ("cpu", None)}
    return frozenset({*slugs, *(case.profile for case in run.cases if case.profile), PORTABLE})


def refuse_partial(run: RunRecord) -> None:
    """Raise GoldenseedError for a run by which nothing can be called gone."""
    why = _partial(run)
    if why is not None:
        raise GoldenseedError(
            f"the run {run.run_id} cannot say what is gone: {why}",
            fix="run pytest in the project's folder, without choosing tests, until all of it "
            "passes, and name that run",
        )


def _partial(run: RunRecord) -> str | None:
    extent = run.extent
    accepted = UPDATED.get(run.options.get("update", "none"), ())  # at the end of the run itself
    bad = (case for case in run.cases if not case.passed and case.xfail is None)
    failed = [case for case in bad if case.verdict not in accepted or case.breaks_content]
    if not run.complete:
        return "it was cut short"
    if extent is None:
        return "it does not say how much of the project it ran (an earlier release, or no session)"
    if not extent.whole:
        return f"it did not run the whole project ({extent.narrowed or 'something was left out'})"
    if failed:
        return f"{len(failed):,} of its cases failed, {failed[0].suite}::{failed[0].id} among them"
    if extent.failed:
        return f"{extent.failed:,} of its tests failed"
    broken = [each.id for each in run.sets if not each.passed]
    return f"its set {broken[0]} did not hold" if broken else None


def _suite_files(root: Path, baselines: Path) -> Iterator[Path]:
    """Yield the suite files below ``root``, as pytest finds them: through links, each once."""
    seen: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(root, followlinks=True):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in seen or (Path(place) / "pyvenv.cfg").is_file():
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [
            each
            for each in folders
            if each not in _NO_SUITES and each[0] != "." and Path(place, each) != baselines
        ]
        yield from (Path(place, name) for name in names if name.endswith(SUITE_SUFFIX))
