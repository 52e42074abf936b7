"""What had no part in an image is said: words cut off, arguments that nothing read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_suites import CALL, one_case

import tiny_pipelines
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.remarks import TextWatch

LONG = "a red ball on a green field under a blue sky " * 12


def remarks(folder: Path, model: str | dict[str, Any] = "sd", /, **case: Any) -> tuple[str, ...]:
    return DiffusersBackend().generate(one_case(folder, model, **case)).remarks


def test_a_prompt_that_is_cut_off_is_quoted_from_there(sd: Path, tmp_path: Path):
    (said,) = remarks(tmp_path, prompt=LONG + "with snow")
    assert said.startswith("a text was cut off after 77 tokens: ")
    assert said.endswith("does not count")


SLOW = """
def build(source, side="right", limit=77, texts=1):
    from diffusers import StableDiffusionPipeline
    from transformers import ByT5Tokenizer

    made = StableDiffusionPipeline.from_pretrained(source)
    made.tokenizer = ByT5Tokenizer(model_max_length=limit, truncation_side=side)
    return made
"""


def of_slow_tokenizer(folder: Path, prompt: str | list[str], **options: Any) -> tuple[str, ...]:
    """What is said where the tokenizer is one written in Python, which keeps no rest."""
    (folder / "slowly.py").write_text(SLOW)
    model = {"factory": "slowly:build", "arguments": {"source": str(folder / "sd"), **options}}
    return remarks(folder, model, prompt=prompt)


WORDS = " ".join(f"word{number}" for number in range(200))


def test_200_words_are_cut_off_by_a_slow_tokenizer_too(sd: Path, tmp_path: Path):
    (said,) = of_slow_tokenizer(tmp_path, WORDS)
    kept = 77 - 1  # it ends with one special token; a byte is a token
    assert said == (
        f'a text was cut off after 77 tokens: "{WORDS[kept:].strip()[:60]}…" does not count'
    )


def test_a_slow_tokenizer_may_cut_at_the_other_end(sd: Path, tmp_path: Path):
    (said,) = of_slow_tokenizer(tmp_path, WORDS, side="left")
    assert '"word0 word1' in said


@pytest.mark.parametrize("length", [75, 76])
def test_what_just_fits_a_slow_tokenizer_is_not_remarked_upon(
    sd: Path, tmp_path: Path, length: int
):
    assert of_slow_tokenizer(tmp_path, "a" * length) == ()


def test_one_letter_too_many_is_named(sd: Path, tmp_path: Path):
    assert of_slow_tokenizer(tmp_path, "a" * 76 + "b") == (
        'a text was cut off after 77 tokens: "b" does not count',
    )


def test_each_text_of_several_is_looked_at(sd: Path, tmp_path: Path):
    from diffusers import StableDiffusionPipeline
    from transformers import ByT5Tokenizer

    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "sd")
    pipeline.tokenizer = ByT5Tokenizer(model_max_length=8)
    watch = TextWatch(pipeline)
    with watch.watched():
        ids = pipeline.tokenizer(
            ["short", "much too long", "the longest"],
            padding="max_length",
            truncation=True,
            return_tensors="pt",
        )
        pipeline.tokenizer(["much too long"])  # whole: nothing is cut off
    assert ids.input_ids.shape == (3, 8)
    said = watch.remarks(one_case(tmp_path, "sd", prompt="much too long"))
    assert [each.split('"')[1] for each in said] == ["o long", "gest"]


def test_a_prompt_that_no_tokenizer_was_given_is_said_to_have_no_effect(sd: Path, tmp_path: Path):
    (tmp_path / "stale.py").write_text("""
def build(source):
    from diffusers import StableDiffusionPipeline

    class Stale(StableDiffusionPipeline):
        def encode_prompt(self, prompt, *args, **kwargs):
            return super().encode_prompt("something else entirely", *args, **kwargs)

    return Stale.from_pretrained(source)
""")
    model = {"factory": "stale:build", "arguments": {"source": str(tmp_path / "sd")}}
    assert remarks(tmp_path, model) == ("prompt has no effect: no tokenizer was given it",)


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


@pytest.mark.parametrize("prompt", ["!!", "…", "★ ★", "", "一只红苹果"])
def test_a_prompt_without_words_is_read_too(sd: Path, tmp_path: Path, prompt: str):
    assert remarks(tmp_path, prompt=prompt) == ()


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
