from __future__ import annotations

import pytest

from harness.baselines.measured_noise import Pattern
from harness.calibration.summary import margin, summarise
from harness.verdict.rounding import COSINE

NOTHING = {"peak_difference": 0.0, "mean_difference": 0.0}
A, B, C = "a" * 64, "b" * 64, "c" * 64


def test_images_that_are_all_the_same_allow_nothing_else():
    found = summarise([A, A, A], [NOTHING] * 3)
    assert (found.pattern, found.modes, found.limits) == (Pattern.IDENTICAL, (A,), {})


def test_images_that_recur_are_modes_the_most_frequent_first():
    found = summarise([A, B, B, A, B], [NOTHING] * 5)
    assert (found.pattern, found.modes) == (Pattern.MODES, (B, A))


def test_one_image_that_came_once_makes_it_an_envelope():
    assert summarise([A, A, B], [NOTHING] * 3).pattern is Pattern.ENVELOPE
    assert summarise([A, B, C], [NOTHING] * 3).pattern is Pattern.ENVELOPE


def test_an_envelope_is_the_worst_seen_and_the_margin_and_levels_are_whole():
    worst = {"peak_difference": 2.0, "latents_distance": 1e-6, "coherence": 0.1}
    found = summarise([A, B, C], [NOTHING, worst, NOTHING])
    assert found.limits["peak_difference"] == 5.0
    assert found.limits["latents_distance"] == pytest.approx(2.5e-6)
    assert found.limits["mean_difference"] == 0.0
    assert found.limits["coherence"] == COSINE


def test_a_measured_coherence_raises_its_limit_and_never_lowers_it():
    found = summarise([A, B], [{"coherence": 0.5}, {"coherence": -0.2}])
    assert found.limits["coherence"] == pytest.approx(0.5 + 3 / (16 * 3**0.5))


def test_what_needs_no_measuring_has_no_measured_limit():
    found = summarise([A, B], [{"guidance_shift": 1e-7}, {"sigmas_distance": 1e-8}])
    assert not found.limits


def test_the_more_images_the_smaller_the_margin():
    assert [round(margin(n), 2) for n in (2, 3, 10, 100)] == [3.12, 2.5, 1.71, 1.21]
