"""A scheduler's copy: as deep as ``deepcopy``, but for the configuration that nobody can change."""

from __future__ import annotations

import torch
from diffusers import DPMSolverMultistepScheduler

from goldenseed.backends.diffusers.loaded import fresh_copy


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
