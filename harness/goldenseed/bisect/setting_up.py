"""What a search is asked for, made into what does it: sides, resolver, environments, folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from goldenseed.baselines.setting import store_of_project
from goldenseed.bisect.environments import Environments, environments_folder
from goldenseed.bisect.index import pip_index
from goldenseed.bisect.making import Maker, Processes
from goldenseed.bisect.resolver import Resolver, Uv, find_uv
from goldenseed.bisect.shared import TORCH, as_packages, link_shared, shared_with_torch
from goldenseed.bisect.sides import (
    Side,
    index_options,
    side_of_environment,
    side_of_file,
    side_of_freeze,
    side_of_run,
)
from goldenseed.bisect.trials import Trials
from goldenseed.bisect.tried import Budget, Tried
from goldenseed.bisect.two_suites import TwoSuites, described, two_suites
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.environment.file_digests import FileDigests
from goldenseed.environment.freeze import read_freeze
from goldenseed.environment.lock import read_lock
from goldenseed.environment.machine import VARIABLES, read_machine
from goldenseed.runs.record import RunRecord
from goldenseed.suite.cases import Suite
from goldenseed.suite.recipes import recipe_of

HERE = "."
"""The side that is what is installed here."""
FindRun = Callable[[str], RunRecord]


@dataclass(frozen=True)
class Asked:
    """What is to be searched."""

    suite: Suite
    """As it is on the bad side."""
    cases: tuple[str, ...]
    good: str | None
    bad: str
    reports: Path
    baselines: Path
    budget: Budget
    good_suite: Suite | None = None
    """As it was on the good side, where its own fields and files are searched too."""
    torch: bool = False
    """Whether torch is installed in the environments."""
    builds: bool = False
    jobs: int = 1
    device: str = "auto"


def set_up(
    asked: Asked,
    find_run: FindRun,
    tell: Callable[[Tried], None],
    announce: Callable[[str], None],
) -> tuple[Trials, Resolver]:
    """Resolve both sides and name the folder, which is the same for the same search.

    Raises:
        GoldenseedError: uv is missing, a side cannot be read or does not resolve.

    """
    files = [Path(each) for each in (asked.good, asked.bad) if each and _is_requirements(each)]
    given = dict.fromkeys(index_options(file) for file in files)
    uv = Uv(find_uv(), pip_index(), tuple(option for options in given for option in options))
    shared = shared_with_torch(torch=not asked.torch)
    excluded = () if asked.torch else TORCH
    resolver = Resolver(uv, excluded=excluded, builds=asked.builds)
    good, bad = (
        _side(asked, asked.good, resolver, find_run, is_good=True),
        _side(asked, asked.bad, resolver, find_run, is_good=False),
    )
    cache = environments_folder()
    suites = two_suites(asked.good_suite, asked.suite, asked.cases) if asked.good_suite else None
    if suites is not None:
        good, bad = _with_suites(good, bad, suites)
    what = [good.packages.digest, bad.packages.digest, dict(good.variables), dict(bad.variables)]
    otherwise = [good.isa, bad.isa, *([suites.digest] if suites else [])]
    alike = [_of_cases(asked), _of_this_machine(shared), asked.device]
    name = json_sha256([*what, *otherwise, *alike])[:12]
    trials = Trials(
        good,
        bad,
        Environments(uv, cache, link_shared(shared, cache / "shared"), shared),
        Maker(asked.suite, asked.device, processes=Processes(asked.jobs)),
        asked.reports / f"bisect-{name}",
        asked.cases,
        asked.budget,
        tell,
        announce,
        suites=suites,
    )
    return trials, resolver


def _of_cases(asked: Asked) -> Any:
    """Return everything that the suite says of the cases, what its files hold among it."""
    digests = FileDigests()
    cases = [case for case in asked.suite.cases if case.id in asked.cases]
    held = [described(case, digests, with_folder=True) for case in cases]
    return [[case.id for case in cases], [recipe_of(case) for case in cases], held]


def _of_this_machine(shared: Iterable[str]) -> Any:
    """Return what all environments take from here: with another of it no image is made again."""
    own = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    isa = dict(read_machine()).get("cpu.isa")
    return [version("pytest-goldenseed"), as_packages(shared).digest, sys.version, own, isa]


def _with_suites(good: Side, bad: Side, suites: TwoSuites) -> tuple[Side, Side]:
    """Name both sides by their suites too, and tell them how a change of these is worded."""
    same = good.name == bad.name
    good, bad = (
        replace(
            side,
            name=str(suite.path) if same else f"{side.name} with {suite.path}",
            told=suites.words,
        )
        for side, suite in ((good, suites.good), (bad, suites.bad))
    )
    return good, bad


def _is_requirements(name: str) -> bool:
    return Path(name).is_file() and Path(name).suffix != ".json"


def _side(
    asked: Asked, name: str | None, resolver: Resolver, find_run: FindRun, *, is_good: bool
) -> Side:
    if name is None and asked.good_suite is not None:
        name = HERE
    if name is None:
        return _accepted(asked, resolver)
    if name == HERE:
        return _here(resolver)
    path = Path(name)
    try:
        if _is_requirements(name):
            return side_of_file(path, resolver)
        if path.name.endswith(".lock.json"):
            keys = read_lock(path, asked.suite.name).keys
            return side_of_environment(name, keys, resolver)
        if path.suffix in {".txt", ".in"}:
            raise GoldenseedError("there is no such file", fix="name a requirements file")  # noqa: TRY301
        return side_of_run(find_run(name), resolver, asked.cases)
    except GoldenseedError as error:
        word = "good" if is_good else "bad"
        raise GoldenseedError(
            f"the {word} side, {name}: {error.what}", path=error.path, fix=error.fix
        ) from None


def _here(resolver: Resolver) -> Side:
    return side_of_freeze("what is installed here", read_freeze(), resolver)


def _accepted(asked: Asked, resolver: Resolver) -> Side:
    """Rebuild where the first case's image was accepted, as far as its fingerprint tells."""
    store = store_of_project(asked.baselines)
    for case in asked.cases:
        entry = store.entry(asked.suite.name, case)
        for profile in entry.profiles.values() if entry else ():
            for image in profile.accepted:
                environment = store.environment(image.environment_sha256)
                side = side_of_environment("where the images were accepted", environment, resolver)
                return replace(side, expected={})
    raise GoldenseedError(
        "nothing is accepted for these cases, so there is no good side by itself",
        fix="name it with --good: a requirements file, a run or a lock",
    )
