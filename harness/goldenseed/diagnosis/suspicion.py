"""What a rule says: a cause that would explain one root, and how much speaks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.suite.parts import Role

DECLARED = 200.0
"""Weight of a field of the recipe that differs and takes effect at the root."""
RECORDED = 100.0
"""Weight of a key of the fingerprint that names the cause and takes effect at the root."""
SHOWN = 60.0
"""Weight of what the trace shows: this and nothing before it differs, and one thing makes it."""
LIKELY = 10.0
"""Weight of the usual reason for what the trace shows, where others are possible."""
POSSIBLE = 2.0
"""Weight of a possible reason that nothing speaks for."""
_NEAR = 1.5
"""How many times rounding's limit may seem exceeded: a distance estimated from 256 buckets has a
standard error of ``sqrt(2 / 256)``, 9 %, here taken five times."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One cause that would explain one root."""

    cause: Cause
    weight: float
    """Odds against an unknown cause, whose weight is 1."""
    words: str
    """The cause in this very case, without its name: ``about 4 → 6``; empty if no more is known."""
    evidence: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    """The keys of the fingerprint that it rests on."""


Rule = Callable[[Findings, Root], Iterator[Suspicion]]


class Size(Enum):
    """How far a cause moves the stage at which it takes effect."""

    ROUNDING = auto()
    """The order of sums, and nothing else."""
    LOSSY = auto()
    """Rounding, or at times more: attention with eight bits is attention too."""
    REDUCED = auto()
    """Products with 10 or 7 bits of mantissa in float32: 1e-5 to 1e-2."""
    CAST = auto()
    """All values with fewer bits."""
    ANY = auto()
    """Whatever: weights, schedules, prompts."""


def fit(size: Size, findings: Findings, root: Root) -> float:
    """Say how well a cause of that size goes with what is seen at ``root``: from 0 to 1.

    0 for one that only rounds otherwise, where the verdict measures more than rounding explains.
    """
    if size is Size.ANY or (size is Size.CAST and root.recast and not _misshapen(root)):
        return 1.0
    if size is Size.ROUNDING and root.beyond is not None:
        return 0.25 if near_the_limit(findings, root) else 0.0
    if _misshapen(root):
        return 0.02
    if root.place is Place.ANYWHERE:
        return _fit_of_pixels(size, findings)
    if not root.distance:
        return 0.7
    return _fit_of_distance(size, root.distance, root.distance / findings.rounding(root))


def near_the_limit(findings: Findings, root: Root) -> bool:
    """Say whether what exceeds rounding does so by little, or where rounding has no limit.

    A decoder that looks its latents up in a codebook makes a jump of the least rounding.
    """
    classes = [findings.value(f"model.{part}.class") for part in findings.parts(Role.DECODER)]
    if root.place is Place.VAE and any(str(each).startswith("VQ") for each in classes):
        return True
    beyond = root.beyond
    return beyond is not None and beyond.value <= _NEAR * (beyond.limit or 0.0)


def _misshapen(root: Root) -> bool:
    return bool(root.reshaped or root.one_sided)


def is_rounding(findings: Findings, root: Root) -> bool:
    """Say whether rounding alone can have moved ``root`` so far."""
    if _misshapen(root) or root.recast or root.beyond is not None or not root.distance:
        return False
    return root.distance <= findings.rounding(root)


def _fit_of_distance(size: Size, distance: float, roundings: float) -> float:
    if size is Size.CAST:
        return 1.0 if distance > 1e-5 else 0.2  # noqa: PLR2004 - 1 / 50 of float16's epsilon
    if roundings <= 1:
        return 0.3 if size is Size.REDUCED else 1.0
    if size is Size.ROUNDING:
        return max(float(roundings**-1.5), 1e-4)
    largest = 3e-2
    if size is Size.LOSSY:
        return 0.4 if distance < largest else 0.05
    return 1.0 if distance < largest else 0.05


def _fit_of_pixels(size: Size, findings: Findings) -> float:
    """Judge by the pixels where there is no trace: rounding moves few levels (docs/trace.md)."""
    peak = findings.sides.metrics.get("peak_difference")
    few, several = 2, 16
    if peak is None or size is Size.CAST:
        return 0.7
    if peak <= few:
        return 1.0
    return 0.5 if peak <= several else 0.15
