"""A few of diffusers' pipelines, of different kinds, as the sweep tries them; the page's table."""

from __future__ import annotations

from pathlib import Path

import diffusers
import pytest

from tests.zoo.classes import ENTRIES
from tests.zoo.kinds import exported, held_out, kind_of
from tests.zoo.page import PAGE, needs, right
from tests.zoo.reasons import ELSEWHERE, REASONS
from tests.zoo.trying import try_class

SELECTED = {
    "DDPMPipeline": {"token_ids", "prompt_embeddings", "latents_before_vae", "vae_output"},
    "StableDiffusionInstructPix2PixPipeline": set[str](),
    "KandinskyV22Pipeline": {"token_ids", "prompt_embeddings"},
    "LDMTextToImagePipeline": set[str](),
}
"""Cheap classes, and the stages that they have not."""
ALL = {
    "initial_noise",
    "token_ids",
    "prompt_embeddings",
    "denoiser_output",
    "denoising_step",
    "latents_before_vae",
    "vae_output",
    "float_image",
    "pixels",
}


@pytest.mark.parametrize("name", SELECTED)
def test_a_pipeline_repeats_itself_and_each_changed_component_is_named(name: str, tmp_path: Path):
    found = try_class(name, ENTRIES[name], tmp_path / name)
    assert (found["new"], found["again"]) == ("new", "identical")
    assert ALL - {*found["stages"]} == SELECTED[name]
    moved = {
        part: what for part, what in found["changed"].items() if what["verdict"] != "identical"
    }
    assert moved
    assert {part: what["cause"] for part, what in moved.items() if not right(part, what)} == {}


def test_every_class_that_diffusers_exports_has_a_row_in_the_page():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = {line.split("|")[1].strip() for line in lines if line.startswith("| ")}
    assert {*exported()} - rows == set()


def test_what_is_not_built_has_a_reason():
    single = {"image", "several", "embeddings"}
    names = {name for name in exported() if kind_of(name) in single}
    assert names - {*ENTRIES} - {*REASONS} == set()


@pytest.mark.parametrize("part", ELSEWHERE)
def test_a_part_that_diffusers_is_said_to_lack_is_not_there(part: str):
    assert not hasattr(diffusers, part)


def test_the_third_that_is_kept_apart_is_of_the_image_classes():
    assert all(kind_of(name) == "image" for name in held_out())


def test_a_row_says_what_a_case_is_given():
    assert needs(ENTRIES["DDPMPipeline"]) == "nothing"
    assert needs(ENTRIES["DiTPipeline"]) == "`class_labels`"
    inpainting = needs(ENTRIES["StableDiffusionInpaintPipeline"])
    assert inpainting == "a prompt, `image`, `mask_image`"
