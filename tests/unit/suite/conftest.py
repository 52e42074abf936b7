from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.suite.cases import Suite
from goldenseed.suite.loading import load_suite

MODEL_INDEX = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "U"]}
VAE = {"_class_name": "AutoencoderKL", "block_out_channels": [8, 8, 8, 8], "latent_channels": 4}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the configuration of a model, an adapter, and room for suite files."""
    (tmp_path / "toy" / "vae").mkdir(parents=True)
    (tmp_path / "toy" / "model_index.json").write_text(json.dumps(MODEL_INDEX))
    (tmp_path / "toy" / "vae" / "config.json").write_text(json.dumps(VAE))
    (tmp_path / "lora").mkdir()
    (tmp_path / "lora" / "cartoon.safetensors").write_bytes(b"")
    (tmp_path / "lora" / "old.bin").write_bytes(b"")
    return tmp_path


@pytest.fixture
def load(folder: Path) -> Callable[[str | bytes], Suite]:
    """Write a suite file and load it."""

    def write_and_load(text: str | bytes) -> Suite:
        path = folder / "toy.suite.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_suite(path)

    return write_and_load
