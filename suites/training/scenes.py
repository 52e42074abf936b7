"""Captioned scenes: what a scene holds, what its caption says, and how it is drawn.

Everything follows from a seed: the same seed gives the same scene, caption and picture.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops, ImageDraw

from .backgrounds import PLACES, draw_background
from .palette import COLOURS, TIMES, tint_object
from .shapes import SHAPES, Brush, draw_shadow

SIZE: Final = 128
SIZES: Final = ("", "big", "small")
RELATIONS: Final = ("left of", "right of")

_SUPERSAMPLING: Final = 3
_HELD_OUT_PERCENT: Final = 10
_HALF_SIZES: Final = {"": (0.205, 0.235), "big": (0.275, 0.3), "small": (0.145, 0.16)}


@dataclass(frozen=True)
class Thing:
    """One object: a key of `COLOURS` and a key of `SHAPES`."""

    colour: str
    shape: str


@dataclass(frozen=True)
class Scene:
    """What a picture shows: one thing of some size, or two things and their relation."""

    things: tuple[Thing, ...]
    place: str
    time: str = ""
    size: str = ""
    relation: str = ""


@dataclass(frozen=True)
class Picture:
    """A drawn scene.

    `image` is RGB, `SIZE` pixels square; `mask` is of the same size, 255 wherever
    the objects and their shadows changed the background, else 0.
    """

    image: Image.Image
    mask: Image.Image


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def caption(scene: Scene) -> str:
    """Put the scene in words, such as "a small red apple on a white table at night"."""
    names = [f"{thing.colour} {thing.shape}" for thing in scene.things]
    if len(names) == 1:
        subject = _with_article(f"{scene.size} {names[0]}".strip())
    else:
        subject = f"{_with_article(names[0])} {scene.relation} {_with_article(names[1])}"
    return f"{subject} {scene.place} {scene.time}".strip()


def is_held_out(thing: Thing, place: str) -> bool:
    """Whether this colour, shape and place together are kept out of training.

    Decided by a hash of the words, so that every process and platform agrees.
    """
    words = f"{thing.colour} {thing.shape} {place}"
    digest = hashlib.sha256(words.encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < _HELD_OUT_PERCENT


def _any_thing(rng: random.Random) -> Thing:
    return Thing(rng.choice(list(COLOURS)), rng.choice(list(SHAPES)))


def _any_scene(rng: random.Random) -> Scene:
    place = rng.choice(PLACES)
    time = rng.choices(TIMES, (0.44, 0.26, 0.3))[0]
    if rng.random() < 0.68:
        size = rng.choices(SIZES, (0.66, 0.17, 0.17))[0]
        return Scene((_any_thing(rng),), place, time, size)
    return Scene((_any_thing(rng), _any_thing(rng)), place, time, relation=rng.choice(RELATIONS))


def training_scene(rng: random.Random) -> Scene:
    """Choose a random scene in which no held-out combination occurs."""
    while True:
        scene = _any_scene(rng)
        if not any(is_held_out(thing, scene.place) for thing in scene.things):
            return scene


def held_out_scenes() -> Iterator[Scene]:
    """Every single-object scene of usual size that training never draws, at every time."""
    for place in PLACES:
        for shape in SHAPES:
            for colour in COLOURS:
                thing = Thing(colour, shape)
                if is_held_out(thing, place):
                    for time in TIMES:
                        yield Scene((thing,), place, time)


def _draw_thing(
    image: Image.Image, thing: Thing, foot: tuple[float, float], half_size: float, time: str
) -> None:
    draw_shadow(image, *foot, half_size)
    brush = Brush(ImageDraw.Draw(image), *foot, half_size, night=time == "at night")
    SHAPES[thing.shape](brush, tint_object(COLOURS[thing.colour], time))


def draw(scene: Scene, rng: random.Random) -> Picture:
    """Draw a scene; `rng` decides what the caption leaves open."""
    size = SIZE * _SUPERSAMPLING
    background = draw_background(size, scene.place, scene.time, rng)
    image = background.copy()
    if len(scene.things) == 1:
        centres = [0.5 + rng.uniform(-0.07, 0.07)]
        bounds = _HALF_SIZES[scene.size]
    else:
        centres = [0.26 + rng.uniform(-0.02, 0.02), 0.74 + rng.uniform(-0.02, 0.02)]
        bounds = (0.17, 0.19)
        if scene.relation == "right of":
            centres.reverse()
    for thing, centre in zip(scene.things, centres, strict=True):
        foot = size * centre, size * rng.uniform(0.83, 0.88)
        _draw_thing(image, thing, foot, size * rng.uniform(*bounds), scene.time)
    changed = ImageChops.difference(image, background).convert("L").point(lambda v: 255 * (v > 0))
    small = (SIZE, SIZE)
    return Picture(
        image.resize(small, Image.Resampling.BOX),
        changed.resize(small, Image.Resampling.BOX).point(lambda v: 255 * (v > 127)),
    )


def training_picture(seed: int) -> tuple[Picture, str]:
    """Draw the picture that training knows by this seed, and write its caption."""
    rng = random.Random(seed)
    scene = training_scene(rng)
    return draw(scene, rng), caption(scene)
