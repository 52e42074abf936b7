"""What a session says of baselines that belong to nothing, or to a case by another name."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from goldenseed.baselines.contents import Contents, Name
from goldenseed.baselines.places import Places
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.reporting.commands import Place
from goldenseed.runs.orphans import Orphans, Project, find_orphans
from goldenseed.runs.parts import Extent
from goldenseed.runs.record import RunRecord
from goldenseed.runs.renames import Recognised, recognise
from goldenseed.session.naming import bases_of, case_at
from goldenseed.verdict.model import Verdict

_NAMED = 10


def project_of(config: pytest.Config, store: BaselineStore) -> Project:
    """Describe the project that a session runs in."""
    return Project(config.rootpath, store.root, tuple(bases_of(config)))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a session saw of its tests."""

    narrowed: bool
    """Whether tests that were collected were left out."""
    selected: Collection[str]
    """Node ids of the tests that were to be run."""
    not_passed: Collection[str]
    failed: int


def extent_of(config: pytest.Config, seen: Seen, project: Project, store: BaselineStore) -> Extent:
    """Tell how much of a project was run, from the options and from what was seen."""
    narrowed = _narrowed(config, seen)
    files = {each.partition("::")[0] for each in seen.selected} if narrowed is None else set()
    tests: dict[str, tuple[str, ...]] = {}
    for name in store.suites() if files else ():
        file = project.test_file(name)
        place = Path(os.path.relpath(file, config.rootpath)).as_posix() if file else ""
        if place in files:
            failing = (each for each in seen.not_passed if each.partition("::")[0] == place)
            tests[name] = tuple(sorted({case_at(config, each) for each in failing}))
    narrowed = narrowed or _apart(config)
    return Extent(whole=narrowed is None, narrowed=narrowed, failed=seen.failed, tests=tests)


def _narrowed(config: pytest.Config, seen: Seen) -> str | None:
    """Say what left out tests of the files that were collected."""
    options = {"keyword": "-k", "markexpr": "-m", "lf": "--lf", "deselect": "--deselect"}
    chosen = [text for name, text in options.items() if getattr(config.option, name, None)]
    if chosen:
        return ", ".join(chosen)
    if any("::" in each for each in config.args):
        return "a test's node id"
    return "tests that were collected were left out" if seen.narrowed else None


def _apart(config: pytest.Config) -> str | None:
    """Say that only a part of the project was looked for tests."""
    top = config.rootpath if config.inipath is None else config.inipath.parent
    here = config.invocation_params.dir
    covers = any(top.is_relative_to(os.path.abspath(here / each)) for each in config.args)  # noqa: PTH100
    if covers or config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        return None
    return "a path"


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence on what is left over."""

    text: str
    orphaned: bool = True
    """Whether it is of what belongs to nothing; else it goes by another name."""


def unreferenced(
    run: RunRecord, store: BaselineStore, project: Project, place: Place, *, asked: bool
) -> Iterator[Told]:
    """Yield a sentence for each suite of the store that has baselines of nothing any more.

    Unless ``asked``, only what a case that is new may have been called before is told of.
    """
    new = any(case.verdict is Verdict.NEW for case in run.cases)
    if not asked and not new:
        return
    try:
        found = find_orphans(run, store, project)
        recognised = recognise(run, store, project, found)
    except GoldenseedError as error:
        if asked:
            yield Told(f"what is gone was not looked for: {error}")
        return
    yield from _of_names(recognised, place)
    if asked:
        yield from _of_orphans(found, recognised.names)
        if run.extent and run.extent.whole:
            yield from _of_files(store, place)


def _of_orphans(found: Sequence[Orphans], recognised: Collection[Name]) -> Iterator[Told]:
    for each in found:
        extra = [case for case in each.cases if (each.suite, case) not in recognised]
        if extra:
            names = first_of(extra, _NAMED)
            yield Told(f"{each.place}: {len(extra):,} baselines belong to no {each.what}: {names}")


def _of_names(recognised: Recognised, place: Place) -> Iterator[Told]:
    if recognised.renames:
        pairs = [f"{'::'.join(each.old)} → {'::'.join(each.new)}" for each in recognised.renames]
        yield Told(
            f"{len(pairs):,} cases are called otherwise than their baselines, of the same recipe: "
            f"{first_of(pairs, _NAMED)}; to move these: {' '.join(place.renaming())}",
            orphaned=False,
        )
    for doubt in recognised.doubts:
        news = first_of(["::".join(each) for each in doubt.new], _NAMED, " or ")
        command = " ".join(place.renaming("::".join(doubt.old), "SUITE::CASE"))
        yield Told(f"{'::'.join(doubt.old)} may be {news} now: {command}", orphaned=False)


def _of_files(store: BaselineStore, place: Place) -> Iterator[Told]:
    places = Places(store.root)
    try:
        contents = Contents.read(places)
    except GoldenseedError as error:
        yield Told(f"files that no baseline names were not looked for: {error}")
        return
    unnamed = contents.unnamed(places, contents.entries)
    if unnamed:
        names = first_of([str(each.relative_to(store.root)) for each in unnamed], 2)
        yield Told(
            f"{store.root.name}: {len(unnamed):,} files that no baseline names: {names}; "
            f"{' '.join(place.pruning())} lists them all"
        )
