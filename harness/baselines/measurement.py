"""What a calibration found of one case, as the store is given it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.baselines.candidate import Candidate
from harness.baselines.exact_image import ExactImage
from harness.baselines.measured_noise import MeasuredNoise


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured of one case, and the images that are its modes."""

    unchanged: Candidate
    """The first unchanged image: says suite, case and profile."""
    noise: MeasuredNoise
    environments: tuple[Mapping[str, str | int | float | bool | None], ...]
    """Where the images were made: those that ``noise`` names by their digests."""
    modes: tuple[Candidate, ...] = ()
    """Images to be accepted beside those that are; of an envelope none."""
    exact: ExactImage | None = None
    exact_trace: Path | None = None
    """The trace that ``exact`` names, in the run's folder."""
