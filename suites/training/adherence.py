"""Does the model draw what was asked for? Colour and background of held-out prompts.

The judge knows nothing of the networks. It compares the border of a picture with drawn
backgrounds to name place and time, then lets the pixels of the middle that differ from that
background vote for the nearest colour of the palette. Drawn scenes validate it first.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .backgrounds import PLACES, draw_background
from .palette import COLOURS, TIMES, Colour, darken, lighten, tint_object
from .scenes import SIZE, Scene, draw, held_out_scenes

Pixels: TypeAlias = NDArray[np.float64]

_TEMPLATE_DRAWINGS: Final = 24
_BLOCK: Final = 8
_DIFFERENT: Final = 40.0
_MIDDLE: Final = (
    slice(int(SIZE * 0.36), int(SIZE * 0.8)),
    slice(int(SIZE * 0.26), int(SIZE * 0.74)),
)


@dataclass(frozen=True)
class Judgement:
    """What a picture shows, as far as the judge can tell."""

    colour: str
    place: str
    time: str


@dataclass(frozen=True)
class Trial:
    """One picture: what was asked, the seed, and what the judge saw."""

    scene: Scene
    seed: int
    seen: Judgement

    @property
    def colour_right(self) -> bool:
        """Whether the dominant colour is the one asked for."""
        return self.seen.colour == self.scene.things[0].colour

    @property
    def background_right(self) -> bool:
        """Whether both place and time are those asked for."""
        return (self.seen.place, self.seen.time) == (self.scene.place, self.scene.time)

    @property
    def right(self) -> bool:
        """Whether colour and background are right."""
        return self.colour_right and self.background_right


def _blocks(pixels: Pixels) -> Pixels:
    """Mean colours of 8-pixel blocks: (128, 128, 3) to (16, 16, 3)."""
    side = SIZE // _BLOCK
    means: Pixels = pixels.reshape(side, _BLOCK, side, _BLOCK, 3).mean(axis=(1, 3))
    return means


def _border() -> NDArray[np.bool_]:
    """Blocks that objects of usual size never reach: (16, 16)."""
    side = SIZE // _BLOCK
    border = np.zeros((side, side), dtype=np.bool_)
    border[:3] = border[:, :2] = border[:, -2:] = True
    return border


def _tones(name: str, time: str) -> list[Colour]:
    """List the base colour at a time of day and the shades of it that shapes are made of."""
    base = tint_object(COLOURS[name], time)
    if name == "black":
        return [base, lighten(base, 0.15)]
    if name == "white":
        return [base, darken(base, 0.2)]
    return [base, darken(base, 0.16), darken(base, 0.34), lighten(base, 0.3)]


class Judge:
    """Names colour, place and time of pictures of one object."""

    def __init__(self) -> None:
        rng = random.Random(0)
        self._templates: dict[tuple[str, str], Pixels] = {}
        for place in PLACES:
            for time in TIMES:
                drawings = [
                    draw_background(SIZE, place, time, rng) for _ in range(_TEMPLATE_DRAWINGS)
                ]
                stack = np.stack([np.asarray(drawing, dtype=np.float64) for drawing in drawings])
                self._templates[place, time] = stack.mean(axis=0)

    def judge(self, image: Image.Image) -> Judgement:
        """Look at an RGB image of `SIZE` pixels square."""
        pixels = np.asarray(image, dtype=np.float64)
        place, time = self._name_background(pixels)
        return Judgement(self._name_colour(pixels, place, time), place, time)

    def _name_background(self, pixels: Pixels) -> tuple[str, str]:
        border, blocks = _border(), _blocks(pixels)

        def distance(background: tuple[str, str]) -> float:
            difference = blocks - _blocks(self._templates[background])
            return float(np.square(difference[border]).mean())

        return min(self._templates, key=distance)

    def _name_colour(self, pixels: Pixels, place: str, time: str) -> str:
        middle, background = pixels[_MIDDLE], self._templates[place, time][_MIDDLE]
        differs = np.sqrt(np.square(middle - background).sum(axis=-1)) > _DIFFERENT
        votes = [(name, tone) for name in COLOURS for tone in _tones(name, time)]
        palette = np.array([tone for _, tone in votes], dtype=np.float64)
        distances = np.square(middle[differs][:, None] - palette[None]).sum(axis=-1)
        counts = Counter(votes[index][0] for index in distances.argmin(axis=1))
        return counts.most_common(1)[0][0] if counts else ""


def held_out_pairs(number: int) -> list[tuple[Scene, int]]:
    """Choose `number` held-out scenes, each with the seed to draw or generate it from."""
    scenes = list(held_out_scenes())
    random.Random(0).shuffle(scenes)
    return [(scenes[index % len(scenes)], index) for index in range(number)]


def try_all(
    pairs: Iterable[tuple[Scene, int]], make_image: Callable[[Scene, int], Image.Image]
) -> list[Trial]:
    """Make and judge one image per pair of scene and seed."""
    judge = Judge()
    return [Trial(scene, seed, judge.judge(make_image(scene, seed))) for scene, seed in pairs]


def draw_exactly(scene: Scene, seed: int) -> Image.Image:
    """Draw the right answer, to validate the judge with."""
    return draw(scene, random.Random(seed)).image


def share_right(trials: list[Trial]) -> float:
    """Share of trials with right colour and right background, 0 to 1."""
    return sum(trial.right for trial in trials) / len(trials)


def describe(trials: list[Trial]) -> str:
    """Tell in a few lines the share, and how it is spread over colours and backgrounds."""
    right = sum(trial.right for trial in trials)
    lines = [f"{right} of {len(trials)} right: {share_right(trials):.1%}"]
    groups: list[tuple[str, Callable[[Trial], str], Callable[[Trial], bool]]] = [
        ("colour", lambda t: t.scene.things[0].colour, lambda t: t.colour_right),
        ("background", lambda t: f"{t.scene.place} {t.scene.time}", lambda t: t.background_right),
    ]
    for title, key, is_right in groups:
        asked = Counter(key(trial) for trial in trials)
        met = Counter(key(trial) for trial in trials if is_right(trial))
        lines.append(f"{title}: {met.total()} of {len(trials)}")
        lines += [f"  {name.strip():28} {met[name]:3} of {asked[name]}" for name in sorted(asked)]
    return "\n".join(lines)
