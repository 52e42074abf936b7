"""A run that a sweep left, put together without a model: small pictures, scores, groups."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from goldenseed.core.files import json_sha256
from goldenseed.core.pixels import pixels_sha256
from goldenseed.runs.parts import Block, VerbRecord
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.verdict.model import Reason
from tests.unit.reporting.recorded import case, run

LIMIT = 24.0


def swept(folder: Path, seeds: int = 8, scales: tuple[int, ...] = (3, 7)) -> RunRecord:
    """A sweep of ``seeds`` with each scale: sharpness 10 and up, half of it within the limit."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    cases = [
        image(folder, number, seed, scale)
        for number, (seed, scale) in enumerate((s, g) for s in range(seeds) for g in scales)
    ]
    kept = [each for each in cases if not each.reasons]
    outcome = f"{len(cases)} of {len(cases)} images made; {len(kept)} hold min_sharpness {LIMIT:g}"
    verb = VerbRecord(
        name="sweep",
        passed=True,
        outcome=outcome,
        notes=(Block((outcome,)),),
        alike={each.id: number % 3 for number, each in enumerate(kept)},
    )
    return run(*cases, verb=verb, not_compared=(), run_id="sweep-20261129T080000Z-aaaa")


def image(folder: Path, number: int, seed: int, scale: int) -> CaseRecord:
    """One image of it."""
    picture = Image.new("RGB", (48, 32), (20 * number % 256, 200 - 20 * seed, 90))
    picture.putpixel((number % 48, 0), (255, 255, 255))
    digest = pixels_sha256(picture)
    picture.save(folder / "images" / f"{digest}.png")
    sharpness = 10.0 + 2 * ((number * 5) % 16)
    recipe = {"prompt": "a red apple", "seed": seed, "call": {"guidance_scale": scale}}
    broken = (
        Reason(code="content", metric="sharpness", value=sharpness, limit=LIMIT, direction="min"),
    )
    return case(
        "new",
        id=f"it's an apple[guidance_scale={scale},seed={seed}]",
        suite="shapes",
        path="suites/shapes.suite.yaml",
        recipe=recipe,
        recipe_sha256=json_sha256(recipe),
        pixels_sha256=digest,
        image=f"images/{digest}.png",
        width=48,
        height=32,
        content={"sharpness": sharpness, "skin_fraction": 0.01 * number},
        content_limits={"min_sharpness": LIMIT},
        reasons=broken if sharpness < LIMIT else (),
    )
