"""What several verbs ask for: the folders, a run, cases of it."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import GoldenseedError
from harness.runs.folder import load_run
from harness.runs.record import CaseRecord, RunRecord
from harness.verdict.model import Verdict

Reports = Annotated[Path, typer.Option("--reports", help="Folder in which runs are written.")]
Baselines = Annotated[Path, typer.Option("--baselines", help="Folder of the baselines.")]
Reason = Annotated[str, typer.Option("--reason", help="Why: kept in the baseline for ever.")]
By = Annotated[
    str | None, typer.Option("--by", help="Who, if not git's user.name.", show_default=False)
]
Run = Annotated[str, typer.Argument(help="A run's id, a unique beginning of it, latest, or path.")]
Cases = Annotated[
    list[str] | None,
    typer.Argument(help="Case ids or patterns (red-apple*); a case id without its [seed] is all."),
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


def choose_cases(run: RunRecord, patterns: list[str] | None) -> tuple[CaseRecord, ...]:
    """Return the named cases, or without names every case that is not identical.

    Raises ``GoldenseedError`` for a name that fits no case of the run, and where nothing is left
    to choose. Cases with the verdict ``error`` are chosen only by name.
    """
    if not patterns:
        settled = {Verdict.IDENTICAL, Verdict.ERROR, Verdict.REJECTED}
        chosen = tuple(case for case in run.cases if case.verdict not in settled)
        if not chosen:
            raise GoldenseedError(
                f"nothing to choose in {run.run_id}: no case is new, incomparable, match, warn "
                "or drift",
                fix="name the case if you mean another one",
            )
        return chosen
    chosen_ids: dict[tuple[str, str], CaseRecord] = {}
    for pattern in patterns:
        fitting = [case for case in run.cases if _fits(case, pattern)]
        if not fitting:
            some = ", ".join(case.id for case in run.cases[:5])
            raise GoldenseedError(
                f"no case of {run.run_id} fits {pattern!r}",
                fix=f"its cases begin with {some}" if some else "the run has no cases",
            )
        chosen_ids.update({(case.path, case.id): case for case in fitting})
    return tuple(chosen_ids.values())


def _fits(case: CaseRecord, pattern: str) -> bool:
    names = {case.id, f"{case.path}::{case.id}", f"{case.suite}::{case.id}"}
    return fits(pattern, names, case.id)


def fits(pattern: str, names: set[str], case_id: str) -> bool:
    """Exactly, as ``suite::case``, without the bracket, or by ``*`` and ``?``; never by ``[…]``."""
    if pattern in names | {case_id.partition("[")[0]}:
        return True
    literal = pattern.replace("[", "[[]")
    return any(fnmatch.fnmatchcase(name, literal) for name in names)
