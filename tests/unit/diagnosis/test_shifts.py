"""The shift of a flow-matching schedule, read off the sketches of two tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldenseed.diagnosis.shifts import shift_between
from goldenseed.trace.digesting import kept, records
from goldenseed.trace.sketch import values_alone
from goldenseed.trace.stages import Stage, StageRecord


def record(values: object, dtype: str = "float32") -> StageRecord:
    array = np.asarray(values).astype(dtype)
    (found,) = records([kept(Stage.SIGMAS, 0, "scheduler", array)])
    return found


def shifted(shift: float, steps: int) -> np.ndarray:
    base = np.linspace(1, 1 / steps, steps)
    return np.append(shift * base / (1 + (shift - 1) * base), 0.0)


@settings(max_examples=100, deadline=None)
@given(
    before=st.floats(0.3, 12),
    now=st.floats(0.3, 12),
    steps=st.integers(4, 60),
    times=st.sampled_from([1.0, 1000.0]),
)
def test_the_ratio_of_two_shifts_is_found(before: float, now: float, steps: int, times: float):
    found = shift_between(
        record(shifted(before, steps) * times), record(shifted(now, steps) * times)
    )
    if abs(now / before - 1) < 2e-3:
        assert found is None or abs(found - now / before) < 1e-3
    else:
        assert found == pytest.approx(now / before, rel=1e-3)


@pytest.mark.parametrize("steps", [8, 20, 28, 50])
@pytest.mark.parametrize("shift", [1.0, 1.5, 6.0])
def test_it_is_found_in_diffusers_own_tables_whose_ends_move_along(shift: float, steps: int):
    from diffusers import FlowMatchEulerDiscreteScheduler

    tables = []
    for each in (3.0, shift):
        scheduler = FlowMatchEulerDiscreteScheduler(shift=each)
        scheduler.set_timesteps(steps)
        tables.append(record(scheduler.sigmas.numpy()))
    found = shift_between(*tables)
    assert found == pytest.approx(shift / 3, rel=0.05)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (shifted(3, 8), shifted(3, 8)),
        (shifted(3, 8), shifted(3, 9)),
        (shifted(3, 8), np.linspace(1, 0, 9) ** 2),
        (np.array([14.6, 8.0, 3.0, 1.0, 0.0]), np.array([14.6, 9.0, 4.0, 1.2, 0.0])),
        (shifted(3, 20), shifted(3, 20) * 1.001),
        (shifted(3, 20), shifted(3, 20) * 0.98),
        (shifted(3, 20), np.clip(shifted(3, 20) + 0.01, 0, 1)),
        (shifted(3, 8), np.full(9, np.nan)),
        (shifted(3, 8), shifted(1, 8) * 1000),
        (np.array([1.0, 0.5, 0.0]), np.array([1.0, 0.4, 0.0])),
        (np.array([1.0, 0.0]), np.array([0.0, 1.0])),
        (np.zeros(0), np.zeros(0)),
    ],
    ids=[
        *("the same", "another length", "another curve", "sigmas above 1"),
        *("scaled up", "scaled down", "moved", "no numbers"),
        *("another unit", "one sigma", "turned round", "nothing"),
    ],
)
def test_what_is_no_shift_is_none(before: np.ndarray, now: np.ndarray):
    assert shift_between(record(before), record(now)) is None


def test_of_whole_numbers_nothing_is_known():
    tables = [record(np.arange(9) * each, "int64") for each in (10, 20)]
    assert shift_between(*tables) is None


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=300),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_values_alone_in_their_bucket_are_the_values(values: list[float], dtype: str):
    found = values_alone(record(values, dtype))
    largest = max(map(abs, values))
    assert all(abs(values[at] - each) <= 2.0**-40 * largest for at, each in found.items())
    assert len(found) >= (0.6 * len(values) if len(values) < 100 else 0)
