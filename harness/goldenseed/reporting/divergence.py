"""Where an image parts from the accepted one, and why: as lines, and as a small plot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from goldenseed.diagnosis.divergence import changed
from goldenseed.diagnosis.model import (
    Cause,
    ChangedKey,
    Diagnosis,
    FirstDivergence,
    GrowthKind,
    RankedCause,
)
from goldenseed.reporting.text import visible
from goldenseed.trace.stages import Stage, StageName

_KEYS = 4
"""How many keys of the environment a line names."""
_EVIDENCE = 2
"""How many sentences of evidence are told for the likeliest cause."""
_WORTH_NAMING = 0.1
"""Confidence from which a cause is named beside the likeliest."""
_IMPLIED_BY_TORCH = ("torch.version", "torch.git_version", "torch.build.")


def cause_lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Yield ``environment: …`` and ``likely cause: …`` with what speaks for it."""
    line = environment_line(diagnosis.environment)
    if line:
        yield line
    if diagnosis.causes:
        first, *others = diagnosis.causes
        yield f"likely cause: {cause_in_words(first)}"
        yield from (f"  {visible(each, lines=False)}" for each in first.evidence[:_EVIDENCE])
        named = [cause_in_words(each) for each in others if each.confidence >= _WORTH_NAMING]
        if named:
            yield f"  or {', or '.join(named)}"
    yield from (visible(f"note: {each}", lines=False) for each in diagnosis.remarks)


def cause_in_words(cause: RankedCause) -> str:
    """Return ``guidance scale: about 4 → 6 (0.98)``."""
    words = "unknown" if cause.cause is Cause.UNKNOWN else visible(cause.words, lines=False)
    return f"{words} ({cause.confidence:.2f})"


def environment_line(keys: Sequence[ChangedKey]) -> str | None:
    """Return the keys that can explain the difference and how many cannot; None without any."""
    explaining = [each for each in keys if each.explains]
    ruled_out = len(keys) - len(explaining)
    if any(each.key == "package.torch" for each in explaining):
        explaining = [each for each in explaining if not each.key.startswith(_IMPLIED_BY_TORCH)]
    explaining.sort(key=lambda each: not each.key.startswith("package."))
    parts = [_key(each) for each in explaining[:_KEYS]]
    if len(explaining) > _KEYS:
        parts.append(f"{len(explaining) - _KEYS} more")
    if ruled_out:
        verb = "takes" if ruled_out == 1 else "take"
        others = f"{ruled_out} other" if parts else f"{ruled_out}"
        noun = "difference" if ruled_out == 1 else "differences"
        parts.append(f"{others} {noun} {verb} no effect where the images part")
    return f"environment: {visible(', '.join(parts), lines=False)}" if parts else None


def _key(change: ChangedKey) -> str:
    return changed(change.key.removeprefix("package."), change.old, change.new)


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
        where = StageName(found.jump.stage, "", found.jump.index).words
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
            f"{StageName(each.stage, '', each.index).words}: "
            + (f"{each.distance:.1e}" if each.distance else "identical"),
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
