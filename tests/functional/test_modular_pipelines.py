"""A modular pipeline in a session: accepted, made again, and a changed part named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load_file, save_file

from tiny_pipelines import as_modular, tiny_flux

if TYPE_CHECKING:
    from conftest import Project

SUITE = """\
suite: flux
model: {source: flux}
defaults:
  call: {num_inference_steps: 2, height: 32, width: 32, max_sequence_length: 32}
cases:
  - {id: apple, prompt: a red apple, seeds: [1]}
"""


def test_a_changed_part_is_found_and_named_first(make_project: Callable[[str], Project]):
    project = make_project(SUITE)
    as_modular(project.path / "flux", tiny_flux(project.path / "whole"))
    shutil.rmtree(project.path / "whole")
    project.run("--golden-update=missing")
    project.run()
    assert {*project.verdicts().values()} == {"identical"}
    file = next((project.path / "flux" / "transformer").glob("*.safetensors"))
    noise = np.random.default_rng(11).standard_normal
    weights = {
        name: each * (1 + 1e-3 * noise(each.shape)) for name, each in load_file(file).items()
    }
    save_file({name: each.astype("float32") for name, each in weights.items()}, file)
    project.run()
    (case,) = project.record()["cases"]
    assert case["verdict"] in {"warn", "drift"}
    assert case["diagnosis"]["causes"][0]["words"] == "denoiser weights: transformer"
