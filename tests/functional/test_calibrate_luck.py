"""``goldenseed calibrate`` of images whose pixels are equal by luck, and of images under a mask."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from functional.conftest import Project

SUITE = """\
suite: tiny
model: {source: model}
defaults:
  call: {num_inference_steps: 2, height: 32, width: 32, guidance_scale: 3.0}
cases:
  - id: red-apple
    prompt: a red apple
    seeds: [1]
"""
CASE = "red-apple[seed=1]"
SITE = '''
"""Changes one method of diffusers, by a number that is another one in every process."""
import importlib.abc
import importlib.machinery
import os
import sys

NAME = "{module}"


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != NAME or "COUNT" not in os.environ:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            with open(os.environ["COUNT"], "r+") as file:
                count = len(file.read())
                file.write("x")
            change(module, count)

        spec.loader.exec_module = exec_module
        return spec


{change}

sys.meta_path.insert(0, Finder())
'''
JITTER = """
def change(module, count):
    step = module.DDIMScheduler.step

    def moved(scheduler, *args, **kwargs):
        sample = step(scheduler, *args, **kwargs)[0]
        return (sample * (1 + count * 2.0**-23),)

    module.DDIMScheduler.step = moved
"""
CORNER = """
def change(module, count):
    import torch

    to_numpy = torch.Tensor.numpy

    def stamped(tensor, **options):
        made = to_numpy(tensor, **options)
        if made.ndim == 4 and made.shape[-1] == 3:  # the picture, rows of pixels
            made[:, :8, :8] = (count % 9) / 9
        return made

    torch.Tensor.numpy = stamped  # nothing of the pipeline's: no record tells of it
"""


def restless(
    project: Project, monkeypatch: pytest.MonkeyPatch, module: str, change: str
) -> Project:
    """Let every process of the project make other images; processes of its own, this one not."""
    site, count = project.path / "site", project.path / "count"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE.format(module=module, change=change))
    count.write_text("")
    paths = [str(site), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("COUNT", str(count))
    return project


def noise_of(project: Project) -> dict[str, Any]:
    entry = json.loads((project.path / "baselines" / "tiny" / f"{CASE}.json").read_text())
    (profile,) = entry["profiles"].values()
    return {**profile["tolerance"], "accepted": len(profile["accepted"])}


def calibrated(project: Project, *arguments: str) -> str:
    done = project.command("calibrate", "tiny.suite.yaml", "-n", "2", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_equal_pixels_of_other_latents_make_an_envelope(
    make_project: Callable[[str], Project], monkeypatch: pytest.MonkeyPatch
):
    project = make_project(SUITE)
    project.accept_all()
    restless(project, monkeypatch, "diffusers.schedulers.scheduling_ddim", JITTER)
    assert "2 images in an envelope" in calibrated(project)
    found = noise_of(project)
    assert (found["pattern"], found["accepted"]) == ("envelope", 1)
    assert 0 < found["limits"]["latents_distance"] < 1e-5
    assert found["limits"]["peak_difference"] == 1
    assert found["limits"]["changed_fraction"] >= 1 / 1024


def test_pixels_that_the_suite_ignores_do_not_count(
    make_project: Callable[[str], Project], monkeypatch: pytest.MonkeyPatch
):
    project = make_project(SUITE.replace("cases:", "ignore: [[0, 0, 8, 8]]\ncases:"))
    project.accept_all()
    restless(project, monkeypatch, "diffusers.image_processor", CORNER)
    assert "2 images, all identical" in calibrated(project)
    assert noise_of(project)["accepted"] == 1
    project.edit("ignore: [[0, 0, 8, 8]]\n", "")
    done = project.command("calibrate", "tiny.suite.yaml", "-n", "2")
    assert done.returncode == 2
    assert "made no image that is accepted or within the rounding of one" in done.stderr
