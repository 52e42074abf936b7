"""A run whose images are made on a Ray cluster is the run that pytest makes without one."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browser import give_up

FACTORY = """\
import os
import signal
from pathlib import Path

import torch
from PIL import Image

HERE = Path(__file__).parent


def build():
    def pipeline(prompt, generator, dies=False, always=False, fails=False):
        if dies and not (HERE / "died").exists():
            (HERE / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if always:
            os.kill(os.getpid(), signal.SIGKILL)
        if fails:
            raise ValueError("no such picture")
        values = torch.randint(0, 256, (32, 32, 3), generator=generator, dtype=torch.uint8)
        return [Image.fromarray(values.numpy())]

    return pipeline
"""
SUITE = """\
suite: made
model: {factory: "pictures:build"}
cases:
  - {id: plain, prompt: a red apple, seeds: {start: 0, count: 8}}
  - {id: dies, prompt: a red apple, seeds: [3], call: {dies: true}}
  - {id: fails, prompt: a red apple, seeds: [3], call: {fails: true}}
  - {id: always, prompt: a red apple, seeds: [3], call: {always: true}}
consistency:
  - {id: alike, cases: [plain], within: {max_phash_distance: 60}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if importlib.util.find_spec("ray") is None:
        give_up("needs ray")
    folder = tmp_path_factory.mktemp("ray")
    (folder / "pictures.py").write_text(textwrap.dedent(FACTORY))
    (folder / "made.suite.yaml").write_text(SUITE)
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (folder / "died").touch()
    accepted = run(folder, "pytest", "--golden-update=missing", "-k", "not always")
    assert accepted.returncode == 1, accepted.stdout  # one case fails
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of this Python in the folder, without what the session around it set."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "CI", "RAY_"))}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def goldenseed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "golden.py").write_text("from goldenseed.cli.main import main\nmain()\n")
    return run(folder, "golden", *arguments)


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "reports" / "latest" / "run.json").read_text())
    return found


def results(folder: Path) -> dict[str, dict[str, Any]]:
    """What the newest run says of each case, times left out."""
    return {
        case["id"]: {
            key: case[key]
            for key in ("verdict", "passed", "pixels_sha256", "image", "profile", "recipe_sha256")
        }
        for case in record(folder)["cases"]
    }


def test_a_run_on_ray_is_that_of_pytest_though_actors_are_killed(folder: Path) -> None:
    here = run(folder, "pytest", "-k", "not always")
    expected, sets = results(folder), record(folder)["sets"]
    (folder / "died").unlink()
    there = goldenseed(folder, "run", "made.suite.yaml", "--on", "ray", "--actors", "2")
    assert (folder / "died").exists()
    assert there.returncode == here.returncode == 1
    found = results(folder)
    # A case that takes two actors down is an error, and the rest is made.
    assert found.pop("always[seed=3]")["verdict"] == "error"
    (dead,) = (case for case in record(folder)["cases"] if case["id"].startswith("always"))
    assert "was lost while it ran this, twice" in dead["error"]
    assert found == expected
    assert {case["verdict"] for case in expected.values()} == {"identical", "error"}
    assert record(folder)["sets"] == sets
    assert record(folder)["complete"]
    assert re.search("on Ray: .* lost", there.stdout)
    assert "no such picture" in there.stdout


def swept(folder: Path, *arguments: str) -> dict[str, Any]:
    """Sweep the failing and other cases; return the record, times left out."""
    asked = ("made.suite.yaml::plain[seed=0]", "--seeds", "0:6", "--vary", "fails=false,true")
    limits = ("--keep", "max_clipped_fraction=0.5", "--enough", "5", "--json")
    ended = goldenseed(folder, "sweep", *asked, *limits, *arguments)
    assert ended.returncode == 0, ended.stderr
    run = folder / "reports" / json.loads(ended.stdout)["run"]
    found: dict[str, Any] = json.loads((run / "run.json").read_text())
    for case in found["cases"]:
        del case["seconds"]
    return {k: v for k, v in found.items() if k not in {"run_id", "started", "finished"}}


def test_a_sweep_on_ray_is_that_of_one_process(folder: Path) -> None:
    here = swept(folder)
    there = swept(folder, "--on", "ray", "--actors", "2")
    assert [key for key in here if here[key] != there[key]] == []
    assert len(here["cases"]) == 9
    assert sum(case["error"] is None for case in here["cases"]) == 5
    assert here["environment"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sweep", "x", "--actors", "2"), "--actors is for --on ray"),
        (("run", "--on", "moon"), "is no place to run"),
        (("run", "--actors", "2"), "--actors is for --on ray"),
        (("run", "absent.suite.yaml"), "there is no absent.suite.yaml"),
        (("run", "--on", "ray", "--", "-n", "2"), "both share cases out"),
        (("run", "--on", "ray", "--", "--golden-trace=deep"), "goes with neither"),
    ],
)
def test_what_makes_no_sense_is_said(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    refused = goldenseed(folder, *arguments)
    assert refused.returncode not in {0, 1}
    assert said in refused.stdout + refused.stderr
