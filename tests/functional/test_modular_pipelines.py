"""A modular pipeline in a session: accepted, made again, and what changed of it named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from tiny_parts import tiny_image_encoder, tiny_ip_adapter
from tiny_pipelines import (
    as_modular,
    clip_image_processor,
    tiny_flux,
    tiny_lora,
    tiny_stable_diffusion_xl,
)

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


WORN = """\
suite: worn
model:
  source: xl
{}defaults:
  call: {{num_inference_steps: 2, height: 32, width: 32}}
cases:
  - {{id: apple, prompt: a red apple, seeds: [1]{}}}
"""
PUT_ON = {
    "lora": (
        WORN.format("  adapters: [{source: worn.safetensors, scale: 0.7}]\n", ""),
        "adapter_file.worn.safetensors",
    ),
    "ip_adapter": (
        WORN.format(
            "  components: {image_encoder: eye, feature_extractor: seen}\n"
            "  ip_adapters: [{source: worn.safetensors, scale: 0.7}]\n",
            ", inputs: {ip_adapter_image: face.png}",
        ),
        "ip_adapter_file.worn.safetensors",
    ),
}


@pytest.mark.parametrize("kind", PUT_ON)
def test_what_is_put_on_it_repeats_itself_and_is_named_first_when_it_changes(
    make_project: Callable[[str], Project], kind: str
):
    suite, key = PUT_ON[kind]
    project = make_project(suite)
    whole, worn = project.path / "whole", project.path / "worn.safetensors"
    as_modular(project.path / "xl", tiny_stable_diffusion_xl(whole))
    if kind == "lora":
        tiny_lora(worn, whole)
    else:
        tiny_ip_adapter(worn, whole)
        tiny_image_encoder(project.path / "eye")
        size = {"height": 32, "width": 32}
        processor = clip_image_processor()(size={"shortest_edge": 32}, crop_size=size)
        processor.save_pretrained(project.path / "seen")
        Image.radial_gradient("L").resize((32, 32)).save(project.path / "face.png")
    project.run("--golden-update=missing")
    project.run()
    assert {*project.verdicts().values()} == {"identical"}
    save_file({name: 1.05 * each for name, each in load_file(worn).items()}, worn)
    project.run()
    (case,) = project.record()["cases"]
    assert case["verdict"] in {"warn", "drift"}
    first = case["diagnosis"]["causes"][0]
    assert first["cause"] == kind
    assert key in str(first)
