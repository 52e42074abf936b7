"""Steps after the model, from the suite to the cause in the record: one path through all of it."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from goldenseed.runs.folder import load_run
from goldenseed.runs.stored import stored_trace
from goldenseed.trace.stages import Stage

if TYPE_CHECKING:
    from conftest import Project

SUITE = """\
suite: tiny
model: {source: model}
defaults: {call: {num_inference_steps: 2, height: 32, width: 32}}
postprocess:
  - step: sharpen
    library: opencv
    kernel: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
  - {step: "finish_of_tests:shifted", arguments: {by: 3}}
  - {step: encode, format: jpeg, quality: 90, subsampling: "4:2:0"}
cases:
  - {id: ball, prompt: a red ball, seeds: [1]}
"""
SHIFTED = """\
def shifted(image, by):
    return (image.astype(int) + by).clip(0, 255).astype("uint8")
"""


@pytest.fixture
def finished(make_project: Callable[[str], Project]) -> Project:
    importlib.import_module("cv2")  # before a session of pytester's that would forget it
    project = make_project(SUITE)
    (project.path / "finish_of_tests.py").write_text(SHIFTED)
    project.run("--golden-update=missing").assert_outcomes(passed=1)
    return project


def of_case(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = project.record()["cases"][0]
    return found


def test_a_changed_step_is_named_as_what_made_another_image(finished: Project):
    assert finished.run().ret == 0
    assert of_case(finished)["verdict"] == "identical"
    folder = finished.path / "reports" / "latest"
    run = load_run(folder)
    trace = stored_trace(folder, run.cases[0]) or ()
    sources = [each.source for each in trace if each.stage is Stage.POSTPROCESSED]
    assert sources == ["sharpen", "finish_of_tests:shifted", "encode"]
    environment = run.environment
    assert environment is not None
    assert {"postprocess.opencv", "postprocess.libjpeg_turbo"} <= environment.keys()

    finished.edit("+ by", "+ by + 1", finished.path / "finish_of_tests.py")
    assert finished.run().ret == 1
    case = of_case(finished)
    assert case["verdict"] == "incomparable"
    cause = case["diagnosis"]["causes"][0]
    assert cause["cause"] == "post_processing"
    assert cause["words"].startswith("post-processing: the step `finish_of_tests:shifted`: sha256 ")
    assert case["diagnosis"]["first_divergence"]["source"] == "finish_of_tests:shifted"

    finished.edit("def shifted", "import os\ndef shifted", finished.path / "finish_of_tests.py")
    finished.edit("by + 1", "by + os.urandom(1)[0]", finished.path / "finish_of_tests.py")
    result = finished.run()
    assert of_case(finished)["verdict"] == "error"
    result.stdout.fnmatch_lines(["*tiny.suite.yaml:8: the post-processing step `finish_of_tests*"])
    result.stdout.fnmatch_lines(["*it is not deterministic: of one picture it made two*"])


def test_steps_travel_with_an_archive(finished: Project, tmp_path: Path):
    assert finished.run().ret == 0
    done = finished.command("archive", "create", "latest", "--output", str(tmp_path / "a"))
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "a").rglob("finish_of_tests.py")) != []
    verified = finished.command("archive", "verify", str(tmp_path / "a"))
    assert "4 judgement  PASSED" in verified.stdout
    refused = finished.command("archive", "replay", str(tmp_path / "a"), "--model", "model")
    assert "makes its images by code that lies in the archive" in refused.stderr
    shutil.rmtree(tmp_path / "a")
