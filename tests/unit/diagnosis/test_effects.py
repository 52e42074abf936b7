"""What a difference in a key of the environment can do."""

from __future__ import annotations

import pytest

from goldenseed.diagnosis.effects import effect_of, of_component
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place
from goldenseed.diagnosis.where import COMPUTED


@pytest.mark.parametrize(
    ("key", "cause"),
    [
        ("model.unet.inductor_sha256", Cause.KERNELS),
        ("library.numpy.openblas.architecture", Cause.CPU),
        ("numpy.blas", Cause.PACKAGES),
        ("attention.unet.processors", Cause.ATTENTION),
    ],
)
def test_a_key_speaks_for_its_cause_and_not_for_the_weights(key: str, cause: Cause):
    effect = effect_of(key)
    assert effect is not None
    assert effect.cause is cause


@pytest.mark.parametrize(
    ("key", "cause", "place"),
    [
        ("model.prior_text_encoder.sha256", Cause.TEXT_ENCODER, Place.EMBEDDINGS),
        ("model.prior.sha256", Cause.DENOISER, Place.DENOISER),
        ("model.decoder.sha256", Cause.DENOISER, Place.DENOISER),
        ("model.movq.sha256", Cause.VAE_WEIGHTS, Place.VAE),
        ("model.controlnet.sha256", Cause.CONTROL, Place.CONDITIONING),
        ("model_file.guider/guider_config.json", Cause.GUIDANCE, Place.GUIDANCE),
        ("model_file.prior_scheduler/scheduler_config.json", Cause.SCHEDULER, Place.SCHEDULE),
    ],
)
def test_a_part_takes_effect_where_its_role_does(key: str, cause: Cause, place: Place):
    effect = effect_of(key)
    assert effect is not None
    assert effect.cause is cause
    assert place in effect.places


def test_a_part_of_no_known_role_may_take_effect_anywhere_and_is_no_cause():
    assert of_component("text_proj") == COMPUTED
    assert effect_of("model.text_proj.sha256") is None
    assert effect_of("model.text_proj.dtype") is not None
