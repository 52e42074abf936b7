"""A case that is judged without a back end: what is known before, and a candidate to accept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from goldenseed.baselines.store import Candidate
from goldenseed.core.files import json_sha256
from goldenseed.core.pixels import encode_png, pixels_sha256
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Verdict

PROFILE = "cpu-x86_64-avx512"
RECIPE = {"prompt": "a red apple"}
PENDING = CaseRecord(
    id="apple",
    suite="shapes",
    path="shapes.suite.yaml",
    line=1,
    recipe=RECIPE,
    recipe_sha256=json_sha256(RECIPE),
    verdict=Verdict.ERROR,
    passed=False,
)


def candidate(
    folder: Path, image: Image.Image, environment: Mapping[str, Any], trace: Path | None = None
) -> Candidate:
    """Leave an image of the case in ``folder`` as a run would, ready to be accepted."""
    file = folder / "image.png"
    file.write_bytes(encode_png(image))
    return Candidate(
        suite=PENDING.suite,
        case=PENDING.id,
        profile=PROFILE,
        image=file,
        pixels_sha256=pixels_sha256(image),
        recipe=RECIPE,
        recipe_sha256=PENDING.recipe_sha256,
        environment=environment,
        run_id="20261120T115959Z",
        trace=trace,
    )
