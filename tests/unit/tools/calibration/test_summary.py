from __future__ import annotations

from collections.abc import Sequence

import pytest

from goldenseed.baselines.entry import Pattern
from goldenseed.tolerance.rounding import COSINE
from goldenseed.tolerance.tolerance import assumed_tolerance
from goldenseed.tools.calibration.summary import (
    FLOAT_ERROR,
    Picture,
    Seen,
    Summary,
    margin,
    moved_pixels,
    summarise,
)

NOTHING = {"peak_difference": 0.0, "mean_difference": 0.0, "changed_fraction": 0.0}
A, B, C = "a" * 64, "b" * 64, "c" * 64
PICTURE = Picture(pixels=64 * 64, channels=3)
ASSUMED = assumed_tolerance("float32").limits


def summary(
    pixels: Sequence[str],
    measured: Sequence[dict[str, float]] | None = None,
    traces: Sequence[str] = (),
) -> Summary:
    """Summarise images of these pixels and, where there are any, of traces of one stage."""
    found = measured or [NOTHING] * len(pixels)
    stages = [(each,) for each in traces] or [()] * len(pixels)
    seen = [Seen(*each) for each in zip(pixels, stages, found, strict=True)]
    return summarise(seen, PICTURE, ASSUMED)


def test_images_that_are_all_the_same_allow_nothing_else():
    found = summary([A, A, A])
    assert (found.pattern, found.modes, found.limits) == (Pattern.IDENTICAL, (A,), {})
    assert summary([A, A], traces=[C, C]).pattern is Pattern.IDENTICAL


def test_images_that_recur_are_modes_the_most_frequent_first():
    found = summary([A, B, B, A, B])
    assert (found.pattern, found.modes) == (Pattern.MODES, (B, A))


def test_one_image_that_came_once_makes_it_an_envelope():
    assert summary([A, A, B]).pattern is Pattern.ENVELOPE
    assert summary([A, B, C]).pattern is Pattern.ENVELOPE


def test_pixels_that_are_the_same_by_luck_ask_for_no_bit_equality():
    moved = {**NOTHING, "latents_distance": 1e-6, FLOAT_ERROR: 3e-7}
    found = summary([A, A, A], [NOTHING, moved, moved], traces=[A, B, C])
    assert found.pattern is Pattern.ENVELOPE
    assert found.limits["latents_distance"] == pytest.approx(2.5e-6)
    assert found.limits["peak_difference"] == 1
    assert 1 / 4096 <= found.limits["changed_fraction"] < 0.002
    assert FLOAT_ERROR not in found.limits


def test_pixels_that_recur_from_traces_that_do_not_are_no_modes():
    assert summary([A, A, B, B], traces=[A, B, C, C]).pattern is Pattern.ENVELOPE
    found = summary([A, A, B, B], traces=[A, A, C, C])
    assert (found.pattern, found.modes) == (Pattern.MODES, (A, B))


def test_traces_that_tell_nothing_of_the_float_image_leave_the_assumed_limits():
    found = summary([A, A], traces=[A, B])
    assert found.limits["changed_fraction"] == ASSUMED["changed_fraction"]
    assert found.limits["peak_difference"] == 1


def test_an_envelope_is_the_worst_seen_and_the_margin_and_levels_are_whole():
    worst = {"peak_difference": 2.0, "latents_distance": 1e-6, "coherence": 0.1}
    found = summary([A, B, C], [NOTHING, worst, NOTHING])
    assert found.limits["peak_difference"] == 4.0
    assert found.limits["latents_distance"] == pytest.approx(2.5e-6)
    assert found.limits["mean_difference"] == 0.0
    assert found.limits["coherence"] == COSINE


def test_the_one_level_of_rounding_to_8_bits_is_not_raised():
    one = {**NOTHING, "peak_difference": 1.0}
    assert summary([A, B, C], [NOTHING, one, one]).limits["peak_difference"] == 1.0


def test_a_measured_coherence_raises_its_limit_and_never_lowers_it():
    found = summary([A, B], [{"coherence": 0.5}, {"coherence": -0.2}])
    assert found.limits["coherence"] == pytest.approx(0.5 + 3 / (16 * 3**0.5))


def test_a_stage_at_which_nothing_moved_was_not_measured():
    still = {**NOTHING, "embeddings_distance": 0.0, "decoded_distance": 1e-6}
    found = summary([A, B, C], [still] * 3)
    assert "embeddings_distance" not in found.limits
    assert found.limits["decoded_distance"] == pytest.approx(2.5e-6)


def test_what_needs_no_measuring_has_no_measured_limit():
    found = summary([A, B], [{"guidance_shift": 1e-7}, {"sigmas_distance": 1e-8}])
    assert not found.limits


def test_the_more_images_the_smaller_the_margin():
    assert [round(margin(n), 2) for n in (2, 3, 10, 100)] == [3.12, 2.5, 1.71, 1.21]


def test_float_errors_move_as_many_pixels_as_chance_lets_them():
    """Holds the limits against numbers drawn: normal errors on values anywhere between levels."""
    import numpy as np

    random = np.random.default_rng(5)
    values = random.uniform(0.1, 0.9, (1000, 64 * 64 * 3))
    error = 2e-6
    moved = values + random.normal(0.0, error, values.shape)
    changed = (np.round(values * 255) != np.round(moved * 255)).sum(axis=1) / PICTURE.pixels
    limits = moved_pixels(error, PICTURE)
    assert (changed > limits["changed_fraction"]).mean() < 0.01
    assert limits["changed_fraction"] < 4 * changed.mean()
    assert limits["peak_difference"] == 1
    assert moved_pixels(0.01, PICTURE)["peak_difference"] == 12
