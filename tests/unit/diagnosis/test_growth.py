from __future__ import annotations

import pytest
from toy_pipeline import ACCEPTED, Toy, recorded

from goldenseed.diagnosis.divergence import first_divergence, growth_of
from goldenseed.diagnosis.model import Growth, GrowthKind
from goldenseed.trace.distances import StageDistance
from goldenseed.trace.stages import Stage


def growth(*distances: float | None, dtype: str = "float32") -> Growth | None:
    steps = tuple(
        StageDistance(stage=Stage.DENOISING_STEP, index=step, distance=each)
        for step, each in enumerate(distances)
    )
    return growth_of(steps, dtype)


@pytest.mark.parametrize(
    ("distances", "kind"),
    [
        # Other threads, and weights x (1 + 1e-2 normal), on the embedded model: see docs/trace.md.
        ((3.5e-8, 5.3e-8, 6.8e-8, 8.2e-8), GrowthKind.ROUNDING_LIKE),
        ((1.5e-4, 3.8e-4, 7.1e-4, 1.1e-3), GrowthKind.ADDS_UP),
        ((3.2e-7, 7.9e-7, 1.5e-6, 2.4e-6), GrowthKind.ADDS_UP),
        ((1.4, 1.4, 1.3, 0.9), GrowthKind.CONSTANT),
        ((1e-2, 1.4e-2, 1.9e-2, 2.6e-2), GrowthKind.AMPLIFIED),
        ((1e-7, 1.2e-7, 1e-4, 1.1e-4), GrowthKind.JUMP),
        ((0.0, 0.0, 1e-7, 1.3e-7), GrowthKind.ROUNDING_LIKE),
    ],
)
def test_the_curve_says_how_a_difference_goes_on(distances: tuple[float, ...], kind: GrowthKind):
    found = growth(*distances)
    assert found
    assert found.kind is kind


def test_what_rounding_is_depends_on_the_dtype():
    distances = (1e-2, 1.3e-2, 1.6e-2, 2.1e-2)
    kinds = [found.kind for found in (growth(*distances, dtype=each) for each in (
        "float32", "bfloat16")) if found]  # fmt: skip
    assert kinds == [GrowthKind.AMPLIFIED, GrowthKind.ROUNDING_LIKE]


def test_the_factors_are_told():
    found = growth(1e-4, 2e-4, 2e-4, 8e-4)
    assert found
    assert (found.steepest, found.per_step) == (pytest.approx(4), pytest.approx(2))


@pytest.mark.parametrize("distances", [(), (1e-4,), (0.0, 0.0, 1e-4), (None, None)])
def test_less_than_two_steps_that_differ_are_no_growth(distances: tuple[float | None, ...]):
    assert growth(*distances) is None


def test_a_first_divergence_has_the_growth_of_its_steps():
    found = first_divergence(ACCEPTED, recorded(Toy(step_size=0.101)))
    assert found
    assert found.growth
    assert found.growth.kind is GrowthKind.ADDS_UP
    late = first_divergence(ACCEPTED, recorded(Toy(vae=1.01)))
    assert late
    assert late.growth is None
