"""``goldenseed selfcheck``: whether the gates of a suite fail when an image is wrong."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.baselines.setting import store_of_project
from goldenseed.baselines.store import BaselineStore
from goldenseed.cli.common import AsJson, Baselines
from goldenseed.cli.exit_codes import ExitCode
from goldenseed.cli.output import say, say_json, tracked
from goldenseed.cli.report_folder import check_report_folder
from goldenseed.core.errors import GoldenseedError
from goldenseed.images.gates import parse_gate, parse_limit
from goldenseed.reporting.documents import selfcheck_document
from goldenseed.reporting.selfcheck import selfcheck_lines, selfcheck_record
from goldenseed.reporting.writing import write_verb
from goldenseed.runs.folder import new_run_id
from goldenseed.suite.cases import Suite
from goldenseed.suite.loading import load_suite
from goldenseed.tools.selfcheck.baseline_cases import find_right
from goldenseed.tools.selfcheck.check import self_check
from goldenseed.tools.selfcheck.findings import findings
from goldenseed.tools.selfcheck.shown import Shown


def selfcheck(
    suite: Annotated[Path, typer.Argument(help="A suite file.")],
    *,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            help="The profile whose images are used, if not the one with the most cases.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Folder for a report with pictures.", show_default=False),
    ] = None,
    baselines: Baselines = Path("baselines"),
    as_json: AsJson = False,
) -> None:
    """Put wrong images in the place of the accepted ones, and see whether the gates of SUITE fail.

    No model and no torch are needed. Exit code 0: every wrong image fails. 1: one passes every
    gate of its case. 2: nothing is accepted for the suite, or something cannot be read.
    """
    loaded = load_suite(suite)
    _check_gates(loaded)
    store = store_of_project(baselines)
    chosen = profile or fullest_profile(loaded, store)
    right, left_out = find_right(loaded, store, profile=chosen)
    if not right:
        raise GoldenseedError(
            f"no case of {suite} has an accepted image in {chosen}: "
            + "; ".join(dict.fromkeys(each.why for each in left_out)),
            path=baselines,
            fix="name another profile with --profile, or accept images first",
        )
    began = datetime.now(UTC)
    shown = None
    if report is not None:
        check_report_folder(report, "selfcheck-", compared=(store.root,))
        shown = Shown(loaded, report)
    check = self_check(
        loaded.name,
        chosen,
        right,
        store,
        left_out=left_out,
        progress=partial(tracked, doing="checking"),
        seen=shown or (lambda *_: None),
    )
    found = findings(check)
    if as_json:
        say_json(selfcheck_document(check, found))
    else:
        for line in selfcheck_lines(check, found):
            say(line)
    if report is not None and shown is not None:
        record = selfcheck_record(
            check,
            found,
            shown.cases,
            run_id=f"selfcheck-{new_run_id(began)}",
            started=began,
            finished=datetime.now(UTC),
        )
        say(f"report  {write_verb(record, report)}", err=as_json)
    if check.passed:
        raise typer.Exit(ExitCode.FOUND)


def _check_gates(suite: Suite) -> None:
    """Refuse gates that nothing can be held against."""
    for gate in suite.gate_lines:
        try:
            parse_limit(parse_gate(gate.name), gate.value)
        except GoldenseedError as error:
            raise GoldenseedError(
                error.what, path=suite.path, line=gate.line, fix=error.fix
            ) from None


def fullest_profile(suite: Suite, store: BaselineStore) -> str:
    """Return the profile with the most cases that have an accepted image, the first by name."""
    entries = [store.entry(suite.name, case.id) for case in suite.cases]
    counts = Counter(
        profile
        for entry in entries
        if entry
        for profile, baseline in entry.profiles.items()
        if baseline.accepted
    )
    if not counts:
        raise GoldenseedError(
            f"nothing is accepted for the suite {suite.name!r}: there is no image to stand wrong "
            "ones in the place of",
            path=store.root,
            fix="run the suite and accept its images, or name their folder with --baselines",
        )
    return min(counts, key=lambda profile: (-counts[profile], profile))
