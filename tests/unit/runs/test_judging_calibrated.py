"""A calibration holds for what is in force inside the pipeline's call, not only around it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from judged_case import PENDING, PROFILE, RECIPE, candidate
from PIL import Image

from goldenseed.baselines.candidate import Measurement
from goldenseed.baselines.entry import MeasuredNoise, Pattern
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.files import json_sha256
from goldenseed.runs.judging import Judging
from goldenseed.runs.made import Made
from goldenseed.suite.cases import Limit
from goldenseed.verdict.model import Verdict

HERE: dict[str, Any] = {"torch.version": "2.13.0", "cpu.threads": 1}
THREADED = {**HERE, "cpu.threads": 2}


def calibrated(root: Path) -> BaselineStore:
    """Accept a picture, and let a calibration find three levels of noise with 1 and 2 threads."""
    image = Image.new("RGB", (24, 16), (200, 30, 30))
    accepted = candidate(root, image, HERE)
    store = BaselineStore(root / "baselines")
    store.accept([accepted], by="ada", reason="it looks right")
    noise = MeasuredNoise(
        pattern=Pattern.ENVELOPE,
        images=3,
        limits={"peak_difference": 3.0},
        recipe_sha256=json_sha256(RECIPE),
        environment_sha256=json_sha256(HERE),
        harmless_environments=(json_sha256(THREADED),),
        measured_at=datetime(2026, 11, 20, tzinfo=UTC),
        measured_by="ada",
    )
    store.measured([Measurement(accepted, noise, (HERE, THREADED))], by="ada")
    return store


@pytest.mark.parametrize(
    ("in_force", "verdict"),
    [
        ({}, Verdict.MATCH),
        ({"cpu.threads": 2}, Verdict.MATCH),
        ({"cpu.threads": 4}, Verdict.WARN),
        ({"torch.mkldnn.enabled": False}, Verdict.WARN),
        ({"torch.autocast": "bfloat16"}, Verdict.WARN),
    ],
)
def test_what_is_switched_inside_the_call_ends_it(
    tmp_path: Path, in_force: dict[str, Any], verdict: Verdict
):
    store = calibrated(tmp_path)
    made = Made(
        image=Image.new("RGB", (24, 16), (203, 30, 30)),
        profile=PROFILE,
        environment_sha256=json_sha256(HERE),
        environment=HERE,
        in_force=in_force,
    )
    limits = {"max_peak_difference": Limit(9, "suite")}
    judging = Judging(tmp_path / "run", store, frozenset({Verdict.MATCH}))
    found = judging.judge(PENDING, made, limits=limits, dtype="float32")
    assert found.verdict is verdict, found.reasons
    notes = [each.detail for each in found.reasons if each.detail and "expired" in each.detail]
    if verdict is Verdict.MATCH:
        assert not notes
    else:
        (key,) = in_force
        assert notes == [f"the calibration of 2026-11-20 has expired: {key} changed"]
