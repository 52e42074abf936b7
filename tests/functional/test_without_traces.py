"""Images of which no trace was recorded: what their environments tell is not forgotten."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functional.conftest import Project

OFF = "--golden-trace=off"


def perturb(weights: Path, amount: float) -> None:
    """Multiply every weight by 1 + ``amount`` times a standard normal number."""
    import torch
    from safetensors.torch import load_file, save_file

    random = torch.Generator().manual_seed(1)
    found = {
        name: weight * (1 + amount * torch.randn(weight.shape, generator=random))
        for name, weight in load_file(weights).items()
    }
    save_file(found, weights, metadata={"format": "pt"})


def test_changed_weights_are_no_rounding_though_few_pixels_move_by_one_level(project: Project):
    project.run("--golden-update=missing", OFF)
    model = (project.path / "model").resolve()
    (project.path / "model").unlink()
    shutil.copytree(model, project.path / "model")
    perturb(project.path / "model" / "vae" / "diffusion_pytorch_model.safetensors", 3e-5)

    project.run(OFF)

    moved = [case for case in project.record()["cases"] if case["verdict"] != "identical"]
    assert moved
    for case in moved:
        assert case["metrics"]["peak_difference"] == 1
        assert case["metrics"]["changed_fraction"] <= 0.017
        assert case["verdict"] == "warn"
        (reason,) = [each for each in case["reasons"] if each["code"] == "recorded_change"]
        assert reason["detail"].startswith("no rounding, since on record as changed: ")
        assert reason["detail"].endswith("; model.vae.weights_sha256")
