"""What a training scene shows and says."""

from __future__ import annotations

import random

import numpy as np
import pytest

from suites.training.backgrounds import PLACES
from suites.training.palette import COLOURS, TIMES
from suites.training.scenes import (
    SIZE,
    Scene,
    Thing,
    caption,
    draw,
    held_out_scenes,
    is_held_out,
    training_picture,
    training_scene,
)
from suites.training.shapes import SHAPES


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (
            Scene((Thing("red", "apple"),), "on a white table"),
            "a red apple on a white table",
        ),
        (
            Scene((Thing("orange", "cat"),), "in the snow", "at night"),
            "an orange cat in the snow at night",
        ),
        (
            Scene((Thing("orange", "cat"),), "in the snow", size="big"),
            "a big orange cat in the snow",
        ),
        (
            Scene(
                (Thing("blue", "cube"), Thing("orange", "ball")),
                "on green grass",
                relation="left of",
            ),
            "a blue cube left of an orange ball on green grass",
        ),
    ],
)
def test_caption_says_what_the_scene_holds(scene: Scene, words: str):
    assert caption(scene) == words


def test_the_same_seed_draws_the_same_picture():
    first, second = training_picture(7), training_picture(7)
    assert first[0].image.tobytes() == second[0].image.tobytes()
    assert first[1] == second[1]


def test_another_seed_draws_another_picture():
    scene = Scene((Thing("red", "ball"),), "on green grass")
    pictures = {draw(scene, random.Random(seed)).image.tobytes() for seed in range(5)}
    assert len(pictures) == 5


@pytest.mark.parametrize("shape", SHAPES)
def test_the_mask_covers_the_object_and_leaves_the_border(shape: str):
    picture = draw(Scene((Thing("red", shape),), "on a white table"), random.Random(0))
    mask = np.asarray(picture.mask)
    assert picture.image.size == picture.mask.size == (SIZE, SIZE)
    assert 0.08 < (mask > 0).mean() < 0.4
    assert not mask[:, :8].any()
    assert not mask[:, -8:].any()


@pytest.mark.parametrize("relation", ["left of", "right of"])
def test_the_relation_decides_the_sides(relation: str):
    scene = Scene((Thing("red", "cube"), Thing("blue", "cube")), "in the snow", relation=relation)
    pixels = np.asarray(draw(scene, random.Random(0)).image).astype(int)
    columns = np.nonzero(pixels[..., 0] - pixels[..., 2] > 120)[1]
    assert (columns.mean() < SIZE / 2) == (relation == "left of")


def test_sizes_are_told_apart():
    areas = [
        np.asarray(
            draw(Scene((Thing("red", "ball"),), "in the snow", size=size), random.Random(0)).mask
        ).sum()
        for size in ("small", "", "big")
    ]
    assert areas[0] < 0.7 * areas[1] < 0.7 * areas[2]


def test_training_never_draws_a_held_out_combination():
    scenes = [training_scene(random.Random(seed)) for seed in range(3000)]
    assert not any(is_held_out(thing, scene.place) for scene in scenes for thing in scene.things)


def test_training_draws_every_word():
    scenes = [training_scene(random.Random(seed)) for seed in range(3000)]
    assert {scene.place for scene in scenes} == set(PLACES)
    assert {scene.time for scene in scenes} == set(TIMES)
    assert {thing.shape for scene in scenes for thing in scene.things} == set(SHAPES)
    assert {thing.colour for scene in scenes for thing in scene.things} == set(COLOURS)


def test_held_out_scenes_are_enough_and_know_every_colour_shape_and_place():
    scenes = list(held_out_scenes())
    assert len(scenes) == len(set(scenes)) >= 120
    assert {scene.place for scene in scenes} == set(PLACES)
    assert {scene.things[0].colour for scene in scenes} == set(COLOURS)
    assert {scene.things[0].shape for scene in scenes} == set(SHAPES)
    assert all(is_held_out(scene.things[0], scene.place) for scene in scenes)


def test_the_held_out_split_is_the_one_the_model_was_trained_with():
    words = {caption(scene) for scene in held_out_scenes() if not scene.time}
    assert len(words) == 57
    assert {"a black ball on green grass", "a blue mug on a wooden table"} <= words
