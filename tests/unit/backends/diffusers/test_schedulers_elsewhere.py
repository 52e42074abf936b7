"""Schedulers that a pipeline looks at by their class, or hands to the pipelines it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_suites import one_case

import tiny_others
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.trace.stages import Stage


def test_a_pipeline_that_compares_the_class_of_its_scheduler_runs_and_is_traced(tmp_path: Path):
    import torch
    from diffusers import BriaPipeline

    tiny_others.tiny_bria(tmp_path / "bria")
    call = {"num_inference_steps": 2, "height": 16, "width": 16}
    made = DiffusersBackend().generate(one_case(tmp_path, "bria", call=call))
    pipeline = BriaPipeline.from_pretrained(tmp_path / "bria")
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        expected: Any = pipeline(
            "a red ball", generator=torch.Generator().manual_seed(7), **call
        ).images[0]
    assert made.image.tobytes() == expected.tobytes()
    assert Stage.DENOISING_STEP in {each.stage for each in made.trace}


@pytest.fixture(scope="module")
def kandinsky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kandinsky")
    tiny_others.tiny_kandinsky22_combined(folder / "model")
    return folder


def test_a_scheduler_takes_effect_in_the_pipelines_that_a_pipeline_is_made_of(kandinsky: Path):
    backend = DiffusersBackend()
    call = {"num_inference_steps": 2, "height": 32, "width": 32, "prior_num_inference_steps": 2}

    def made(**scheduler: Any) -> Any:
        model = {"scheduler": scheduler} if scheduler else {}
        return backend.generate(one_case(kandinsky, "model", model=model, call=call))

    own = made()
    other = made(**{"class": "EulerDiscreteScheduler"})
    assert other.image.tobytes() != own.image.tobytes()
    assert made().image.tobytes() == own.image.tobytes()
    steps = [each.source for each in own.trace if each.stage is Stage.DENOISING_STEP]
    assert steps.count("scheduler") == 2
