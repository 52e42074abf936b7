"""How far an image may move by rounding alone, as long as nobody has measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.environment.profile import PORTABLE


@dataclass(frozen=True, slots=True)
class Noise:
    """Limits on metrics inside which nothing but rounding is seen."""

    limits: Mapping[str, float]
    """Metric name → the largest value that rounding explains."""
    source: str
    """Where the limits come from: ``noise (float32, not measured)``."""

    def explains(self, metrics: Mapping[str, float]) -> bool:
        """Whether every metric stays within the noise; False where there are no limits."""
        return bool(self.limits) and all(
            metrics[name] <= limit for name, limit in self.limits.items()
        )


def unmeasured_noise(dtype: str, profile: str | None = None) -> Noise:
    """Return the noise assumed for ``dtype`` (torch's name) where none was measured.

    One level of 255 per pixel in float32 and float64: threads, instruction set, batch size and
    memory format each moved the pixels of a small Stable Diffusion model by at most one level,
    the one that ``(x * 255).round()`` turns a tiny float change into (``docs/architecture.md``,
    "Noise"). For float16 and bfloat16 no such bound is known: nothing is assumed, and every
    difference is beyond the noise. So it is in the profile ``portable``, whose pixels rounding
    cannot move.
    """
    if profile == PORTABLE:
        return Noise(limits={}, source="noise (portable, none)")
    limits = {"peak_difference": 1.0} if dtype in {"float32", "float64"} else {}
    return Noise(limits=limits, source=f"noise ({dtype}, not measured)")
