"""Where an image parts from the accepted one: as lines, and as a small plot."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.diagnosis.model import Diagnosis, FirstDivergence, GrowthKind
from harness.generation.stages import Stage
from harness.reporting.causes import cause_lines
from harness.reporting.text import visible

WIDTH = 320
HEIGHT = 72
_LOWEST = -9
"""The plot's bottom, as a power of ten; smaller distances are drawn there."""
_HIGHEST = 0.3
_LEFT = 34
_GROWTH = {
    GrowthKind.ROUNDING_LIKE: "growing as rounding does",
    GrowthKind.CONSTANT: "there from the start",
    GrowthKind.AMPLIFIED: "growing from a change larger than rounding",
    GrowthKind.ADDS_UP: "growing as a change in every step does",
    GrowthKind.JUMP: "growing by a jump",
}


@dataclass(frozen=True, slots=True)
class Dot:
    """One stage of the plot, in its units."""

    x: float
    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Relative distances over the stages, on a logarithmic scale."""

    dots: tuple[Dot, ...]
    points: str
    """The same as an SVG polyline has them."""
    ticks: tuple[tuple[float, str], ...]
    """Heights of the scale's lines, with their labels."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT


def diagnosis_lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Yield where two images part, how far apart they are, and why."""
    yield from divergence_lines(diagnosis)
    yield from cause_lines(diagnosis)


def divergence_lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Yield ``first divergence: …`` and how far apart the images are there and at the latents."""
    found = diagnosis.first_divergence
    if found is None:
        if diagnosis.note:
            note = visible(diagnosis.note, lines=False)
            yield f"first divergence: unknown, since {note}"
        return
    yield f"first divergence: {visible(found.words, lines=False)}"
    distances = distances_in_words(found)
    if distances:
        yield distances


def distances_in_words(found: FirstDivergence) -> str | None:
    """Return ``relative distance 1.3e-07 there, 1.7e-06 before the VAE``; None if unknown."""
    parts = [f"{found.here:.1e} there"] if found.here is not None else []
    if found.before_vae is not None and found.stage is not Stage.LATENTS_BEFORE_VAE:
        parts.append(f"{found.before_vae:.1e} before the VAE")
    if found.jump is not None:
        where = _stage_name(found.jump.stage, found.jump.index)
        parts.append(f"{found.jump.factor:.0f} times as far at {where} as just before")
    elif found.growth is not None and parts:
        parts.append(_GROWTH[found.growth.kind])
    return f"relative distance {', '.join(parts)}" if parts else None


def plot_of(found: FirstDivergence) -> Plot | None:
    """Lay out the distances; None where fewer than two stages have one."""
    known = [each for each in found.distances if each.distance is not None]
    if len(known) < 2:  # noqa: PLR2004 - one dot is no curve
        return None
    step = (WIDTH - _LEFT - 6) / (len(known) - 1)
    dots = tuple(
        Dot(
            round(_LEFT + number * step, 1),
            _height(each.distance or 0.0),
            f"{_stage_name(each.stage, each.index)}: {each.distance:.1e}"
            if each.distance
            else f"{_stage_name(each.stage, each.index)}: identical",
        )
        for number, each in enumerate(known)
    )
    return Plot(
        dots=dots,
        points=" ".join(f"{dot.x},{dot.y}" for dot in dots),
        ticks=tuple((_height(10.0**power), f"1e{power}") for power in (-8, -6, -4, -2)),
    )


def _height(distance: float) -> float:
    power = math.log10(distance) if distance > 0 else _LOWEST
    share = (min(max(power, _LOWEST), _HIGHEST) - _LOWEST) / (_HIGHEST - _LOWEST)
    return round(HEIGHT - 4 - share * (HEIGHT - 8), 1)


def _stage_name(stage: Stage, index: int) -> str:
    name = stage.value.replace("_", " ")
    return f"{name} {index + 1}" if stage is Stage.DENOISING_STEP else name
