"""``goldenseed gates``: what holds each case of a suite, without its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from goldenseed.baselines.setting import store_of_project
from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.common import AsJson, Baselines, Reports
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say, say_json
from goldenseed.cli.selfcheck import fullest_profile
from goldenseed.cli.settings import pytest_root
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import SUITE_SUFFIX
from goldenseed.history.keeping import FILE, with_history
from goldenseed.reporting.census import census_blocks, census_document
from goldenseed.reporting.terminal import block_lines
from goldenseed.suite.cases import Suite
from goldenseed.suite.loading import load_suite
from goldenseed.tools.census.holding import Pasts, census, pasts_of_suite
from goldenseed.tools.selfcheck.baseline_cases import find_right
from goldenseed.tools.selfcheck.check import self_check
from goldenseed.tools.selfcheck.findings import Share, findings


def gates(
    suites: Annotated[
        list[Path] | None,
        typer.Argument(help="Suite files; all below the project's root if none is named."),
    ] = None,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave the self-check of the gates out.")
    ] = False,
    baselines: Baselines = Path("baselines"),
    reports: Reports = Path("reports"),
    as_json: AsJson = False,
) -> None:
    """Say what holds each case of SUITES: gates, content limits, sets and relations.

    With where each is from, when it last failed, and how many wrong images of the self-check it
    fails. No model and no torch are needed. Exit code 1: nothing holds a case, or a suite.
    """
    paths = suites or _all_suites()
    store = store_of_project(baselines)
    documents: list[dict[str, Any]] = []
    lines: list[str] = []
    for path in paths:
        suite = load_suite(path)
        remarks: list[str] = []
        held = census(suite, store, _pasts(suite, reports, remarks))
        caught = {} if quick else _caught(suite, store, remarks)
        shown = path.as_posix()
        documents.append(census_document(shown, held, caught, remarks))
        lines += [
            *([""] if lines else []),
            *block_lines(census_blocks(shown, held, caught, remarks)),
        ]
    complete = all(each["complete"] for each in documents)
    if as_json:
        say_json({"complete": complete, "suites": documents})
    else:
        for line in lines:
            say(line)
    if not complete:
        raise typer.Exit(ExitCode.FOUND)


def _all_suites() -> Sequence[Path]:
    root = pytest_root(Path.cwd())
    found = sorted(
        each
        for each in root.rglob(f"*{SUITE_SUFFIX}")
        if not any(part.startswith(".") for part in each.relative_to(root).parts)
    )
    if not found:
        raise GoldenseedError(
            "there is no suite", path=root, fix="name a suite file: `goldenseed gates SUITE`"
        )
    here = Path.cwd()
    return [each.relative_to(here) if each.is_relative_to(here) else each for each in found]


def _pasts(suite: Suite, reports: Path, remarks: list[str]) -> Pasts:
    """Return the past of the suite's cases; a remark where there is none that can be read."""
    if not (reports / FILE).exists():
        remarks.append("no history is kept here: when a gate last failed is not on record")
        return {}
    try:
        return with_history(reports, lambda history: pasts_of_suite(history, suite))[0]
    except GoldenseedError as error:
        remarks.append(f"without the history: {error}")
        return {}


def _caught(suite: Suite, store: BaselineStore, remarks: list[str]) -> Mapping[str, Share]:
    """Return how many wrong images each gate fails; a remark where that cannot be tried."""
    try:
        profile = fullest_profile(suite, store)
        right, left_out = find_right(suite, store, profile=profile)
        check = self_check(suite.name, profile, right, store, left_out=left_out)
    except GoldenseedError as error:
        remarks.append(f"no self-check: {error.what}")
        return {}
    return findings(check).gates
