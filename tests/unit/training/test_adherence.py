"""The judge of colours and backgrounds, on drawn scenes whose truth is known."""

from __future__ import annotations

import pytest
from PIL import Image

from suites.training.adherence import (
    Judge,
    Judgement,
    Trial,
    describe,
    draw_exactly,
    held_out_pairs,
    share_right,
    try_all,
)
from suites.training.scenes import SIZE, Scene, Thing, is_held_out

RED_BALL = Scene((Thing("red", "ball"),), "on green grass")


def test_the_judge_is_right_on_drawn_held_out_scenes():
    trials = try_all(held_out_pairs(171), draw_exactly)
    assert share_right(trials) >= 0.97, describe(trials)


@pytest.mark.parametrize("place", ["on a sandy beach", "in the snow"])
@pytest.mark.parametrize("time", ["", "at sunset", "at night"])
def test_the_judge_names_place_and_time(place: str, time: str):
    seen = Judge().judge(draw_exactly(Scene((Thing("blue", "star"),), place, time), 3))
    assert seen == Judgement("blue", place, time)


def test_the_judge_denies_another_colour():
    blue = draw_exactly(Scene((Thing("blue", "ball"),), RED_BALL.place), 0)
    trial = Trial(RED_BALL, 0, Judge().judge(blue))
    assert trial.background_right
    assert not trial.colour_right
    assert not trial.right


def test_the_judge_denies_another_background():
    elsewhere = draw_exactly(Scene(RED_BALL.things, "in the snow"), 0)
    trial = Trial(RED_BALL, 0, Judge().judge(elsewhere))
    assert trial.colour_right
    assert not trial.right


def test_a_grey_picture_is_not_right():
    grey = Image.new("RGB", (SIZE, SIZE), (128, 128, 128))
    assert share_right(try_all(held_out_pairs(30), lambda *_: grey)) <= 0.1


def test_pairs_are_held_out_and_the_same_on_every_call():
    pairs = held_out_pairs(120)
    assert pairs == held_out_pairs(120)
    assert len(set(pairs)) == 120
    assert all(is_held_out(scene.things[0], scene.place) for scene, _ in pairs)


def test_the_description_counts():
    right = Trial(RED_BALL, 0, Judgement("red", "on green grass", ""))
    wrong = Trial(RED_BALL, 1, Judgement("pink", "on green grass", ""))
    assert "1 of 2 right: 50.0%" in describe([right, wrong])
    assert share_right([right, wrong]) == 0.5
