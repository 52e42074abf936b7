"""Denoisers that are called otherwise than ``unet`` and ``transformer``."""

from __future__ import annotations

from contextlib import ExitStack

import torch
from diffusers import PriorTransformer

from goldenseed.backends.diffusers.denoising import watch_denoiser
from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.trace.stages import Stage


def test_a_prior_is_recorded_as_the_denoiser_that_it_is():
    torch.manual_seed(1)
    prior = PriorTransformer(
        num_attention_heads=2, attention_head_dim=4, num_layers=1, embedding_dim=8,
        num_embeddings=3, additional_embeddings=4,
    )  # fmt: skip
    recorder = Recorder()
    with ExitStack() as restore, torch.no_grad():
        watch_denoiser(recorder, restore, "prior", prior)
        made = prior(
            torch.zeros(2, 8),
            timestep=1,
            proj_embedding=torch.ones(2, 8),
            encoder_hidden_states=torch.ones(2, 3, 8),
        )
    outputs = [each for each in recorder.trace if each.stage is Stage.DENOISER_OUTPUT]
    assert [each.source for each in outputs] == ["prior[0]", "prior[1]"]
    assert outputs[0].shape == made.predicted_image_embedding.shape[1:]
