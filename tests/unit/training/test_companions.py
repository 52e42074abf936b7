"""Companions of the model: what they are shown, and that a few steps leave something behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionPipeline
from PIL import Image

from suites.training.companions import (
    CompanionPlan,
    dotted,
    edges,
    striped,
    train_controlnet,
    train_lora,
)
from suites.training.scenes import Picture, training_picture

MODEL = Path(__file__).parents[3] / "suites" / "shapes-sd"
PLAN = CompanionPlan(pictures=2, steps=2, batch=2)


@pytest.fixture
def settings_restored() -> Iterator[None]:
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def test_edges_are_white_lines_where_the_grey_changes():
    square = Image.new("RGB", (32, 32), "white")
    square.paste((0, 0, 0), (8, 8, 24, 24))
    found = np.asarray(edges(square))
    assert set(np.unique(found)) == {0, 255}
    assert found[7, 12].all()
    assert not found[16, 16].any()
    assert not found[0].any()


@pytest.mark.parametrize("texture", [striped, dotted])
def test_a_texture_darkens_parts_of_the_object_alone(texture: Callable[[Picture], Image.Image]):
    picture, _ = training_picture(7)
    before, after = np.asarray(picture.image), np.asarray(texture(picture))
    changed = (before != after).any(axis=2)
    inside = np.asarray(picture.mask) > 0
    assert not changed[~inside].any()
    assert 0.05 < changed[inside].mean() < 0.95


@pytest.mark.usefixtures("settings_restored")
def test_a_trained_controlnet_is_loaded_as_any_other(tmp_path: Path):
    train_controlnet(MODEL, tmp_path / "control", PLAN)
    control = ControlNetModel.from_pretrained(tmp_path / "control")
    assert any(layer.weight.abs().max() > 0 for layer in control.controlnet_down_blocks)


@pytest.mark.usefixtures("settings_restored")
def test_a_trained_lora_is_loaded_as_any_other(tmp_path: Path):
    train_lora(MODEL, tmp_path / "striped.safetensors", PLAN, striped)
    pipeline = StableDiffusionPipeline.from_pretrained(MODEL)
    pipeline.load_lora_weights(tmp_path / "striped.safetensors")
    assert pipeline.get_active_adapters()
