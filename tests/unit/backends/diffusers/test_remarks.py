"""What had no part in an image is said: words cut off, arguments that nothing read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_suites import CALL, one_case

import tiny_pipelines
from goldenseed.backends.diffusers.backend import DiffusersBackend

LONG = "a red ball on a green field under a blue sky " * 12


def remarks(folder: Path, model: str = "sd", /, **case: Any) -> tuple[str, ...]:
    return DiffusersBackend().generate(one_case(folder, model, **case)).remarks


def test_a_prompt_that_is_cut_off_is_quoted_from_there(sd: Path, tmp_path: Path):
    (said,) = remarks(tmp_path, prompt=LONG + "with snow")
    assert said.startswith("a text was cut off after 77 tokens: ")
    assert said.endswith("does not count")


@pytest.mark.parametrize("scale", [1.0, 0.0])
def test_a_negative_prompt_without_guidance_is_said_to_have_no_effect(
    sd: Path, tmp_path: Path, scale: float
):
    call = {**CALL, "negative_prompt": "a blue cube", "guidance_scale": scale}
    assert remarks(tmp_path, call=call) == (
        "call.negative_prompt has no effect: the image was made without guidance",
    )


def test_a_text_that_no_tokenizer_is_given_is_said_to_have_no_effect(tmp_path: Path):
    tiny_pipelines.tiny_flux(tmp_path / "flux")
    call = {**CALL, "negative_prompt": "a blue cube"}
    (said,) = remarks(tmp_path, "flux", call=call)
    assert said.startswith("call.negative_prompt has no effect")


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"guidance_scale": 4.0},
        {"guidance_scale": 4.0, "negative_prompt": "a blue cube"},
        {"guidance_scale": 1.0, "negative_prompt": ""},
    ],
)
def test_texts_that_count_are_not_remarked_upon(sd: Path, tmp_path: Path, call: dict[str, Any]):
    assert remarks(tmp_path, call={**CALL, **call}) == ()
