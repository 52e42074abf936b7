"""The eleven objects a scene may show, drawn with a handful of flat forms each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from PIL import Image, ImageDraw

from .palette import Colour, darken, lighten, mix

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Brush:
    """Draws around one object's foot point, in units of the object's half size.

    A point is (to the right, up) of the place where the object touches the ground.
    `x`, `ground` and `half_size` are pixels of the canvas.
    """

    canvas: ImageDraw.ImageDraw
    x: float
    ground: float
    half_size: float
    night: bool

    def at(self, point: Point) -> Point:
        """Pixel coordinates of a point."""
        right, up = point
        return self.x + right * self.half_size, self.ground - up * self.half_size

    def ellipse(self, right: float, up: float, radii: Point, fill: Colour) -> None:
        """Fill an axis-parallel ellipse given its centre and its two radii."""
        (left, top) = self.at((right - radii[0], up + radii[1]))
        (end, bottom) = self.at((right + radii[0], up - radii[1]))
        self.canvas.ellipse((left, top, end, bottom), fill=fill)

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill a polygon."""
        self.canvas.polygon([self.at(point) for point in points], fill=fill)

    def box(self, left: float, bottom: float, right: float, top: float, fill: Colour) -> None:
        """Fill an axis-parallel rectangle."""
        self.canvas.rectangle((*self.at((left, top)), *self.at((right, bottom))), fill=fill)

    def line(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """Draw a line of a given width."""
        pixels = max(1, int(width * self.half_size))
        self.canvas.line([self.at(p) for p in points], fill=fill, width=pixels, joint="curve")


def _ball(brush: Brush, colour: Colour) -> None:
    steps = 8
    for step in range(steps + 1):
        share = step / steps
        radius = 1 - 0.82 * share
        tone = mix(darken(colour, 0.2), lighten(colour, 0.4), share)
        brush.ellipse(-0.28 * share, 1 + 0.28 * share, (radius, radius), tone)


def _cube(brush: Brush, colour: Colour) -> None:
    left, right, depth, side = -1.0, 0.5, 0.5, 1.5
    brush.box(left, 0, right, side, colour)
    far = side + depth
    top = [(left, side), (right, side), (right + depth, far), (left + depth, far)]
    flank = [(right, 0.0), (right, side), (right + depth, far), (right + depth, depth)]
    brush.polygon(top, lighten(colour, 0.4))
    brush.polygon(flank, darken(colour, 0.38))


def _cone(brush: Brush, colour: Colour) -> None:
    tip = (0.0, 2.2)
    brush.ellipse(0, 0.24, (1.0, 0.26), colour)
    brush.polygon([(-1.0, 0.26), (1.0, 0.26), tip], colour)
    brush.polygon([(0.28, 0.0), (0.75, 0.08), (1.0, 0.26), tip], darken(colour, 0.32))


def _star(brush: Brush, colour: Colour) -> None:
    def corners(radius: float) -> list[Point]:
        reach = [radius * (1.0 if corner % 2 == 0 else 0.5) for corner in range(10)]
        turn = [corner * math.pi / 5 for corner in range(10)]
        return [(r * math.sin(t), 1.08 + r * math.cos(t)) for r, t in zip(reach, turn, strict=True)]

    brush.polygon(corners(1.28), darken(colour, 0.35))
    brush.polygon(corners(1.04), colour)


def _heart(brush: Brush, colour: Colour) -> None:
    def outline(scale: float) -> list[Point]:
        """Trace the heart curve, https://mathworld.wolfram.com/HeartCurve.html (its equation 7)."""
        points = []
        for step in range(64):
            t = step * math.pi / 32
            height = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
            points.append((scale * 16 * math.sin(t) ** 3, 1.2 + scale * height))
        return points

    brush.polygon(outline(0.07), darken(colour, 0.35))
    brush.polygon(outline(0.059), colour)
    brush.ellipse(-0.42, 1.55, (0.22, 0.16), lighten(colour, 0.5))


def _apple(brush: Brush, colour: Colour) -> None:
    shade = darken(colour, 0.16)
    brush.ellipse(0.4, 0.86, (0.62, 0.86), shade)
    brush.ellipse(-0.36, 0.86, (0.66, 0.86), colour)
    brush.ellipse(0, 0.8, (0.6, 0.74), colour)
    brush.ellipse(-0.5, 1.15, (0.2, 0.28), lighten(colour, 0.5))
    brush.line([(0, 1.45), (0.08, 2.1)], 0.17, (92, 58, 30))
    brush.polygon([(0.1, 1.72), (0.4, 2.15), (1.0, 2.12), (0.6, 1.7)], (64, 150, 54))


def _cat(brush: Brush, colour: Colour) -> None:
    shade, soft = darken(colour, 0.32), lighten(colour, 0.35)
    brush.line([(0.4, 0.15), (1.02, 0.25), (1.1, 0.85)], 0.24, shade)
    brush.ellipse(0, 0.45, (0.66, 0.46), shade)
    for side in (-1, 1):
        brush.ellipse(side * 0.34, 0.14, (0.26, 0.16), soft)
        brush.polygon([(side * 0.9, 1.35), (side * 0.82, 2.35), (side * 0.08, 1.85)], colour)
        brush.polygon(
            [(side * 0.7, 1.6), (side * 0.68, 2.05), (side * 0.36, 1.84)], (240, 150, 160)
        )
    brush.ellipse(0, 1.25, (0.96, 0.7), colour)
    _cat_face(brush, colour)


def _cat_face(brush: Brush, colour: Colour) -> None:
    ink = (18, 18, 22)
    hairs = (230, 230, 230) if sum(colour) < 300 else ink
    for side in (-1, 1):
        brush.line([(side * 0.3, 1.0), (side * 1.2, 1.12)], 0.07, hairs)
        brush.line([(side * 0.3, 0.9), (side * 1.12, 0.72)], 0.07, hairs)
        brush.ellipse(side * 0.42, 1.36, (0.27, 0.29), (252, 252, 225))
        brush.ellipse(side * 0.4, 1.36, (0.14, 0.22), ink)
    brush.polygon([(-0.16, 1.08), (0.16, 1.08), (0, 0.88)], (232, 84, 110))


def _house(brush: Brush, colour: Colour) -> None:
    glass = (255, 232, 130) if brush.night else (190, 226, 248)
    brush.box(-0.86, 0, 0.86, 1.2, colour)
    brush.polygon([(-1.12, 1.15), (1.12, 1.15), (0, 2.15)], darken(colour, 0.5))
    brush.box(-0.62, 0, -0.12, 0.78, (104, 66, 38))
    brush.box(0.14, 0.42, 0.66, 0.92, glass)


def _mug(brush: Brush, colour: Colour) -> None:
    shade = darken(colour, 0.3)
    left, top = brush.at((0.25, 1.4))
    right, bottom = brush.at((1.2, 0.38))
    brush.canvas.ellipse(
        (left, top, right, bottom), outline=shade, width=max(1, int(0.24 * brush.half_size))
    )
    brush.ellipse(-0.1, 0.18, (0.75, 0.18), colour)
    brush.box(-0.85, 0.18, 0.65, 1.6, colour)
    brush.ellipse(-0.1, 1.62, (0.75, 0.24), lighten(colour, 0.5))
    brush.ellipse(-0.1, 1.6, (0.6, 0.15), (92, 54, 30))


def _mushroom(brush: Brush, colour: Colour) -> None:
    stem: Colour = (240, 226, 196)
    spots: Colour = (250, 250, 246) if sum(colour) < 680 else (190, 170, 160)
    brush.polygon([(-0.32, 1.0), (0.32, 1.0), (0.42, 0.04), (-0.42, 0.04)], stem)
    brush.ellipse(0, 0.06, (0.42, 0.1), stem)
    left, top = brush.at((-1.15, 2.1))
    right, bottom = brush.at((1.15, -0.15))
    brush.canvas.pieslice((left, top, right, bottom), 180, 360, fill=colour)
    brush.ellipse(0, 0.98, (1.15, 0.2), darken(colour, 0.32))
    for across, up, radius in ((-0.56, 1.42, 0.2), (0.08, 1.72, 0.22), (0.64, 1.36, 0.19)):
        brush.ellipse(across, up, (radius, radius * 0.85), spots)


def _flower(brush: Brush, colour: Colour) -> None:
    leaf = (46, 128, 56)
    heart = (120, 72, 36) if colour[2] < 120 and sum(colour) >= 380 else (252, 206, 50)
    brush.line([(0, 0), (0, 1.3)], 0.18, leaf)
    for side in (-1, 1):
        brush.polygon([(0, 0.05), (side * 0.75, 0.62), (side * 0.2, 0.5)], leaf)
    turns = [petal * math.pi / 3 + math.pi / 6 for petal in range(6)]
    for radius, tone in ((0.46, darken(colour, 0.32)), (0.37, colour)):
        for turn in turns:
            centre = 0.54 * math.cos(turn), 1.45 + 0.54 * math.sin(turn)
            brush.ellipse(*centre, (radius, radius), tone)
    brush.ellipse(0, 1.45, (0.36, 0.36), heart)


SHAPES: Final[dict[str, Callable[[Brush, Colour], None]]] = {
    "ball": _ball,
    "cube": _cube,
    "cone": _cone,
    "star": _star,
    "heart": _heart,
    "apple": _apple,
    "cat": _cat,
    "house": _house,
    "mug": _mug,
    "mushroom": _mushroom,
    "flower": _flower,
}


def draw_shadow(image: Image.Image, x: float, ground: float, half_size: float) -> None:
    """Darken a flat ellipse on the ground under an object; all arguments are pixels."""
    mask = Image.new("L", image.size, 0)
    across, deep = half_size * 1.1, half_size * 0.22
    bounds = (x - across, ground - deep, x + across, ground + deep)
    ImageDraw.Draw(mask).ellipse(bounds, fill=90)
    image.paste((10, 10, 25), (0, 0), mask)
