"""``goldenseed runs`` and ``--version``: what was run, newest first, whatever lies beside it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from commands import goldenseed
from goldenseed.runs.folder import RunWriter
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Verdict

START = datetime(2026, 11, 20, 15, 12, 33, tzinfo=UTC)
OLD, NEW = "20261120T151233Z-3f9a", "20261121T151233Z-00ff"


def case(name: str, verdict: Verdict, suite: str = "shapes") -> CaseRecord:
    return CaseRecord(
        id=name,
        suite=suite,
        path=f"{suite}.suite.yaml",
        recipe={"seed": 1},
        recipe_sha256="0" * 64,
        verdict=verdict,
        passed=verdict is Verdict.IDENTICAL,
    )


def begin(reports: Path, run_id: str, started: datetime, *cases: CaseRecord) -> RunWriter:
    writer = RunWriter(reports, run_id, started=started, git=None, options={})
    for each in cases:
        writer.add(each)
    return writer


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    cases = (case("a", Verdict.IDENTICAL), case("b", Verdict.DRIFT), case("c", Verdict.IDENTICAL))
    done = begin(folder, OLD, START, *cases)
    done.finish(finished=START + timedelta(minutes=1), complete=True)
    done.point_latest()
    return folder


def listed(reports: Path) -> list[str]:
    result = goldenseed(reports.parent, "runs")
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_a_run_is_one_line_and_the_link_to_the_latest_none(reports: Path):
    (line,) = listed(reports)
    assert re.split(r" {2,}", line) == [
        OLD,
        "2026-11-20 15:12",
        "shapes",
        "2 identical, 1 drift",
        "1 of 3 cases fail",
    ]


def test_the_newest_run_comes_first_and_one_cut_short_says_so(reports: Path):
    killed = case("a", Verdict.IDENTICAL, suite="portable")
    begin(reports, NEW, START + timedelta(days=1), killed)
    first, second = listed(reports)
    assert first.startswith(NEW)
    assert first.endswith("cut short: the one case passes")
    assert second.startswith(OLD)


def test_a_broken_folder_is_named_and_the_others_are_listed(reports: Path):
    (reports / "0-empty").mkdir()
    (reports / "1-damaged").mkdir()
    (reports / "1-damaged" / "run.json").write_text('{"schema_version": 1, ')
    (reports / "2-newer").mkdir()
    (reports / "2-newer" / "run.json").write_text('{"schema_version": 99}')
    (reports / "README.md").write_text("no run")
    run, empty, damaged, newer = listed(reports)
    assert run.startswith(OLD)
    assert empty == "0-empty  cannot be read: no run record here"
    assert damaged.startswith("1-damaged  cannot be read: ")
    assert "schema version 99" in newer


def test_hostile_names_cannot_move_the_cursor_or_add_a_line(reports: Path):
    hostile = "\x1b[2Jfake\n20990101T000000Z-ffff  all pass\u202e"
    begin(reports, NEW, START + timedelta(days=1), case("a", Verdict.NEW, suite=hostile))
    (reports / "x\x1b[31m").mkdir()
    result = goldenseed(reports.parent, "runs")
    assert len(result.stdout.splitlines()) == 3
    assert not set(result.stdout) & {"\x1b", "\u202e"}
    assert "\\u001b" in goldenseed(reports.parent, "runs", "--json").stdout


def test_programs_get_everything_as_json(reports: Path):
    (reports / "broken").mkdir()
    document = json.loads(goldenseed(reports.parent, "runs", "--json").stdout)
    assert document["schema_version"] == 1
    assert document["broken"] == [{"folder": "reports/broken", "error": "no run record here"}]
    (run,) = document["runs"]
    assert run["id"] == OLD
    assert run["folder"] == f"reports/{OLD}"
    assert run["verdicts"] == {"identical": 2, "drift": 1}
    assert (run["complete"], run["suites"]) == (True, ["shapes"])
    assert datetime.fromisoformat(run["started"]) == START


def test_an_empty_folder_has_no_runs_and_a_missing_one_is_an_error(tmp_path: Path):
    (tmp_path / "reports").mkdir()
    assert goldenseed(tmp_path, "runs").stdout == "no runs in reports\n"
    missing = goldenseed(tmp_path, "runs", "--reports", "elsewhere")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "fix: " in missing.stderr


def test_the_command_says_its_version(tmp_path: Path):
    assert (
        goldenseed(tmp_path, "--version").stdout == f"goldenseed {version('pytest-goldenseed')}\n"
    )
