"""What holds each case: gates with an accepted image, sets, relations; and what holds none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from commands import goldenseed

SUITE = """\
suite: toy
model: {source: toy}
gates:
  fail: {min_ssim: 0.9}
content: {min_sharpness: 1}
cases:
  - {id: one, prompt: a bird, seeds: [1, 2]}
"""
BARE = """\
suite: bare
model: {source: toy}
cases:
  - {id: one, prompt: a bird, seeds: [1, 2]}
"""
RELATION = "relations:\n  - {id: same, cases: [one], vary: {threads: 2}, hold: match}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy/model_index.json").write_text('{"_class_name": "X"}')
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def test_a_case_that_nothing_holds_is_not_compared_and_never_complete(folder: Path):
    (folder / "bare.suite.yaml").write_text(BARE)
    done = goldenseed(folder, "gates", "bare.suite.yaml")
    assert done.returncode == 1
    assert done.stdout.startswith("bare.suite.yaml: 2 cases, 0 held: incomplete\n")
    assert "NOT COMPARED" in done.stdout
    assert "no self-check: nothing is accepted for the suite 'bare'" in done.stdout


@pytest.mark.parametrize(
    ("more", "name", "line"),
    [
        (RELATION, "same[threads=2]", 6),
        ("content: {min_sharpness: 1}\n", "min_sharpness", 5),
        ("diversity:\n  - {id: all, cases: [one], within: {max_ssim: 0.9}}\n", "all", 6),
    ],
)
def test_what_needs_no_accepted_image_holds_without_one(
    folder: Path, more: str, name: str, line: int
):
    (folder / "bare.suite.yaml").write_text(BARE + more)
    done = goldenseed(folder, "gates", "--json", "--quick")
    assert done.returncode == 0, done.stdout
    document = json.loads(done.stdout)
    assert document["complete"] is True
    (suite,) = document["suites"]
    assert suite["path"] == "bare.suite.yaml"
    held = {each["name"]: each for each in suite["cases"][0]["held_by"]}
    assert held["max_peak_difference"]["source"] == "default"
    assert held[name]["line"] == line


def test_every_limit_says_where_it_is_from(folder: Path):
    (folder / "toy.suite.yaml").write_text(
        SUITE + "  - {id: two, prompt: a cat, seeds: [1], gates: {fail: {min_ssim: 0.5}}}\n"
    )
    done = goldenseed(folder, "gates", "toy.suite.yaml", "--quick")
    rows = [line.split("  ") for line in done.stdout.splitlines() if "gate min_ssim" in line]
    said = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    never = "not on record"
    assert said == [
        ["one[seed=1] and 1 more", "gate min_ssim", "0.9", "toy.suite.yaml:4 (suite)", never],
        ["two[seed=1]", "gate min_ssim", "0.5", "toy.suite.yaml:8 (case)", never],
    ]


def test_neither_model_nor_torch_is_looked_at(folder: Path):
    (folder / "toy.suite.yaml").write_text(SUITE + RELATION)
    script = (
        "import sys\nfrom goldenseed.cli.main import main\n"
        "heavy = ('torch', 'diffusers', 'transformers')\n"
        "sys.modules.update(dict.fromkeys(heavy))\n"  # an import of one of them raises
        "sys.argv = ['goldenseed', 'gates', 'toy.suite.yaml']\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_folder_without_suites_is_refused(folder: Path):
    done = goldenseed(folder, "gates")
    assert done.returncode == 2
    assert "there is no suite" in done.stderr
