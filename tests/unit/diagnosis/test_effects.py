"""What a difference in a key of the environment can do."""

from __future__ import annotations

import pytest

from goldenseed.diagnosis.effects import effect_of
from goldenseed.diagnosis.model import Cause


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
