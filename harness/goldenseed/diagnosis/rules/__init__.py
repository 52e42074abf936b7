"""The rules, one family a file: each explains a root from what was found."""

from __future__ import annotations

from typing import Final

from goldenseed.diagnosis.rules.arithmetic import batch, dtype, rounding
from goldenseed.diagnosis.rules.denoiser import denoiser
from goldenseed.diagnosis.rules.image import blank, image
from goldenseed.diagnosis.rules.noise import noise, schedule
from goldenseed.diagnosis.rules.on_record import declared, recorded
from goldenseed.diagnosis.rules.text import text
from goldenseed.diagnosis.suspicion import Rule

RULES: Final[tuple[Rule, ...]] = (
    declared,
    recorded,
    text,
    batch,
    dtype,
    schedule,
    noise,
    denoiser,
    image,
    blank,
    rounding,
)
"""All of them; their order means nothing."""

ON_RECORD: Final[tuple[Rule, ...]] = (declared, recorded)
"""Those that read what the two images were made with, and not how far they are apart."""
