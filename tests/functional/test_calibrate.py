"""``goldenseed calibrate``: real processes, a pipeline of two modes, and what the verdict says."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from goldenseed.runs.folder import load_run

if TYPE_CHECKING:
    from functional.conftest import Project

SUITE = """\
suite: tiny
model: {source: model}
defaults:
  call: {num_inference_steps: 3, height: 32, width: 32, guidance_scale: 3.0}
gates:
  fail: {max_peak_difference: 200}
cases:
  - id: red-apple
    prompt: a red apple
    seeds: [1]
"""
CASE = "red-apple[seed=1]"
TWO_MODES = '''
"""Lets every process round the first step's latents in the other one of two ways."""
import importlib.abc
import importlib.machinery
import os
import sys

NAME = "diffusers.schedulers.scheduling_ddim"


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != NAME:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            step, dtype = module.DDIMScheduler.step, self.mode()

            def rounded(scheduler, *args, **kwargs):
                sample = step(scheduler, *args, **kwargs)[0]
                return (sample.to(dtype).to(sample.dtype),)

            module.DDIMScheduler.step = rounded

        spec.loader.exec_module = exec_module
        return spec

    @staticmethod
    def mode():
        import torch

        with open(os.environ["MODES"], "r+") as file:
            before = file.read()
            file.write("x")
        if before.startswith("third"):
            return torch.float8_e5m2
        return (torch.bfloat16, torch.float16)[len(before) % 2]


sys.meta_path.insert(0, Finder())
'''


class TwoModes:
    """A project in which every process gives the other one of two images."""

    def __init__(self, project: Project) -> None:
        self.path = project.path
        self.record = project.record
        (self.path / "modal").mkdir()
        (self.path / "modal" / "sitecustomize.py").write_text(TWO_MODES)
        self.modes = self.path / "modes"
        self.modes.write_text("")

    def start(self, *command: str) -> subprocess.CompletedProcess[str]:
        paths = [str(self.path / "modal"), os.environ.get("PYTHONPATH", "")]
        env = {**os.environ, "MODES": str(self.modes), "PYTHONPATH": os.pathsep.join(paths)}
        return subprocess.run(
            command, cwd=self.path, env=env, capture_output=True, text=True, check=False
        )

    def pytest(self, *arguments: str) -> dict[str, Any]:
        command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)
        done = self.start(*command)
        (case,) = self.record()["cases"]
        assert case["verdict"] != "error", done.stdout
        return dict(case)

    def calibrate(self, *arguments: str) -> str:
        program = str(Path(sys.executable).with_name("goldenseed"))
        done = self.start(program, "calibrate", "tiny.suite.yaml", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


def noise_of(path: Path) -> dict[str, Any]:
    entry = json.loads((path / "baselines" / "tiny" / f"{CASE}.json").read_text())
    (profile,) = entry["profiles"].values()
    return {**profile.get("tolerance", {}), "accepted": len(profile["accepted"])}


def sources(case: dict[str, Any]) -> set[str]:
    return {reason["source"] for reason in case["reasons"] if reason["code"] == "tolerance"}


def test_two_modes_are_measured_accepted_and_an_unseen_one_is_beyond(
    make_project: Callable[[str], Project],
):
    modal = TwoModes(make_project(SUITE))
    modal.pytest("--golden-update=missing")
    unmeasured = modal.pytest()
    assert unmeasured["verdict"] == "warn"
    assert sources(unmeasured) == {"tolerance (float32, not measured)"}

    assert "in an envelope" in modal.calibrate("-n", "2")
    assert noise_of(modal.path)["pattern"] == "envelope"
    modal.modes.write_text("x")
    within = modal.pytest()
    assert within["verdict"] == "match", within["reasons"]
    assert sources(within) == {"tolerance (calibrated, 2 runs)"}

    assert "in modes, 1 newly accepted" in modal.calibrate("-n", "4")
    found = noise_of(modal.path)
    assert (found["pattern"], found["images"], found["accepted"]) == ("modes", 4, 2)
    assert modal.pytest()["verdict"] == "identical"
    assert modal.pytest()["verdict"] == "identical"
    modal.modes.write_text("third")
    unseen = modal.pytest()
    assert unseen["verdict"] == "warn"
    assert "any other is beyond the tolerance" in unseen["reasons"][-1]["detail"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="has no other instruction sets")
def test_what_was_measured_with_another_instruction_set_holds_in_the_profile_of_that(
    make_project: Callable[[str], Project], monkeypatch: pytest.MonkeyPatch
):
    modal = TwoModes(make_project(SUITE))
    modal.pytest("--golden-update=missing")

    def there() -> dict[str, Any]:
        with monkeypatch.context() as patch:
            patch.setenv("ATEN_CPU_CAPABILITY", "default")
            modal.modes.write_text("x")
            return modal.pytest()

    assert "in an envelope" in modal.calibrate("-n", "2")
    elsewhere = there()
    assert elsewhere["verdict"] == "warn"
    assert sources(elsewhere) == {"tolerance (float32, not measured)"}
    (advice,) = [each for each in elsewhere["reasons"] if each["code"] == "calibration"]
    assert advice["value"] == "cpu_isa=default"
    assert "made where cpu-x86_64-avx" in advice["detail"]

    modal.calibrate("-n", "2", "--harmless", advice["value"])
    measured = there()
    assert measured["verdict"] == "match", measured["reasons"]
    assert sources(measured) == {"tolerance (calibrated, 3 runs)"}
    assert "profile_fallback" in {each["code"] for each in measured["reasons"]}


def test_cases_with_different_schedulers_are_calibrated_together(
    make_project: Callable[[str], Project],
):
    euler = """\
  - id: euler
    prompt: a red apple
    seeds: [1]
    model: {scheduler: {class: EulerDiscreteScheduler}}
"""
    project = make_project(SUITE + euler)
    project.accept_all()
    done = project.command("calibrate", "tiny.suite.yaml", "-n", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2 images, all identical") == 2
    (folder,) = (project.path / "reports").glob("calibrate-*")
    assert f"report  reports/{folder.name}/index.html" in done.stdout
    record = load_run(folder)
    assert {case.id for case in record.cases} == {"red-apple[run-2,seed=1]", "euler[run-2,seed=1]"}
    assert {case.verdict.value for case in record.cases} == {"identical"}
    assert "2 cases measured by 2 runs&#58; 2 identical" in (folder / "summary.md").read_text()
    found = [
        json.loads((project.path / "baselines" / "tiny" / f"{case}[seed=1].json").read_text())
        for case in ("red-apple", "euler")
    ]
    measured = [each["tolerance"] for entry in found for each in entry["profiles"].values()]
    assert len({each["environment_sha256"] for each in measured}) == 2
    project.run()
    assert set(project.verdicts().values()) == {"identical"}


def another_profile(project: Project) -> None:
    file = project.path / "baselines" / "tiny" / f"{CASE}.json"
    entry = json.loads(file.read_text())
    (baseline,) = entry["profiles"].values()
    entry["profiles"] = {"cpu-sparc-default": baseline}
    file.write_text(json.dumps(entry))


def no_picture(project: Project) -> None:
    for file in (project.path / "baselines" / "images").rglob("*.png"):
        file.unlink()


@pytest.mark.parametrize(
    ("spoil", "arguments", "message"),
    [
        (another_profile, (), "only in cpu-sparc-default"),
        (no_picture, (), ".png"),
        (lambda _: None, ("--harmless", "bfloat16"), "is another dtype"),
        (lambda _: None, ("--by", " "), "name of who does it is empty"),
        (lambda p: p.edit("cases:", "determinism: portable\ncases:"), (), "suite is portable"),
        (lambda p: p.edit("prompt: a red", "prompt: a blue"), (), "accepted in any profile"),
    ],
)
def test_what_can_be_refused_is_refused_before_an_image_is_made(
    make_project: Callable[[str], Project],
    spoil: Callable[[Project], object],
    arguments: tuple[str, ...],
    message: str,
):
    project = make_project(SUITE)
    project.accept_all()
    spoil(project)
    before = project.baselines()
    done = project.command("calibrate", "tiny.suite.yaml", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert not list((project.path / "reports").glob("calibrate-*/**/*.png"))
    assert project.baselines() == before


def test_images_that_never_move_are_expected_bit_for_bit(make_project: Callable[[str], Project]):
    project = make_project(SUITE)
    project.accept_all()
    before = project.baselines()
    done = project.command("calibrate", "tiny.suite.yaml", "-n", "2", "--harmless", "repeat")
    assert done.returncode == 0, done.stderr
    assert "3 images, all identical" in done.stdout
    changed = {name for name, data in project.baselines().items() if before.get(name) != data}
    assert [name for name in changed if name.startswith("tiny/")] == [f"tiny/{CASE}.json"]
    assert not [name for name in changed if name.startswith("images/")]
    assert "identical in 3 runs" in project.command("show", CASE).stdout
    project.run()
    assert project.verdicts() == {CASE: "identical"}


def test_what_cannot_be_calibrated_is_said_and_writes_nothing(
    make_project: Callable[[str], Project], monkeypatch: pytest.MonkeyPatch
):
    project = make_project(SUITE)
    calibrate = ("calibrate", "tiny.suite.yaml")
    for arguments, message in (
        (("-n", "1"), "greater than or equal to 2"),
        (("no-such-case",), "no case fits"),
        (("--harmless", "moon=full"), "there is no change 'moon=full'"),
        (("-n", "2"), "accept its images first"),
    ):
        done = project.command(*calibrate, *arguments)
        assert done.returncode == 2
        assert message in done.stderr
        assert "run 1 of 2" not in done.stderr
    assert not (project.path / "reports").exists()
    monkeypatch.setenv("CI", "true")
    done = project.command(*calibrate)
    assert (done.returncode, "--force" in done.stderr) == (2, True)
    assert not (project.path / "baselines").exists()
