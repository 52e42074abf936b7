"""Two cases of known pixels, of which one changed by a level and the other moved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from goldenseed.core.pixels import pixels_sha256
from goldenseed.runs.record import CaseRecord
from tests.unit.reporting.recorded import case

SIDE = 96
NAMES = ("faint", "moved")


def pictures() -> tuple[Image.Image, Image.Image, Image.Image]:
    """One picture, the same with one level of one pixel changed, and one that moved."""
    y, x = np.mgrid[:SIDE, :SIDE]
    pixels = np.stack([x * 2, y * 2, (x + y) % 200], axis=2).astype(np.uint8)
    faint, moved = pixels.copy(), np.roll(pixels, 5, 1)
    faint[40, 30, 0] += 1
    moved[10:30, 50:80] = (20, 220, 40)
    return Image.fromarray(pixels), Image.fromarray(faint), Image.fromarray(moved)


def drifted_cases(folder: Path) -> list[CaseRecord]:
    """Both cases, ``moved::faint[seed=1]`` and ``moved::moved[seed=1]``, with their pictures."""
    accepted, *others = pictures()
    return [drifted(folder, *each, accepted) for each in zip(NAMES, others, strict=True)]


def drifted(folder: Path, name: str, now: Image.Image, accepted: Image.Image) -> CaseRecord:
    """A case whose picture is no longer the accepted one; both are stored below ``folder``."""
    (folder / "images").mkdir(exist_ok=True)
    for image in (accepted, now):
        image.save(folder / "images" / f"{pixels_sha256(image)}.png")
    peak = float(np.abs(np.asarray(accepted, int) - np.asarray(now, int)).max())
    return case(
        "drift",
        id=f"{name}[seed=1]",
        image=f"images/{pixels_sha256(now)}.png",
        pixels_sha256=pixels_sha256(now),
        width=SIDE,
        height=SIDE,
        metrics={"peak_difference": peak},
        baseline=case("drift").model_dump()["baseline"]
        | {
            "image": f"images/{pixels_sha256(accepted)}.png",
            "pixels_sha256": pixels_sha256(accepted),
        },
    )
