"""Rounding told from real change on real pipelines, without anything having been measured."""

from __future__ import annotations

import pytest
from rounding_runs import CHANGES, judged, made

from harness.verdict.model import Verdict
from harness.verdict.rounding import trace_measures

CHANGED = ["denoiser's weights 1e-6", "guidance 5.0001"]
OTHER_KERNELS = ["channels last", "second of a batch of 2"]
IMAGES = 2


@pytest.mark.parametrize(
    ("model", "harmless"),
    [
        ("shapes", ["2 threads", "AVX2", "flash attention", "without oneDNN", *OTHER_KERNELS]),
        ("sdxl", OTHER_KERNELS),
        ("flux", OTHER_KERNELS),
    ],
)
def test_rounding_is_a_match_and_a_change_of_one_level_a_warning(model: str, harmless: list[str]):
    found = made(model, ["the same again", *harmless, *CHANGED], images=IMAGES)
    plain = found.pop("the same again")
    for name, images in found.items():
        for before, now in zip(plain, images, strict=True):
            harmless = CHANGES[name].harmless
            measures = trace_measures(before.trace, now.trace, "float32")
            assert all(each.explained for each in measures) is harmless, (name, measures)
            verdict = judged(before, now).verdict
            # Of the tiny models' few pixels sometimes none moves, whatever happened.
            if verdict is not Verdict.IDENTICAL or (model == "shapes" and not harmless):
                assert verdict is (Verdict.MATCH if harmless else Verdict.WARN), name
