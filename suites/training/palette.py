"""Colours by name, and how the time of day tints them.

A colour is an (R, G, B) triple of integers, 0 to 255.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Colour: TypeAlias = tuple[int, int, int]

COLOURS: Final[dict[str, Colour]] = {
    "red": (216, 36, 36),
    "orange": (246, 134, 24),
    "yellow": (250, 216, 44),
    "green": (40, 158, 66),
    "blue": (40, 92, 222),
    "purple": (130, 56, 180),
    "pink": (248, 132, 182),
    "white": (250, 250, 250),
    "black": (36, 36, 42),
}
TIMES: Final = ("", "at sunset", "at night")

_SUNSET_GLOW: Final[Colour] = (250, 150, 80)
_SUNSET_DUSK: Final[Colour] = (60, 20, 50)
_NIGHT: Final[Colour] = (22, 28, 84)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Blend linearly: `share` 0 gives `first`, 1 gives `second`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def lighten(colour: Colour, share: float) -> Colour:
    """Blend towards white; `share` is 0 to 1."""
    return mix(colour, (255, 255, 255), share)


def darken(colour: Colour, share: float) -> Colour:
    """Blend towards a bluish black; `share` is 0 to 1."""
    return mix(colour, (10, 8, 20), share)


def tint_surroundings(colour: Colour, time: str) -> Colour:
    """Colour of ground, walls and water at a time of day (one of `TIMES`)."""
    if time == "at sunset":
        return mix(mix(colour, _SUNSET_GLOW, 0.25), _SUNSET_DUSK, 0.12)
    return mix(colour, _NIGHT, 0.58) if time == "at night" else colour


def tint_object(colour: Colour, time: str) -> Colour:
    """Colour of an object at a time of day: tinted far less, so that its name still fits."""
    if time == "at sunset":
        return mix(colour, _SUNSET_GLOW, 0.08)
    return mix(colour, _NIGHT, 0.16) if time == "at night" else colour
