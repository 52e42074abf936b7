"""What CONTRIBUTING.md says one adds, added: in a copy of the package, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import goldenseed
from goldenseed.runs.folder import RunWriter
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Verdict

ROOT = Path(__file__).parents[2]

RULE = '''
"""Pictures that somebody darkened after they were made."""

from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.suspicion import SHOWN, Suspicion


def darkened(findings, root):
    """Explain mean levels that fell by more than a fifth."""
    if findings.sides.metrics.get("mean_difference", 0) > 50:
        yield Suspicion(Cause.POST_PROCESSING, 2 * SHOWN, "darkened", ("far fewer levels",))
'''
DIAGNOSES = """
from toy_pipeline import Toy, evidence
from dataclasses import replace
from goldenseed.diagnosis.explain import explain

darker = replace(evidence(Toy(brightness=0.9)), metrics={"mean_difference": 60.0})
print(explain(darker).causes[0].words)
print(explain(evidence(Toy(brightness=0.9))).causes[0].words)
"""

VIEW = '''
"""A run as a table for spreadsheets."""

import csv
import json


def write_table(view, folder):
    """Write ``cases.csv`` into the run's folder; ids as JSON, so that none begins a formula."""
    cases = [each.record for section in view.sections for each in section.cases]
    with (folder / "cases.csv").open("w", newline="") as file:
        csv.writer(file).writerows([json.dumps(each.id), each.verdict] for each in cases)
'''
COMMAND = "from goldenseed.cli.main import main; main()"


class Copy:
    """The package, copied, so that a test may add to it."""

    def __init__(self, folder: Path) -> None:
        self.package = shutil.copytree(
            Path(goldenseed.__file__).parent,
            folder / "goldenseed",
            ignore=shutil.ignore_patterns("__pycache__"),
        )

    def add(self, file: str, text: str) -> None:
        (self.package / file).write_text(text)

    def change(self, file: str, old: str, new: str) -> None:
        text = (self.package / file).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        (self.package / file).write_text(text.replace(old, new))

    def run(self, program: str, *arguments: str, beside: str = "") -> list[str]:
        path = os.pathsep.join([str(self.package.parent), str(ROOT / beside)])
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_a_rule_is_a_module_and_its_name_in_the_list(copy: Copy):
    copy.add("diagnosis/rules/darkened.py", RULE)
    rules = "diagnosis/rules/__init__.py"
    copy.change(
        rules,
        "from goldenseed.diagnosis.rules.denoiser",
        "from goldenseed.diagnosis.rules.darkened import darkened\n"
        "from goldenseed.diagnosis.rules.denoiser",
    )
    copy.change(
        rules, "= (\n    declared,\n    recorded,", "= (\n    darkened, declared, recorded,"
    )
    with_it, without = copy.run(DIAGNOSES, beside="tests/unit/diagnosis")
    assert with_it.endswith("darkened")
    assert "darkened" not in without


def test_a_report_view_is_a_module_and_a_call(copy: Copy, tmp_path: Path):
    copy.add("reporting/table.py", VIEW)
    copy.change(
        "reporting/writing.py",
        "from goldenseed.reporting.view import RunView, run_view\n",
        "from goldenseed.reporting.table import write_table\n"
        "from goldenseed.reporting.view import RunView, run_view\n",
    )
    copy.change(
        "reporting/writing.py",
        "    write_summary(run, folder, published)\n",
        "    write_summary(run, folder, published)\n    write_table(run, folder)\n",
    )
    now = datetime.now(UTC)
    writer = RunWriter(tmp_path / "reports", "a-run", started=now, git=None, options={})
    writer.add(
        CaseRecord(
            id="=cmd[seed=1]",
            suite="s",
            path="s.suite.yaml",
            recipe={},
            recipe_sha256="0" * 64,
            verdict=Verdict.NEW,
            passed=False,
        )
    )
    writer.finish(finished=now, complete=True)
    copy.run(COMMAND, "report", str(writer.folder))
    assert (writer.folder / "cases.csv").read_text().splitlines() == ['"""=cmd[seed=1]""",new']
