"""A scheduler for each image: a copy, as deep as it has to be, or the one that somebody patched."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler
from tiny_suites import CALL, one_case

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.loaded import fresh_copy
from goldenseed.environment.fingerprint import environment_differences
from goldenseed.trace.stages import Stage


def test_a_fresh_copy_shares_nothing_that_can_change():
    scheduler = DPMSolverMultistepScheduler()
    sigmas = scheduler.sigmas.clone()
    copied = fresh_copy(scheduler)
    assert type(copied) is type(scheduler)
    assert dict(copied.config) == dict(scheduler.config)
    assert torch.equal(copied.sigmas, sigmas)
    copied.set_timesteps(5)
    copied.model_outputs[0] = torch.ones(1)
    copied.betas.zero_()
    assert torch.equal(scheduler.sigmas, sigmas)
    assert scheduler.model_outputs == [None, None]
    assert scheduler.betas.all()


STEP = Stage.DENOISING_STEP
LARGEST = 0.5 * (4 * 16 * 16) ** 0.5
"""The norm of latents that are all cut off at 1/2."""


def clamped(pipeline: Any) -> None:
    """Put a step on the scheduler's very object, which calls the one that it had."""
    step = pipeline.scheduler.step

    @wraps(step)
    def patched(*args: Any, **kwargs: Any) -> Any:
        made = step(*args, **kwargs)
        return (made[0].clamp(-0.5, 0.5), *made[1:])

    pipeline.scheduler.step = patched


@pytest.mark.parametrize("kind", ["DDIMScheduler", "EulerAncestralDiscreteScheduler"])
def test_a_step_put_on_the_scheduler_s_object_does_what_it_does_in_diffusers(
    sd: Path, tmp_path: Path, kind: str
):
    def exchanged(pipeline: Any) -> None:
        pipeline.scheduler = getattr(diffusers, kind).from_config(pipeline.scheduler.config)

    def prepared(pipeline: Any) -> None:
        exchanged(pipeline)
        clamped(pipeline)

    pipeline = diffusers.DiffusionPipeline.from_pretrained(sd)
    prepared(pipeline)
    by_hand = pipeline("a red ball", generator=torch.Generator().manual_seed(7), **CALL).images[0]

    backend = DiffusersBackend(prepare=prepared)
    for _ in range(2):  # its state is what it was, whatever was made before
        made = backend.generate(one_case(tmp_path, "sd"))
        assert made.image.tobytes() == by_hand.tobytes()
        backend.generate(one_case(tmp_path, "sd", seeds=[8]))
        assert max(each.norm or 0 for each in made.trace if each.stage is STEP) < LARGEST
    environment = backend.fingerprint()
    assert "clamped" in str(environment["scheduler.methods"])
    unpatched = DiffusersBackend(prepare=exchanged)
    unpatched.generate(one_case(tmp_path, "sd"))
    differing = environment_differences(unpatched.fingerprint(), environment)
    assert [each.key for each in differing] == ["scheduler.methods"]
