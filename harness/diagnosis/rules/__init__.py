"""The rules, one family a file: each explains a root from what was found."""

from __future__ import annotations

from typing import Final

from harness.diagnosis.rules.batch import batch
from harness.diagnosis.rules.blank import blank
from harness.diagnosis.rules.declared import declared
from harness.diagnosis.rules.denoiser import denoiser
from harness.diagnosis.rules.dtype import dtype
from harness.diagnosis.rules.image import image
from harness.diagnosis.rules.noise import noise
from harness.diagnosis.rules.recorded import recorded
from harness.diagnosis.rules.rounding import rounding
from harness.diagnosis.rules.schedule import schedule
from harness.diagnosis.rules.text import text
from harness.diagnosis.suspicion import Rule

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
