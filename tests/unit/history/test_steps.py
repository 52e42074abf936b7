"""Changes of level are found in noisy numbers, and hardly ever where there is none."""

from __future__ import annotations

import random

import pytest

from goldenseed.history.steps import LEAST, Step, steps_of


def noise(count: int, spread: float, level: float = 1.0, seed: int = 1) -> list[float]:
    draw = random.Random(seed)
    return [level * draw.lognormvariate(0, spread) for _ in range(count)]


def test_a_level_that_rises_and_falls_again_is_two_steps():
    assert steps_of([0.0] * 10 + [3.0] * 10 + [0.0] * 10) == (
        Step(10, 0.0, 3.0),
        Step(20, 3.0, 0.0),
    )


def test_a_third_more_seconds_is_found_in_noise_of_a_twentieth():
    (step,) = steps_of(noise(20, 0.05) + noise(20, 0.05, level=1.33, seed=2))
    assert abs(step.index - 20) <= 1
    assert step.before == pytest.approx(1, rel=0.05)
    assert step.after == pytest.approx(1.33, rel=0.05)


@pytest.mark.parametrize("spread", [0.05, 0.2, 0.5])
def test_mere_noise_has_no_steps(spread: float):
    found = [steps_of(noise(500, spread, seed=seed)) for seed in range(20)]
    assert sum(map(len, found)) <= 1


def test_single_slow_runs_are_no_step():
    values = noise(60, 0.05)
    values[20] = values[41] = 9.0
    assert steps_of(values) == ()


def test_less_than_a_fifth_is_no_step_however_steady():
    assert steps_of([1.0] * 10 + [1.19] * 10) == ()


def test_a_level_is_believed_once_it_has_lasted():
    assert steps_of([1.0] * 10 + [2.0] * (LEAST - 1)) == ()
    assert steps_of([1.0] * 10 + [2.0] * LEAST) == (Step(10, 1.0, 2.0),)


def test_few_values_have_no_steps():
    assert steps_of([]) == steps_of([1.0, 9.0]) == ()
