"""Numbers that move bit by bit are a creep, and mere noise, waves and steps hardly ever are."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.history.asked import Past, chosen, pasts_of
from goldenseed.history.creep import LEAST, Creep, creeps_of, trend
from goldenseed.history.database import History
from goldenseed.history.keeping import remember, with_history
from goldenseed.history.steps import steps_of
from goldenseed.reporting.history import change_in_words
from goldenseed.runs.record import Seconds
from made_history import made, run_on

Draw = random.Random


def creeps(values: list[float]) -> tuple[Creep, ...]:
    return creeps_of(values, [step.index for step in steps_of(values)])


def rises(draw: Draw, flat: int = 0) -> list[float]:
    """One half percent a run over 80 runs, among noise of a tenth."""
    shares = [1.0] * flat + [1 + 0.005 * run for run in range(80)]
    return [share * draw.gammavariate(100, 0.01) for share in shares]


def wave(draw: Draw) -> list[float]:
    begin = draw.random() * math.tau
    return [
        (1 + math.sin(begin + run * math.tau / 7) / 10) * draw.gauss(1, 0.04) for run in range(90)
    ]


def hanging_together(draw: Draw) -> list[float]:
    found, last = [], 0.0
    for _ in range(100):
        last = last / 2 + draw.uniform(-1, 1)
        found.append(math.exp(last / 10))
    return found


def test_what_rises_bit_by_bit_is_found_from_where_it_begins():
    (found,) = creeps(rises(Draw(1), flat=60))
    assert abs(found.start - 60) <= 25
    assert found.end == 139
    assert found.after / found.before > 1.3
    assert steps_of(rises(Draw(1), flat=60)) == ()


def test_nearly_every_creep_is_found_upwards_and_downwards():
    up = [creeps(rises(Draw(seed))) for seed in range(20)]
    down = [creeps([1 / each for each in rises(Draw(seed))]) for seed in range(20)]
    assert sum(bool(found) and found[0].after > found[0].before for found in up) >= 18
    assert sum(bool(found) and found[0].after < found[0].before for found in down) >= 18


@pytest.mark.parametrize(
    "make",
    [
        lambda draw: [draw.gammavariate(8, 1 / 8) for _ in range(150)],
        lambda draw: [draw.gauss(2, 0.1) * (2 if draw.random() < 0.1 else 1) for _ in range(100)],
        lambda draw: [round(draw.gauss(0.25, 0.01), 2) for _ in range(100)],
        lambda draw: [draw.gauss(1 + (run >= 50) / 2, 0.05) for run in range(100)],
        wave,
        hanging_together,
    ],
    ids=["noise", "slow runs", "few digits", "a step", "a wave", "hanging together"],
)
def test_what_does_not_creep_is_none(make: Callable[[Draw], list[float]]):
    assert [creeps(make(Draw(f"none {seed}"))) for seed in range(25)] == [()] * 25


def test_less_than_a_fifth_is_no_creep_however_clear():
    assert creeps([1 + 0.001 * run for run in range(100)]) == ()


@pytest.mark.parametrize("power", [0.5, 1, 3])
def test_a_distance_that_grows_without_noise_is_found_however_it_grows(power: float):
    (found,) = creeps([0.0] * 10 + [(run / 50) ** power for run in range(50)])
    assert found.after > found.before


def test_few_values_do_not_creep():
    assert creeps_of([]) == creeps_of([float(run) for run in range(LEAST - 1)]) == ()
    assert len(creeps_of([float(run) for run in range(LEAST)])) == 1


def test_the_trend_of_values_without_ties_is_the_published_one():
    """S = 8 of 5 values, with the continuity correction: 7 / sqrt(50 / 3)."""
    assert trend([1.0, 2.0, 3.0, 5.0, 4.0]) == pytest.approx(7 / math.sqrt(50 / 3))
    assert trend([1.0] * 30) == 0.0


def test_a_creep_is_a_change_point_that_says_over_how_many_runs(tmp_path: Path):
    for day in range(60):
        remember(run_on(day, made(seconds=Seconds(generate=1 + day / 100))), tmp_path)

    def ask(history: History) -> tuple[Past, ...]:
        return pasts_of(history, chosen(history, lambda _: True))

    (past,) = with_history(tmp_path, ask)[0]
    (change,) = past.changes
    assert change_in_words(change) == (
        "generate_seconds 1.00 s → 1.59 s, creeping over 60 runs from here on"
    )
    assert change.last is past.last
