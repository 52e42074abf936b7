"""Calibrations and probes that are stopped: no baseline changes, and no child lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from functional.conftest import Project

PATIENCE_SECONDS = 120.0
SUITE = """\
suite: tiny
model: {source: model}
defaults:
  call: {num_inference_steps: 2, height: 32, width: 32, guidance_scale: 3.0}
cases:
  - id: red-apple
    prompt: a red apple
    seeds: [1, 2]
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are read from /proc")
Started = subprocess.Popen[str]


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "what the test waits for did not happen"
        time.sleep(0.01)


def children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task")
    found = [task / "children" for task in tasks.iterdir()] if tasks.exists() else []
    return [int(child) for each in found for child in each.read_text().split()]


def lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def start(project: Project, *arguments: str) -> Started:
    """Start ``goldenseed`` in a session of its own, so that it alone is sent a signal."""
    program = Path(sys.executable).with_name("goldenseed")
    return subprocess.Popen(
        [program, *arguments],
        cwd=project.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )


def offspring_of(process: Started) -> list[int]:
    """Wait until there are children, and return them."""
    found: list[int] = []
    wait_for(lambda: found.extend(children(process.pid)) or found)
    return found


def as_it_starts(_project: Project, _process: Started) -> None:
    """Wait for nothing but the first child."""


def while_an_image_is_made(project: Project, _process: Started) -> None:
    """Wait until the first image of the first run is written: the second is being made."""
    wait_for(lambda: list((project.path / "reports").glob("*/1/unchanged/images/*.png")))


def in_the_second_run(project: Project, process: Started) -> None:
    assert process.stderr is not None
    assert "run 1 of 2: made" in process.stderr.readline()


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        (as_it_starts, signal.SIGINT),
        (as_it_starts, signal.SIGKILL),
        (while_an_image_is_made, signal.SIGINT),
        (while_an_image_is_made, signal.SIGTERM),
        (while_an_image_is_made, signal.SIGKILL),
        (in_the_second_run, signal.SIGINT),
        (in_the_second_run, signal.SIGKILL),
    ],
)
def test_a_calibration_that_is_stopped_leaves_baselines_and_no_child(
    make_project: Callable[[str], Project],
    moment: Callable[[Project, Started], None],
    number: signal.Signals,
):
    project = make_project(SUITE)
    project.accept_all()
    before = project.baselines()
    process = start(project, "calibrate", "tiny.suite.yaml", "-n", "2")
    moment(project, process)
    offspring = offspring_of(process)
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode != 0
    assert "Traceback" not in said
    wait_for(lambda: not any(map(lives, offspring)))
    assert project.baselines() == before


def test_a_probe_that_is_killed_leaves_no_child(make_project: Callable[[str], Project]):
    project = make_project(SUITE)
    process = start(project, "probe", "tiny.suite.yaml", "--jobs", "2")
    offspring = offspring_of(process)
    process.kill()
    process.communicate(timeout=PATIENCE_SECONDS)
    wait_for(lambda: not any(map(lives, offspring)))
