"""What pipelines are called with, read from diffusers' source, and the suite that follows."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO

import pytest
import yaml
from PIL import Image

from goldenseed.suite.signatures import signature_of
from goldenseed.suite.starter import (
    ModelFacts,
    needs_of,
    neutral_picture,
    pictures_for,
    starter_suite,
)


def facts(pipeline: str, size: int | None = 64) -> ModelFacts:
    return ModelFacts(pipeline, "float32", size, signature_of(pipeline))


def written(pipeline: str) -> dict[str, object]:
    text = starter_suite(name="one", source="model", revision=None, facts=facts(pipeline))
    document: dict[str, object] = yaml.safe_load(text)
    return document


@pytest.mark.parametrize(
    ("pipeline", "pictures"),
    [
        ("StableDiffusionPipeline", ()),
        ("StableDiffusionInpaintPipeline", ("image", "mask_image")),
        ("FluxControlInpaintPipeline", ("image", "control_image", "mask_image")),
        ("SanaPipeline", ()),  # which has a prompt_attention_mask
        ("BlipDiffusionControlNetPipeline", ("reference_image", "condtioning_image")),
    ],
)
def test_pictures_are_told_from_masks_of_attention(pipeline: str, pictures: tuple[str, ...]):
    found = signature_of(pipeline)
    assert found is not None
    assert found.pictures == pictures


def test_a_class_that_diffusers_has_not_is_none():
    assert signature_of("NoSuchPipeline") is None
    assert "prompt" in str(written("NoSuchPipeline")["cases"])


def test_nothing_is_imported_to_read_it():
    code = (
        "import sys; from goldenseed.suite.signatures import signature_of; "
        "assert signature_of('FluxPipeline'); assert not {'torch', 'diffusers'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_pipeline_without_a_prompt_has_cases_without_one_and_its_class_labels():
    document = written("DiTPipeline")
    assert document["cases"] == [{"id": "first", "seeds": [1024, 9999]}]
    assert document["defaults"] == {"call": {"num_inference_steps": 20, "class_labels": [207]}}


def test_pictures_stand_beside_the_suite_and_a_small_one_beside_its_original():
    document = written("IFInpaintingSuperResolutionPipeline")
    inputs = document["defaults"]["inputs"]  # type: ignore[index]
    assert inputs["image"] == {"file": "inputs/image.png"}
    assert inputs["mask_image"] == {"file": "inputs/mask_image.png", "mode": "L"}
    sizes = pictures_for(facts("IFInpaintingSuperResolutionPipeline"))
    assert sizes == {"image": 16, "original_image": 64, "mask_image": 64}


def test_what_cannot_be_made_is_said():
    (need,) = needs_of(facts("KandinskyV22ControlnetPipeline"))
    assert "image_embeds, negative_image_embeds, hint" in need
    (need,) = needs_of(facts("LEditsPPPipelineStableDiffusion"))
    assert "`invert` first" in need
    (need,) = needs_of(facts("BriaFiboEditPipeline"))
    assert "JSON" in need
    assert needs_of(facts("BriaFibo2Pipeline")) == (), "it takes JSON and plain text alike"
    assert needs_of(facts("StableDiffusionPipeline")) == ()


def test_a_neutral_picture_is_no_flat_one_and_a_mask_is_grey():
    picture = Image.open(BytesIO(neutral_picture("image", 32)))
    mask = Image.open(BytesIO(neutral_picture("mask_image", 32)))
    assert (picture.mode, picture.size, mask.mode) == ("RGB", (32, 32), "L")
    assert len(picture.getcolors() or ()) > 10
    assert mask.getextrema() == (0, 255)
