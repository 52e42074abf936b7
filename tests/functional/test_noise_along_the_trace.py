"""Rounding told from real change on real pipelines, without anything having been measured."""

from __future__ import annotations

import pytest

from goldenseed.tolerance.rounding import trace_measures
from goldenseed.verdict.model import Verdict
from rounding_runs import CHANGES, judged, made

CHANGED = ["denoiser's weights 1e-6", "guidance 5.0001"]
LESS_FAINT = ["denoiser's weights 1e-5", "guidance 5.0001"]
"""For a model whose outputs hardly move from step to step, so that it rounds alike in each."""
OTHER_KERNELS = ["channels last", "second of a batch of 2"]
IMAGES = 2


@pytest.mark.parametrize(
    ("model", "harmless", "changed"),
    [
        (
            "shapes",
            ["2 threads", "AVX2", "flash attention", "without oneDNN", *OTHER_KERNELS],
            CHANGED,
        ),
        ("sdxl", OTHER_KERNELS, LESS_FAINT),
        ("flux", OTHER_KERNELS, CHANGED),
    ],
    ids=["shapes", "sdxl", "flux"],
)
def test_rounding_is_a_match_and_a_change_of_one_level_a_warning(
    model: str, harmless: list[str], changed: list[str]
):
    found = made(model, ["the same again", *harmless, *changed], images=IMAGES)
    plain = found.pop("the same again")
    for name, images in found.items():
        for before, now in zip(plain, images, strict=True):
            no_change = CHANGES[name].harmless
            measures = trace_measures(before.trace, now.trace, "float32")
            assert all(each.explained for each in measures) is no_change, (name, measures)
            verdict = judged(before, now).verdict
            # Of the tiny models' few pixels sometimes none moves, whatever happened.
            if verdict is not Verdict.IDENTICAL or (model == "shapes" and not no_change):
                assert verdict is (Verdict.MATCH if no_change else Verdict.WARN), name
