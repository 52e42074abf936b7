"""Each verb ends with the code that docs/exit-codes.md gives it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from commands import goldenseed
from goldenseed.cli.exit_codes import FOUND, ExitCode
from goldenseed.cli.main import VERBS

if TYPE_CHECKING:
    from conftest import Project

PAGE = Path(__file__).parents[2] / "docs" / "exit-codes.md"
CASE = "tiny::red-apple[seed=1]"


@pytest.fixture(scope="module")
def folder(accepted_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two runs, of which the second has lost a case, and some pictures."""
    folder = tmp_path_factory.mktemp("codes") / "project"
    shutil.copytree(accepted_project, folder, symlinks=True)
    (run,) = [
        path for path in (folder / "reports").iterdir() if path.is_dir() and not path.is_symlink()
    ]
    run.rename(folder / "reports" / "a")
    text = (folder / "reports" / "a" / "run.json").read_text()
    (folder / "reports" / "a" / "run.json").write_text(text.replace(run.name, "a"))
    shutil.copytree(folder / "reports" / "a", folder / "reports" / "b")
    fewer = text.replace(run.name, "b").replace('"id": "red-apple[seed=1]"', '"id": "other"')
    (folder / "reports" / "b" / "run.json").write_text(fewer)
    (folder / "reports" / "latest").unlink()
    Image.new("RGB", (8, 8)).save(folder / "black.png")
    Image.new("RGB", (8, 8), "white").save(folder / "white.png")
    (folder / "no.png").write_text("no picture")
    return folder


FINE = [
    "compare black.png black.png",
    "diff a a --no-report",
    "env",
    "gates",
    "history",
    "pending a",
    "prune a",
    "report a",
    "runs",
    "schema suite",
    "show red-apple",
    "probe --list",
]
REFUSED = [
    "accept nothing --reason x",
    "accept a nothing --reason x",
    "archive create nothing",
    "archive create --draft",
    "archive keygen --output no.png",
    "archive verify nothing",
    "archive replay nothing",
    "archive chain nothing",
    "archive verify black.png",
    "bisect nothing.suite.yaml",
    "calibrate nothing.suite.yaml",
    "compare black.png no.png",
    "drafts",
    "compare black.png nothing.png",
    "diff a nothing",
    "env --diff nothing",
    "env --suite nothing.suite.yaml",
    "gates nothing.suite.yaml",
    "history nothing",
    "import nothing --like a --engine x",
    "init nothing",
    "lock nothing.suite.yaml",
    "lossless nothing.suite.yaml --candidate threads=2",
    "merge nothing",
    "pending nothing",
    "prune nothing",
    "probe nothing.suite.yaml",
    "recipe import nothing",
    "reject a --reason x",
    "report nothing",
    "review nothing",
    "run nothing",
    "runs --reports nothing",
    "schema nothing",
    "seeds search nothing",
    "selfcheck nothing.suite.yaml",
    "show nothing",
    "sweep nothing",
    "trace nothing nothing",
    "upgrade nothing.suite.yaml --to nothing",
    "nothing",
    "runs --nothing",
]


@pytest.mark.parametrize("words", FINE)
def test_what_is_done_and_finds_nothing_ends_with_0(folder: Path, words: str):
    done = goldenseed(folder, *words.split())
    assert (done.returncode, done.stderr) == (ExitCode.FINE, "")


@pytest.mark.parametrize(
    "words", ["compare black.png white.png", "diff a b --no-report", "pending b"]
)
def test_what_finds_a_difference_ends_with_1(folder: Path, words: str):
    assert goldenseed(folder, *words.split()).returncode == ExitCode.FOUND


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_done_ends_with_2_and_says_why(folder: Path, words: str):
    done = goldenseed(folder, *words.split())
    assert done.returncode == ExitCode.REFUSED
    assert done.stderr or done.stdout.startswith("ERROR no.png\n")


def test_each_verb_was_tried():
    tried = {words.split()[0] for words in (*FINE, *REFUSED)}
    assert set(FOUND) == set(VERBS) <= tried


def test_decisions_and_locks_end_with_0_and_a_difference_with_1(project: Project):
    project.run()
    assert project.command("accept", "latest", CASE, "--reason", "right").returncode == 0
    assert project.command("reject", "latest", CASE, "--reason", "wrong").returncode == 0
    assert project.command("lock", "tiny.suite.yaml").returncode == 0
    project.edit("defaults:", "lock: tiny.lock.json\ndefaults:")
    assert project.command("lock", "tiny.suite.yaml", "--check").returncode == 0
    project.edit("defaults:", "determinism: {cudnn_benchmark: true}\ndefaults:")
    assert project.command("lock", "tiny.suite.yaml", "--check").returncode == 1
    assert project.command("init", "model", "--name", "second").returncode == 0
    record = project.path / "reports" / "latest" / "run.json"
    record.write_text(re.sub(r'("package.numpy": ")[^"]*', r"\g<1>0.0.1", record.read_text()))
    assert project.command("env", "--diff", "latest").returncode == 1


def test_a_selfcheck_that_finds_a_blunt_gate_ends_with_1(project: Project):
    project.edit("{max_peak_difference: 4, min_ssim: 0.999}", "{max_peak_difference: 255}")
    project.run("--golden-update=missing")
    assert project.command("selfcheck", "tiny.suite.yaml").returncode == ExitCode.FOUND


def test_a_fault_of_our_own_is_not_taken_for_a_finding(tmp_path: Path):
    script = (
        "import sys\nfrom goldenseed.cli import main\n"
        "def broken():\n    raise ZeroDivisionError\n"
        "main.app.command('broken')(broken)\n"
        "sys.argv = ['goldenseed', 'broken']\nmain.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == ExitCode.FAULT
    assert "ZeroDivisionError" in done.stderr
    assert "fault of goldenseed itself" in done.stderr


def test_an_interrupted_verb_ends_as_shells_have_it(tmp_path: Path):
    script = (
        "import sys, time\nfrom goldenseed.cli import main\n"
        "def slow():\n    print('now', flush=True)\n    time.sleep(60)\n"
        "main.app.command('slow')(slow)\n"
        "sys.argv = ['goldenseed', 'slow']\nmain.main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "now\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == ExitCode.INTERRUPTED


def test_pytest_ends_with_its_own_codes(project: Project, monkeypatch: pytest.MonkeyPatch):
    assert project.run("-k", "apple and 1").ret == pytest.ExitCode.TESTS_FAILED
    assert project.run("-k", "nothing").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    monkeypatch.setenv("CI", "1")
    assert project.run("--golden-update=all").ret == pytest.ExitCode.USAGE_ERROR
    project.suite.write_text("suite: [")
    assert project.run().ret == pytest.ExitCode.INTERRUPTED


def test_the_page_has_the_table():
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text(), flags=re.MULTILINE)
    assert dict(row for row in rows if row[0] in FOUND) == {
        verb: text or "\N{EN DASH}" for verb, text in FOUND.items()
    }
    codes = re.findall(r"^\| (\d+) \|", PAGE.read_text().partition("## pytest")[0], re.MULTILINE)
    assert [int(each) for each in codes] == list(ExitCode)
