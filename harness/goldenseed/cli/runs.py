"""``goldenseed runs``: the runs of a reports folder, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenseed.cli.common import AsJson, Reports
from goldenseed.cli.output import say, say_json
from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting.words import WORST_FIRST, outcome, suites_of, visible
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import RunRecord

SCHEMA_VERSION = 1
"""What ``schema_version`` of ``--json`` says; raised when a field changes its meaning."""


@dataclass(frozen=True)
class _Broken:
    """A folder whose record cannot be read, and why."""

    folder: Path
    why: str


def runs(
    *,
    as_json: AsJson = False,
    reports: Reports = Path("reports"),
) -> None:
    """List the runs in the reports folder, newest first: when, suites, verdicts, outcome.

    Also those cut short. A folder whose record cannot be read is named at the end and is no error.
    """
    found, broken = _read(reports)
    if as_json:
        say_json(_document(found, broken))
        return
    for line in _lines(found, broken) if found or broken else (f"no runs in {reports}",):
        say(visible(line, lines=False))


def _read(reports: Path) -> tuple[list[tuple[Path, RunRecord]], list[_Broken]]:
    if not reports.is_dir():
        raise GoldenseedError(
            "no such folder", path=reports, fix="run a suite first, or name one with --reports"
        )
    found: list[tuple[Path, RunRecord]] = []
    broken: list[_Broken] = []
    for folder in sorted(reports.iterdir()):
        if folder.name.startswith(".") or folder.is_symlink() or not folder.is_dir():
            continue
        try:
            found.append((folder, load_run(folder)))
        except GoldenseedError as error:
            broken.append(_Broken(folder, error.what))
        except OSError as error:
            broken.append(_Broken(folder, error.strerror or str(error)))
    return sorted(found, key=lambda each: (each[1].started, each[0].name), reverse=True), broken


def _lines(found: Sequence[tuple[Path, RunRecord]], broken: Sequence[_Broken]) -> Iterator[str]:
    rows = [
        (
            folder.name,
            f"{run.started:%Y-%m-%d %H:%M}",
            ", ".join(suites_of(run)) or "-",
            _counts(run),
            outcome(run),
        )
        for folder, run in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    for each in broken:
        yield f"{each.folder.name}  cannot be read: {each.why}"


def _document(found: Sequence[tuple[Path, RunRecord]], broken: Sequence[_Broken]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "runs": [
            {
                "id": run.run_id,
                "folder": str(folder),
                "started": run.started.isoformat(),
                "finished": run.finished.isoformat() if run.finished else None,
                "complete": run.complete,
                "profile": run.profile,
                "suites": suites_of(run),
                "verdicts": run.counts(),
                "not_compared": len(run.not_compared),
                "outcome": outcome(run),
            }
            for folder, run in found
        ],
        "broken": [{"folder": str(each.folder), "error": each.why} for each in broken],
    }


def _counts(run: RunRecord) -> str:
    counts = run.counts()
    parts = [f"{counts[each]} {each}" for each in reversed(WORST_FIRST) if each in counts]
    if run.not_compared:
        parts.append(f"{len(run.not_compared)} not compared")
    return ", ".join(parts) or "no cases"
