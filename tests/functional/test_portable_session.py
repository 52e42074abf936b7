"""A portable suite in a whole session: what is accepted for it holds on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

MODEL = "model: {source: model}"
PORTABLE = f"{MODEL}\ndeterminism: portable"


def test_portable_cases_are_accepted_for_every_machine(project: Any):
    project.edit(MODEL, PORTABLE)
    project.accept_all()
    assert {case["profile"] for case in project.record()["cases"]} == {"portable"}
    assert project.run().ret == 0
    assert set(project.verdicts().values()) == {"identical"}
    assert {case["baseline"]["profile"] for case in project.record()["cases"]} == {"portable"}


def test_the_run_still_says_on_which_machine_it_was(project: Any):
    project.edit(MODEL, PORTABLE)
    project.run("-k", "red-apple")
    assert project.record()["profile"].startswith("cpu-")


def test_a_baseline_of_a_machine_is_none_for_a_portable_case(project: Any):
    project.accept_all()
    project.edit(MODEL, PORTABLE)
    project.run("-k", "red-apple")
    assert set(project.verdicts().values()) == {"new"}


def test_one_level_of_one_pixel_is_beyond_what_rounding_can_do(
    project: Any, monkeypatch: pytest.MonkeyPatch
):
    from goldenseed.backends.diffusers import outputs

    project.edit(MODEL, PORTABLE)
    project.accept_all()
    to_image = outputs.to_image

    def one_level_off(pixels: np.ndarray[Any, Any]) -> Image.Image:
        levels = np.array(to_image(pixels))
        levels[0, 0, 0] ^= 1
        return Image.fromarray(levels)

    monkeypatch.setattr(outputs, "to_image", one_level_off)
    project.run("-k", "red-apple")
    assert set(project.verdicts().values()) == {"warn"}
