from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tiny_pipelines


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one tiny model of each kind; read only."""
    folder = tmp_path_factory.mktemp("models")
    tiny_pipelines.tiny_stable_diffusion(folder / "sd")
    tiny_pipelines.tiny_stable_diffusion_xl(folder / "sdxl")
    tiny_pipelines.tiny_flux(folder / "flux")
    return folder


@pytest.fixture
def sd(models: Path, tmp_path: Path) -> Path:
    """A private copy of the Stable Diffusion folder, beside which a suite can be written."""
    return Path(shutil.copytree(models / "sd", tmp_path / "sd"))
