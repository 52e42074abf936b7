"""Sessions and verbs of today on a project that an earlier release left: ``tests/old_formats``.

They run under its surroundings, so that any x86 processor makes the pixels that were accepted.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from goldenseed.baselines.store import BaselineStore
from goldenseed.environment.fingerprint import environment_differences, moving_differences
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.trace.distances import aligned, same, stage_distance
from goldenseed.trace.files import read_trace
from goldenseed.trace.sketch import from_text
from goldenseed.trace.stages import Stage
from old_formats import make

SINCE = {Stage.DENORMALISED, Stage.PREDICTED_NOISE}
"""Stages that are recorded since then."""
CALIBRATED = "table[red,seed=1]"
ONE_LEVEL = '''\
"""Raises one value of one image by a level, after it was made."""
import functools

import diffusers

original = diffusers.StableDiffusionPipeline.__call__


@functools.wraps(original)
def call(self, *args, generator=None, **kwargs):
    output = original(self, *args, generator=generator, **kwargs)
    if "table" in kwargs["prompt"] and generator.initial_seed() == 1:
        value = output.images[0, 8, 8, 0]
        output.images[0, 8, 8, 0] = value + (1 if value < 0.5 else -1) / 255
    return output


diffusers.StableDiffusionPipeline.__call__ = call
'''
LAYER = "down_blocks.0.resnets.0.conv2"
ANOTHER_LAYER = f"""\
import functools

import diffusers

original = diffusers.StableDiffusionPipeline.__call__


@functools.wraps(original)
def call(self, *args, **kwargs):
    self.unet.get_submodule("{LAYER}").weight.data.mul_(1.5)
    return original(self, *args, **kwargs)


diffusers.StableDiffusionPipeline.__call__ = call
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its models, and a run of today as ``reports/latest``; read only."""
    project = make.unpack(tmp_path_factory.mktemp("old"))
    made_by = load_run(runs(project)[2]).environment
    for package in ("torch", "diffusers", "transformers"):
        if version(package).partition("+")[0] != made_by[f"package.{package}"]:
            pytest.skip(f"its models were made by {package} {made_by[f'package.{package}']}")
    if platform.machine() != made_by["platform.machine"]:
        pytest.skip(f"its images were made on {made_by['platform.machine']}")
    make.make_models(project)
    conftest = project / "conftest.py"
    conftest.write_text(ONE_LEVEL)
    session(project, "steady.suite.yaml", "everywhere.suite.yaml", "deep.suite.yaml")
    conftest.unlink()
    return project


def runs(project: Path) -> list[Path]:
    """The old folders: the deep run, the untraced one, the traced one, the one that was killed."""
    return sorted(path for path in (project / "reports").iterdir() if not path.is_symlink())[:4]


def session(project: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = run(project, command)
    assert done.returncode in (0, 1), done.stdout + done.stderr


def command(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(project, [str(Path(sys.executable).with_name("goldenseed")), *arguments])


def run(project: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    others = {name: value for name, value in os.environ.items() if name != "CI"}
    surroundings = others | make.SURROUNDINGS
    return subprocess.run(
        command, cwd=project, env=surroundings, check=False, capture_output=True, text=True
    )


def case_of(record: RunRecord, suite: str, name: str) -> CaseRecord:
    (found,) = (each for each in record.cases if (each.suite, each.id) == (suite, name))
    return found


def test_a_session_of_today_is_judged_against_old_baselines(old: Path) -> None:
    record = load_run(old / "reports" / "latest")
    found = {(case.suite, case.id): case.verdict.value for case in record.cases}
    assert found == {
        ("everywhere", "ball[seed=1]"): "identical",
        ("steady", "table[red,seed=2]"): "identical",
        ("steady", CALIBRATED): "warn",
        ("deep", "ball[seed=1]"): "new",
    }
    ball = case_of(record, "everywhere", "ball[seed=1]")
    before = case_of(load_run(runs(old)[2]), "everywhere", "ball[seed=1]")
    known = [each for each in ball.trace if each.stage not in SINCE]
    assert known == list(before.trace)


def test_an_old_calibration_is_found(old: Path) -> None:
    record = load_run(old / "reports" / "latest")
    case = case_of(record, "steady", CALIBRATED)
    store = BaselineStore(old / "baselines")
    entry = store.entry("steady", CALIBRATED)
    assert entry is not None
    (baseline,) = entry.profiles.values()
    assert baseline.tolerance is not None
    before = store.environment(baseline.tolerance.environment_sha256)
    sources = {reason.source or "" for reason in case.reasons if reason.code == "tolerance"}
    assert any(source.startswith("exact image; ") for source in sources)
    if moving_differences(before, record.environment_of(case)):  # another processor
        assert any("has expired" in (reason.detail or "") for reason in case.reasons)
    else:
        assert "tolerance (calibrated, 3 runs)" in sources


def test_a_diagnosis_of_today_finds_an_old_trace_the_same_up_to_the_change(old: Path) -> None:
    case = case_of(load_run(old / "reports" / "latest"), "steady", CALIBRATED)
    assert case.diagnosis is not None
    parted = case.diagnosis.first_divergence
    assert parted is not None
    assert parted.stage is Stage.FLOAT_IMAGE
    *before, image, _pixels = parted.distances
    assert len(before) == 13
    assert {each.distance for each in before} == {0.0}
    assert image.distance


def test_a_trace_of_today_has_no_distance_from_the_old_one(old: Path) -> None:
    before, now = (
        read_trace(folder / (case_of(load_run(folder), "deep", "ball[seed=1]").trace_file or ""))
        for folder in (runs(old)[0], old / "reports" / "latest")
    )
    now = tuple(each for each in now if each.stage not in SINCE)
    pairs = aligned(before, now)
    assert [each.key for each in before] == [each.key for each in now]
    for accepted, present in pairs:
        assert accepted is not None
        assert present is not None
        assert same((accepted, present))
        assert stage_distance((accepted, present)).distance == 0
        if accepted.sketch is not None and present.sketch is not None:
            assert present.norm == pytest.approx(accepted.norm, rel=1e-12)
            assert from_text(present.sketch) == pytest.approx(from_text(accepted.sketch), rel=1e-5)


def test_an_old_run_and_one_of_today_are_compared(old: Path) -> None:
    done = command(old, "diff", str(runs(old)[2]), "latest", "--common", "--json", "--no-report")
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    assert {(case["suite"], case["id"]): case["verdict"] for case in found["cases"]} == {
        ("everywhere", "ball[seed=1]"): "identical",
        ("steady", "table[red,seed=2]"): "identical",
        ("steady", CALIBRATED): "warn",
    }


def test_the_environment_of_an_old_run_is_compared_with_todays(old: Path) -> None:
    done = command(old, "env", "--suite", "deep.suite.yaml", "--diff", str(runs(old)[0]), "--json")
    assert done.returncode == 1, done.stderr
    before = load_run(runs(old)[0]).environment
    now = load_run(old / "reports" / "latest")
    today = now.environment_of(case_of(now, "deep", "ball[seed=1]"))
    told = {each["key"] for each in json.loads(done.stdout)}
    assert told == {each.key for each in environment_differences(before, today)}
    assert "tool.pytest-goldenseed" in told


def test_an_old_lock_is_checked(old: Path, tmp_path: Path) -> None:
    project = shutil.copytree(old, tmp_path / "project", symlinks=True)
    done = command(project, "lock", "--check", "moved.suite.yaml")
    assert "the environment is the one that" in done.stdout, done.stdout + done.stderr
    make.change_weights(project, 1.1)
    done = command(project, "lock", "--check", "moved.suite.yaml")
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "key",
        "model.unet.sha256",
        "model_file.unet/diffusion_pytorch_model.safetensors",
    ]


def test_an_old_deep_trace_and_one_of_today_name_the_layer_that_was_changed(
    old: Path, tmp_path: Path
) -> None:
    project = shutil.copytree(old, tmp_path / "project", symlinks=True)
    (project / "conftest.py").write_text(ANOTHER_LAYER)
    session(project, "--golden-trace=deep", "deep.suite.yaml")
    done = command(project, "diff", str(runs(project)[0]), "latest", "--no-report")
    assert done.returncode == 1, done.stderr
    assert f"ball[seed=1]: first differing layer: unet.{LAYER}, call 1 of 1; " in done.stdout
