"""Enlarging by a real, tiny, random model of super-resolution."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution

from goldenseed.core.errors import GoldenseedError
from goldenseed.postprocess.running import Steps, described
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("upscaling")
    torch.manual_seed(0)
    config = Swin2SRConfig(
        image_size=16, embed_dim=12, depths=[1], num_heads=[2], window_size=4, upscale=2
    )
    Swin2SRForImageSuperResolution(config).save_pretrained(folder / "twice")
    (folder / "toy").mkdir()
    return folder


@pytest.fixture
def case(folder: Path) -> Case:
    path = folder / "a.suite.yaml"
    steps = "postprocess: [{step: upscale, model: twice}]\n"
    path.write_text(
        f"suite: a\nmodel: {{source: toy}}\n{steps}cases: [{{id: a, prompt: x, seeds: [3]}}]\n"
    )
    return load_suite(path).cases[0]


def test_it_makes_what_the_model_makes_of_the_mirrored_picture(case: Case, folder: Path):
    levels = np.random.default_rng(0).integers(0, 256, (10, 13, 3), dtype=np.uint8)
    ((label, made),) = Steps(lambda _: "cpu").run(case, Image.fromarray(levels))
    padded = np.pad(levels / np.float32(255), ((0, 6), (0, 3), (0, 0)), mode="symmetric")
    model = Swin2SRForImageSuperResolution.from_pretrained(folder / "twice")
    with torch.no_grad():
        given = torch.from_numpy(padded.transpose(2, 0, 1)[None].astype(np.float32))
        whole = model(given).reconstruction[0].numpy().transpose(1, 2, 0)
    expected = np.rint(255 * whole[:20, :26].clip(0, 1))
    assert (label, made.size) == ("upscale", (26, 20))
    assert np.abs(np.asarray(made) - expected).max() <= 1


def test_its_weights_are_described(case: Case, folder: Path):
    before = described(case.postprocess)
    assert {"postprocess.transformers", "postprocess.upscale.weights_sha256"} == before.keys()
    file = folder / "twice" / "model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[:-1] + b"?")
    assert described(case.postprocess) != before
    file.write_bytes(data)


def test_only_rgb_is_enlarged(case: Case):
    with pytest.raises(GoldenseedError, match="`upscale`: it enlarges RGB pictures, and this is L"):
        list(Steps(lambda _: "cpu").run(case, Image.new("L", (8, 8))))


def test_a_model_without_its_weights_is_refused(case: Case, folder: Path):
    file = folder / "twice" / "model.safetensors"
    moved = file.rename(folder / "elsewhere")
    with pytest.raises(GoldenseedError, match="`upscale`: the model cannot be loaded"):
        list(Steps(lambda _: "cpu").run(case, Image.new("RGB", (8, 8))))
    moved.rename(file)


def test_whatever_its_files_make_transformers_raise_is_said_of_the_step(case: Case, folder: Path):
    file = folder / "twice" / "config.json"
    whole = file.read_text()
    file.write_text(whole.replace('"embed_dim": ', '"embed_dim": "wide", "was": '))
    with pytest.raises(GoldenseedError, match="`upscale`: the model cannot be loaded"):
        list(Steps(lambda _: "cpu").run(case, Image.new("RGB", (8, 8))))
    file.write_text(whole)
