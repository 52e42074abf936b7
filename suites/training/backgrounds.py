"""The six places a scene may be set in, at three times of day."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

from .palette import Colour, darken, lighten, tint_surroundings

PLACES: Final = (
    "on a white table",
    "on a wooden table",
    "on green grass",
    "on a sandy beach",
    "in the snow",
    "on a window sill",
)

_SKY: Final[dict[str, tuple[Colour, Colour]]] = {
    "": ((88, 164, 240), (196, 226, 250)),
    "at sunset": ((124, 72, 144), (252, 160, 84)),
    "at night": ((16, 22, 66), (52, 64, 126)),
}
_ROOM: Final[dict[str, Colour]] = {
    "": (168, 200, 198),
    "at sunset": (236, 178, 150),
    "at night": (70, 80, 128),
}
_PLASTER: Final[Colour] = (240, 226, 196)


@dataclass(frozen=True)
class _Area:
    """A rectangle of the canvas, in pixels."""

    left: float
    top: float
    right: float
    bottom: float


def _blend(image: Image.Image, area: _Area, upper: Colour, lower: Colour) -> None:
    """Fill an area with a vertical blend from one colour to another."""
    ramp = Image.linear_gradient("L")
    size = round(area.right - area.left), round(area.bottom - area.top)
    mask = ramp.resize(size, Image.Resampling.BILINEAR)
    patch = Image.composite(Image.new("RGB", size, lower), Image.new("RGB", size, upper), mask)
    image.paste(patch, (round(area.left), round(area.top)))


def _disc(canvas: ImageDraw.ImageDraw, x: float, y: float, radius: float, fill: Colour) -> None:
    canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _draw_sky(image: Image.Image, area: _Area, time: str, rng: random.Random) -> None:
    """Blend the sky, then add sun, moon and stars, or a cloud, left or right of the middle."""
    _blend(image, area, *_SKY[time])
    canvas, unit = ImageDraw.Draw(image), image.width
    across, down = area.right - area.left, area.bottom - area.top
    x = area.left + across * (rng.choice((0.16, 0.8)) + rng.uniform(-0.03, 0.03))
    if time == "at night":
        for right, below in ((0.08, 0.5), (0.33, 0.14), (0.5, 0.3), (0.66, 0.12), (0.92, 0.52)):
            star = area.left + across * right, area.top + down * below
            _disc(canvas, *star, unit * 0.012, (236, 236, 210))
        _disc(canvas, x, area.top + down * rng.uniform(0.24, 0.32), unit * 0.062, (246, 240, 200))
    elif time == "at sunset":
        y = area.bottom - down * rng.uniform(0.24, 0.32)
        _disc(canvas, x, y, unit * 0.082, (255, 226, 120))
    else:
        y = area.top + down * rng.uniform(0.22, 0.34)
        for offset, radius in ((-0.065, 0.04), (0.0, 0.06), (0.07, 0.042)):
            _disc(
                canvas, x + unit * offset, y - unit * radius * 0.5, unit * radius, (250, 252, 255)
            )


def _draw_table(image: Image.Image, place: str, time: str, horizon: float) -> None:
    size = image.width
    canvas = ImageDraw.Draw(image)
    wall = _ROOM[time]
    _blend(image, _Area(0, 0, size, horizon), darken(wall, 0.12), wall)
    wooden = place == "on a wooden table"
    top = tint_surroundings((172, 112, 62) if wooden else (238, 238, 236), time)
    _blend(image, _Area(0, horizon, size, size), darken(top, 0.1), top)
    if wooden:
        for plank in (1, 2, 3):
            y = horizon + (size - horizon) * (plank / 4) ** 1.3
            canvas.rectangle((0, y - size * 0.005, size, y + size * 0.005), fill=darken(top, 0.35))
    edge = size * 0.01
    canvas.rectangle((0, horizon - edge, size, horizon + edge), fill=darken(top, 0.3))


def _draw_window(image: Image.Image, time: str, horizon: float, rng: random.Random) -> None:
    size = image.width
    wall, frame, sill = (
        tint_surroundings(colour, time) for colour in (_PLASTER, (252, 250, 244), (206, 176, 136))
    )
    image.paste(wall, (0, 0, size, size))
    pane = _Area(size * 0.08, size * 0.05, size * 0.92, horizon)
    _draw_sky(image, pane, time, rng)
    canvas, bar = ImageDraw.Draw(image), size * 0.022
    for x in (pane.left, size / 2, pane.right):
        canvas.rectangle((x - bar, pane.top, x + bar, horizon), fill=frame)
    for y in (pane.top, pane.top + (horizon - pane.top) * 0.42):
        canvas.rectangle((pane.left - bar, y - bar, pane.right + bar, y + bar), fill=frame)
    front = horizon + size * 0.24
    _blend(image, _Area(0, horizon, size, front), sill, lighten(sill, 0.2))
    canvas.rectangle((0, front, size, front + size * 0.025), fill=darken(sill, 0.35))


def _draw_grass(image: Image.Image, time: str, horizon: float, rng: random.Random) -> None:
    size, grass = image.width, tint_surroundings((92, 176, 70), time)
    hill, radius = size * rng.choice((0.15, 0.85)), size * 0.5
    ImageDraw.Draw(image).ellipse(
        (hill - radius, horizon - size * 0.09, hill + radius, horizon + size * 0.3),
        fill=darken(grass, 0.25),
    )
    _blend(image, _Area(0, horizon, size, size), darken(grass, 0.08), lighten(grass, 0.1))


def _draw_beach(image: Image.Image, time: str, horizon: float, rng: random.Random) -> None:
    size, canvas = image.width, ImageDraw.Draw(image)
    sea, sand, foam = (
        tint_surroundings(colour, time)
        for colour in ((30, 126, 176), (238, 210, 148), (250, 250, 250))
    )
    canvas.rectangle((0, horizon - size * 0.1, size, horizon + size * 0.05), fill=sea)
    phase = rng.uniform(0, 2 * math.pi)
    shore = [
        (x * size / 32, horizon + size * (0.03 + 0.012 * math.sin(phase + x * 0.45)))
        for x in range(33)
    ]
    canvas.polygon([*shore, (size, size), (0, size)], fill=sand)
    canvas.line(shore, fill=foam, width=int(size * 0.018))


def _draw_snow(image: Image.Image, time: str, horizon: float, rng: random.Random) -> None:
    size, canvas = image.width, ImageDraw.Draw(image)
    snow, needles = (tint_surroundings(colour, time) for colour in ((232, 240, 250), (40, 98, 78)))
    _blend(image, _Area(0, horizon, size, size), darken(snow, 0.14), snow)
    for centre in (0.1, 0.9):
        x, height = size * (centre + rng.uniform(-0.03, 0.03)), size * rng.uniform(0.24, 0.3)
        foot, wide = horizon + size * 0.01, height * 0.34
        canvas.polygon([(x - wide, foot), (x + wide, foot), (x, horizon - height)], fill=needles)


def draw_background(size: int, place: str, time: str, rng: random.Random) -> Image.Image:
    """Draw a place of `PLACES` at a time of `TIMES`, `size` pixels square."""
    image = Image.new("RGB", (size, size))
    horizon = size * rng.uniform(0.585, 0.625)
    if place in ("on a white table", "on a wooden table"):
        _draw_table(image, place, time, horizon)
        return image
    if place == "on a window sill":
        _draw_window(image, time, horizon + size * 0.08, rng)
        return image
    _draw_sky(image, _Area(0, 0, size, horizon), time, rng)
    outdoors = {
        "on green grass": _draw_grass,
        "on a sandy beach": _draw_beach,
        "in the snow": _draw_snow,
    }
    outdoors[place](image, time, horizon, rng)
    return image
