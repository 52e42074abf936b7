"""What several verbs ask for: the folders, a run, cases and changes of a suite, its environment."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goldenseed.baselines.entry import BaselineEntry
from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.output import say
from goldenseed.cli.settings import pytest_root
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.listing import first_of
from goldenseed.environment.keys import EnvironmentValue
from goldenseed.history.keeping import recall
from goldenseed.reporting.commands import Place
from goldenseed.reporting.view import RunView, run_view
from goldenseed.runs.folder import load_run
from goldenseed.runs.orphans import Project
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.tools.probe.changes import all_changes, change_named
from goldenseed.verdict.model import Verdict

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case, Suite
    from goldenseed.tools.probe.change import Change


def choose_changes(patterns: str | None) -> tuple[Change, ...]:
    """Return the changes of the names or patterns, parted by commas; all for None.

    What changes were called before is taken too. Raises ``GoldenseedError`` for a name that no
    change has.
    """
    known = all_changes()
    if patterns is None:
        return known
    chosen: dict[str, Change] = {}
    for pattern in filter(None, (each.strip() for each in patterns.split(","))):
        alike = (pattern, _FORMER_PATTERN.sub(r"\1=", pattern))
        fitting = [c for c in known if any(fnmatch.fnmatchcase(c.name, each) for each in alike)]
        for each in fitting or (change_named(pattern),):
            chosen[each.name] = each
    return tuple(chosen.values())


def choose_suite_cases(
    suite: Suite, patterns: list[str] | None, *, at_most: int | None = None
) -> tuple[Case, ...]:
    """Return the cases of the ids or patterns; without any the first ``at_most``, or all.

    Raises ``GoldenseedError`` for a pattern that no case fits.
    """
    if not patterns:
        return suite.cases[:at_most]
    chosen: set[str] = set()
    for pattern in patterns:
        fitting = {c.id for c in suite.cases if fits(pattern, {c.id, c.case_id}, c.id)}
        if not fitting:
            raise GoldenseedError(
                f"no case fits {pattern!r}",
                path=suite.path,
                fix=f"its cases begin with {', '.join(c.id for c in suite.cases[:5])}",
            )
        chosen |= fitting
    return tuple(case for case in suite.cases if case.id in chosen)


def read_suite_environments(
    suite: Suite, *, device: str, verify: bool = False
) -> Iterator[tuple[str | None, Mapping[str, EnvironmentValue]]]:
    """Load each model of the suite, with the suite's scheduler, and describe where it would run.

    They are named as in a lock: the first is None.

    Raises:
        GoldenseedError: the model cannot be found or loaded, or is refused.

    """
    from goldenseed.backends.protocol import Settings
    from goldenseed.backends.registry import Backends
    from goldenseed.suite.recipes import as_the_suite_has_it, locked_models

    backend = Backends(Settings(device=device, verify_files=verify))
    try:
        for name, case in locked_models(suite).values():
            backend.load(as_the_suite_has_it(case))
            yield name, backend.fingerprint()
    finally:
        backend.close()


_FORMER_PATTERN = re.compile(r"^(sdpa|threads)-")
_LISTED = 6
"""How many cases a message names."""

Reports = Annotated[
    Path,
    typer.Option(
        "--reports",
        help="Folder in which runs are written.",
        show_default="golden_reports of pytest's ini file, else reports",
    ),
]
Baselines = Annotated[
    Path,
    typer.Option(
        "--baselines",
        help="Folder of the baselines.",
        show_default="golden_baselines of pytest's ini file, else baselines",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        help="auto, cpu, cuda, cuda:1, …",
        show_default="golden_device of pytest's ini file, else auto",
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="Why: kept in the baseline for ever.")]
By = Annotated[
    str | None, typer.Option("--by", help="Who, if not git's identity.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Run = Annotated[str, typer.Argument(help="A run's id, a unique beginning of it, latest, or path.")]
Cases = Annotated[
    list[str] | None,
    typer.Argument(
        help="Cases as SUITE::ID, ids or patterns (red-apple*); an id without its [seed] is all."
    ),
]


def find_run(name: str, reports: Path) -> tuple[RunRecord, Path]:
    """Load the run called ``name``: a path, ``latest``, an id or a unique beginning of one."""
    direct = Path(name)
    if direct.name != name or (direct / "run.json").is_file():
        folder = direct.parent if direct.is_file() else direct
        return load_run(folder), folder
    if (reports / name).is_dir():
        folder = (reports / name).resolve()
        return load_run(folder), folder
    found = sorted(
        path
        for path in (reports.iterdir() if reports.is_dir() else ())
        if path.name.startswith(name) and path.is_dir() and not path.is_symlink()
    )
    if len(found) != 1:
        raise GoldenseedError(
            f"no run is called {name!r}"
            if not found
            else f"{name!r} begins {len(found)} run ids: {', '.join(p.name for p in found[:5])}",
            path=reports,
            fix="name a run that is there, or `latest`; --reports names another folder",
        )
    return load_run(found[0]), found[0]


def view_with_history(
    record: RunRecord,
    folder: Path,
    *,
    reports: Path,
    baselines: Path,
    place: Place | None = None,
) -> RunView:
    """Make the view of a run, with what the history tells of its cases; say where that fails.

    That of a page of a library's seeds is made with what the library says of them by now.
    """
    if record.verb is not None and record.verb.name == "seeds":
        from goldenseed.seeds.page import page_again

        return page_again(record, folder)
    view = run_view(record, folder, place=place or Place.of_folder(folder, baselines))
    try:
        return replace(view, history=recall(record, reports))
    except GoldenseedError as error:
        say(f"goldenseed: without its history: {error}", err=True)
        return view


def project_here(baselines: Path) -> Project:
    """Describe the project that pytest would run here, and whose baselines lie in that folder."""
    root, place = pytest_root(Path.cwd()), Path.cwd() / baselines
    return Project(root, place, (root, place.parent))


@dataclass(frozen=True)
class Choice:
    """The cases of a run that a verb is for."""

    named: tuple[CaseRecord, ...]
    """Those that were named by their whole id."""
    matched: tuple[CaseRecord, ...]
    """The others: by a pattern, or because nothing was named."""


def choose_cases(run: RunRecord, patterns: list[str] | None) -> Choice:
    """Return the named cases, or without names every case that is not identical.

    Raises ``GoldenseedError`` for a name that fits no case of the run or cases of several suites,
    and where nothing is left to choose.
    """
    if not patterns:
        moved = tuple(case for case in run.cases if case.verdict is not Verdict.IDENTICAL)
        if not moved:
            raise GoldenseedError(
                f"nothing to choose in {run.run_id}: every case is identical",
                fix="name the case if you mean one of them",
            )
        return Choice((), moved)
    named: dict[tuple[str, str], CaseRecord] = {}
    matched: dict[tuple[str, str], CaseRecord] = {}
    for pattern in patterns:
        exact = [case for case in run.cases if pattern in _names(case)]
        fitting = exact or [case for case in run.cases if fits(pattern, _names(case), case.id)]
        _check_fitting(run, pattern, fitting)
        for case in fitting:
            (named if pattern in _names(case) else matched)[case.path, case.id] = case
    others = tuple(case for place, case in matched.items() if place not in named)
    return Choice(tuple(named.values()), others)


def _check_fitting(run: RunRecord, pattern: str, fitting: Sequence[CaseRecord]) -> None:
    """Refuse a name that fits nothing, or that means cases of one suite and fits namesakes."""
    if not fitting:
        some = ", ".join(f"{case.suite}::{case.id}" for case in run.cases[:5])
        raise GoldenseedError(
            f"no case of {run.run_id} fits {pattern!r}",
            fix=f"its cases begin with {some}" if some else "the run has no cases",
        )
    suites = dict.fromkeys(case.suite for case in fitting)
    if len(suites) > 1 and "::" not in pattern and pattern != "*":
        listed = [f"{case.suite}::{case.id}" for case in fitting]
        raise GoldenseedError(
            f"{pattern!r} fits cases of {len(suites)} suites: {first_of(listed, _LISTED)}",
            fix=f"say which suite is meant: '{next(iter(suites))}::{pattern}'; "
            f"'*::{pattern}' is all of them",
        )


def _names(case: CaseRecord) -> set[str]:
    return {case.id, f"{case.path}::{case.id}", f"{case.suite}::{case.id}"}


def entries_named(pattern: str, store: BaselineStore) -> list[BaselineEntry]:
    """Return the entries of the cases that an id or a pattern means.

    Raises ``GoldenseedError`` where there is none, or one cannot be read.
    """
    found = [
        (suite, case)
        for suite in store.suites()
        for case in store.cases(suite)
        if fits(pattern, {case, f"{suite}::{case}"}, case)
    ]
    if not found:
        raise GoldenseedError(
            f"nothing is accepted for {pattern!r}",
            path=store.root,
            fix="name a case that was accepted, or its folder with --baselines",
        )
    return [entry for name in found if (entry := store.entry(*name)) is not None]


def fits(pattern: str, names: set[str], case_id: str) -> bool:
    """Exactly, as ``suite::case``, without the bracket, or by ``*`` and ``?``; never by ``[…]``."""
    without = case_id.partition("[")[0]
    if pattern in names | {name.removesuffix(case_id) + without for name in names}:
        return True
    literal = pattern.replace("[", "[[]")
    return any(fnmatch.fnmatchcase(name, literal) for name in names)
