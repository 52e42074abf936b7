"""The saved folder: loads with ordinary means, and replaces an older one at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from suites.training.denoiser import Denoiser
from suites.training.networks import make_autoencoder, make_denoiser, make_text_encoder
from suites.training.save import MAX_BYTES, folder_bytes, save_pipeline
from suites.training.tokenizer import make_tokenizer


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return Denoiser(make_denoiser(), make_text_encoder(make_tokenizer()))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, denoiser: Denoiser) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    folder.mkdir()
    (folder / "README.md").write_text("the card")
    (folder / "left over").touch()
    save_pipeline(make_autoencoder(), denoiser, folder)
    return folder


def test_the_folder_is_a_small_pipeline(saved: Path):
    assert folder_bytes(saved) <= MAX_BYTES
    assert StableDiffusionPipeline.from_pretrained(saved).safety_checker is None


def test_the_old_folder_is_gone_but_for_its_model_card(saved: Path):
    assert (saved / "README.md").read_text() == "the card"
    assert not (saved / "left over").exists()
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_loaded_text_encoder_speaks_as_the_saved_one(saved: Path, denoiser: Denoiser):
    tokens = torch.tensor([[199, 42, 200]])
    loaded = StableDiffusionPipeline.from_pretrained(saved).text_encoder
    with torch.no_grad():
        expected = denoiser.text_encoder(tokens).last_hidden_state
        assert torch.equal(loaded(tokens).last_hidden_state, expected)


def test_text_encoder_keys_have_the_prefix_of_older_releases(saved: Path):
    names = load_file(saved / "text_encoder" / "model.safetensors")
    assert all(name.startswith("text_model.") for name in names)
