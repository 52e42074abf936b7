"""Baselines that belong to nothing any more: to no case, to no suite, to no test."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.runs.parts import NotCompared
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.session.naming import file_of
from goldenseed.suite.document import read_document
from goldenseed.suite.loading import load_suite

_SUITE_SUFFIX = ".suite.yaml"
_NO_SUITES = frozenset({"node_modules", "__pycache__"})
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a project a session ran."""

    config: pytest.Config
    whole: bool
    """Whether it ran all that the project's settings say."""
    passed: frozenset[str]
    """The files of which every test was run, and passed; as node ids name them."""

    @classmethod
    def of(
        cls,
        config: pytest.Config,
        *,
        narrowed: bool,
        selected: Collection[str],
        not_passed: Collection[str],
    ) -> Extent:
        """Tell it from the options and from what was seen while tests were collected and run."""
        option = config.option
        chosen = any(
            getattr(option, name, None) for name in ("keyword", "markexpr", "lf", "deselect")
        )
        narrowed |= chosen or any("::" in each for each in config.args)
        top = config.rootpath if config.inipath is None else config.inipath.parent
        here = config.invocation_params.dir
        covers = any(top.is_relative_to(os.path.abspath(here / each)) for each in config.args)  # noqa: PTH100
        by_settings = config.args_source is pytest.Config.ArgsSource.TESTPATHS
        files = {each.partition("::")[0] for each in selected}
        return cls(
            config,
            whole=not narrowed and (by_settings or covers),
            passed=frozenset() if narrowed else frozenset(files - set(not_passed)),
        )


def unreferenced(run: RunRecord, store: BaselineStore, extent: Extent) -> Iterator[str]:
    """Yield a sentence for each suite of the store that has baselines of nothing any more.

    A suite that ran is asked for all its cases, run or deselected. The images of tests are known
    only where every test of a file was run and passed, and what is gone altogether is looked for
    only after a run of the whole project whose baselines lie inside it.
    """
    root = extent.config.rootpath
    cases: tuple[CaseRecord | NotCompared, ...] = (*run.cases, *run.not_compared)
    suites = {case.path: case.suite for case in cases if case.path.endswith(_SUITE_SUFFIX)}
    for place in sorted(suites):
        if (root / place).is_file():
            ids = {case.id for case in load_suite(root / place).cases}
            yield from _extra(place, store, suites[place], ids, "case")
    left = [name for name in store.suites() if name not in suites.values()]
    files = {name: file_of(extent.config, name) for name in left}
    gone = {name: file for name, file in files.items() if file and not file.is_file()}
    for name, file in files.items():
        tests = Path(os.path.relpath(file, root)).as_posix() if file else ""
        if tests in extent.passed:
            ids = {case.id for case in run.cases if case.suite == name}
            yield from _extra(tests, store, name, ids, "image of its tests")
    if gone and extent.whole and store.root.is_relative_to(root):
        yield from _gone(gone, store, root)


def _gone(missing: Mapping[str, Path], store: BaselineStore, root: Path) -> Iterator[str]:
    """Yield a sentence for each suite of which neither a suite file nor a test file is there."""
    called = set()
    for file in _suite_files(root, store.root):
        try:
            data = read_document(file).data
        except GoldenseedError:
            yield f"{file}: cannot be read, so suites that are gone were not looked for"
            return
        called.add(data.get("suite") if isinstance(data, dict) else None)
    for name, file in missing.items():
        if name not in called:
            what = f"suite below {root}, nor to tests in {os.path.relpath(file, root)}"
            yield from _extra(f"{store.root.name}/{name}", store, name, (), what)


def _extra(
    place: str, store: BaselineStore, suite: str, known: Collection[str], what: str
) -> Iterator[str]:
    extra = [case for case in store.cases(suite) if case not in known]
    if extra:
        names = first_of(extra, _NAMED)
        yield f"{place}: {len(extra):,} baselines belong to no {what}: {names}"


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
        yield from (Path(place, name) for name in names if name.endswith(_SUITE_SUFFIX))
