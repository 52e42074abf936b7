"""``goldenseed recipe``: in and out as a user types it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from commands import goldenseed
from recipe_pictures import A1111, graph, png


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "a.png").write_bytes(png({"parameters": A1111}))
    (tmp_path / "b.json").write_text(json.dumps(graph()))
    return tmp_path


def test_pictures_and_graphs_become_a_suite(project: Path):
    asked = ["recipe", "import", "a.png", "b.json", "--model", "model", "--output", "x.suite.yaml"]
    done = goldenseed(project, *asked)
    assert done.returncode == 0, done.stderr
    assert "exact        Seed: 99 -> seeds: [99]" in done.stdout
    assert "wrote x.suite.yaml: 2 cases" in done.stdout
    again = goldenseed(project, *asked)
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_out_again_and_into_a_picture(project: Path):
    goldenseed(
        project, *["recipe", "import", "a.png", "--model", "model", "--output", "x.suite.yaml"]
    )
    out = goldenseed(project, "recipe", "export", "x.suite.yaml", "a[seed=99]", "--format", "text")
    assert out.stdout.startswith("【图像复现指令】\nSeed: 99\n")
    assert "left out  model.source: model" in out.stderr
    asked = ("--format", "a1111", "--into", "a.png", "--output", "c.png")
    done = goldenseed(project, "recipe", "export", "x.suite.yaml", "a[seed=99]", *asked)
    assert done.returncode == 0, done.stderr
    again = goldenseed(project, "recipe", "import", "c.png", "--json")
    (recipe,) = json.loads(again.stdout)
    assert recipe["unsupported"] == 1  # the model, which A1111's parameters do not hold
    assert (project / "a.png").read_bytes() != (project / "c.png").read_bytes()


def test_standard_input(project: Path, monkeypatch: pytest.MonkeyPatch):
    text = io.TextIOWrapper(io.BytesIO(b"Seed: 4\nPrompt: a cat\n"))
    monkeypatch.setattr(sys, "stdin", text)
    done = goldenseed(project, "recipe", "import", "-")
    assert "seeds: [4]" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("recipe import a.png --output x.yaml", "ends in .suite.yaml"),
        ("recipe import a.png --loras none", "is no folder"),
        ("recipe import none.png", "cannot be read"),
        ("recipe export none.suite.yaml a", "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_message(project: Path, arguments: str, said: str):
    done = goldenseed(project, *arguments.split())
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_case_that_is_not_there(project: Path):
    goldenseed(
        project, *["recipe", "import", "a.png", "--model", "model", "--output", "x.suite.yaml"]
    )
    done = goldenseed(project, "recipe", "export", "x.suite.yaml", "b")
    assert done.returncode == 2
    assert "a[seed=99]" in done.stderr
