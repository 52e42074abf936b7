"""``goldenseed prune``: what of the baselines belongs to nothing any more, and deleting it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from goldenseed.baselines.contents import Name
from goldenseed.baselines.places import Places
from goldenseed.baselines.pruning import Pruned, PrunePlan, plan_pruning, prune_baselines
from goldenseed.baselines.setting import store_of_project
from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.common import AsJson, Baselines, Reports, find_run, project_here
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say, say_json
from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting.commands import Place
from goldenseed.reporting.words import count_of
from goldenseed.runs.folder import LATEST
from goldenseed.runs.orphans import (
    Orphans,
    Project,
    find_orphans,
    gone_since,
    profiles_of,
    refuse_partial,
)
from goldenseed.runs.record import RunRecord
from goldenseed.runs.renames import Recognised, recognise

SCHEMA_VERSION = 1
"""What ``schema_version`` of ``--json`` says; raised when a field changes its meaning."""


@dataclass(frozen=True, slots=True)
class _Found:
    """All that there is to say."""

    run: RunRecord
    root: Path
    """The folder of the baselines."""
    why: dict[Name, str]
    """Of everything that is gone, what it does not belong to."""
    plan: PrunePlan
    kept: tuple[tuple[Name, str], ...]
    recognised: Recognised
    sizes: dict[Path, int]
    """Of the files that would be deleted, or were, in bytes."""


def prune(
    run: Annotated[
        str, typer.Argument(help="A run of the whole project in which everything passed.")
    ] = LATEST,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Delete what is listed.")] = False,
    as_json: AsJson = False,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """List the baselines that belong to nothing any more, and files that none names.

    Only by a run of the whole project in which everything passed, and only of the profiles that it
    ran in. Nothing is deleted without --yes. Exit code 1: there is something to delete.
    """
    record, folder = find_run(run, reports)
    refuse_partial(record)
    project = project_here(baselines)
    _check_project(record, project)
    found = _find(record, store_of_project(baselines), project, delete=yes)
    if as_json:
        say_json(_document(found, deleted=yes))
    else:
        for line in _lines(found, Place.of_folder(folder, baselines), deleted=yes):
            say(line)
    if not yes and not found.plan.empty:
        raise typer.Exit(ExitCode.FOUND)


def _check_project(run: RunRecord, project: Project) -> None:
    """Refuse a run whose files are none of the project's, and a folder that is not there."""
    if not project.baselines.is_dir():
        raise GoldenseedError(
            "no such folder", path=project.baselines, fix="name the baselines with --baselines"
        )
    if run.cases and not any((project.root / case.path).exists() for case in run.cases):
        raise GoldenseedError(
            f"none of the files that {run.run_id} ran is here",
            path=project.root,
            fix="work in the project's folder, or run it again",
        )


def _find(run: RunRecord, store: BaselineStore, project: Project, *, delete: bool) -> _Found:
    """Find what belongs to nothing, having read every suite; delete it if asked to."""
    since = gone_since(run, store, project)
    orphans = find_orphans(run, store, project)
    recognised = recognise(run, store, project, orphans)
    newer = _newer(run, store, orphans)
    names = {name for each in orphans for name in each.names} - recognised.names - newer
    places, profiles = Places(store.root), profiles_of(run)
    plan = plan_pruning(places, names, profiles)
    sizes = {path: path.stat().st_size for path in plan.files}
    if delete:
        plan = prune_baselines(places, names, profiles)
    kept = (
        *plan.kept,
        *((name, "it was written after the run began: run again") for name in sorted(newer)),
        *((name, "the run still had it: run again") for name in since),
    )
    why = {name: f"belongs to no {each.what}" for each in orphans for name in each.names}
    return _Found(run, store.root, why, plan, kept, recognised, sizes)


def _newer(run: RunRecord, store: BaselineStore, orphans: Sequence[Orphans]) -> set[Name]:
    """Return those of tests that are there which the run may be too old to know."""
    began = run.started.timestamp()
    return {
        name
        for each in orphans
        if each.of_tests
        for name in each.names
        if store.entry_path(*name).lstat().st_mtime > began
    }


def _lines(found: _Found, place: Place, *, deleted: bool) -> Iterator[str]:
    for each in found.plan.entries:
        yield f"{'::'.join(each.name)}  {found.why[each.name]}"
        yield from (f"    {line}" for line in _taken(each))
    for path in found.plan.files:
        yield f"{_relative(found, path)}  no baseline names it  {_size(found.sizes.get(path, 0))}"
    for name, why in found.kept:
        yield f"kept {'::'.join(name)}: {why}"
    for rename in found.recognised.renames:
        command = " ".join(place.renaming("::".join(rename.new)))
        yield f"kept {'::'.join(rename.old)}: it is {'::'.join(rename.new)} now: {command}"
    for doubt in found.recognised.doubts:
        news = " or ".join("::".join(each) for each in doubt.new)
        command = " ".join(place.renaming("::".join(doubt.old), "SUITE::CASE"))
        yield f"kept {'::'.join(doubt.old)}: it may be {news} now: {command}"
    for stranger in found.plan.strangers:
        yield f"left alone {_relative(found, stranger.path)}: {stranger.what}"
    yield _summary(found, deleted=deleted)


def _taken(pruned: Pruned) -> Iterator[str]:
    """Say what an entry loses: decisions that somebody made."""
    for profile, baseline in pruned.gone.items():
        for image in baseline.accepted:
            yield (
                f"{profile}  accepted {image.accepted_at:%Y-%m-%d} by {image.accepted_by}: "
                f"{image.reason}"
            )
        for past in baseline.rejected:
            yield (
                f"{profile}  rejected {past.rejected_at:%Y-%m-%d} by {past.rejected_by}: "
                f"{past.reason}"
            )
        if baseline.tolerance or baseline.exact:
            yield f"{profile}  what was measured of it"


def _summary(found: _Found, *, deleted: bool) -> str:
    if found.plan.empty:
        return f"nothing to prune by {found.run.run_id}"
    entries = count_of(len(found.plan.entries), "baseline")
    files = count_of(len(found.plan.files), "file that none names", "files that none names")
    size = _size(sum(found.sizes.values()))
    if deleted:
        return f"deleted {entries} and {files} ({size})"
    return f"{entries} and {files} ({size}) to delete: --yes deletes them"


def _document(found: _Found, *, deleted: bool) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "run": found.run.run_id,
        "deleted": deleted,
        "baselines": [
            {
                "suite": each.name[0],
                "case": each.name[1],
                "why": found.why[each.name],
                "profiles": sorted(each.gone),
                "whole": each.left is None,
            }
            for each in found.plan.entries
        ],
        "files": [
            {"file": _relative(found, path), "bytes": found.sizes.get(path, 0)}
            for path in found.plan.files
        ],
        "kept": [{"suite": suite, "case": case, "why": why} for (suite, case), why in found.kept],
        "renamed": found.recognised.document(),
        "left_alone": [
            {"path": _relative(found, each.path), "what": each.what}
            for each in found.plan.strangers
        ],
    }


def _relative(found: _Found, path: Path) -> str:
    return path.relative_to(found.root).as_posix()


def _size(count: int) -> str:
    return f"{count / 1000:,.1f} kB"
