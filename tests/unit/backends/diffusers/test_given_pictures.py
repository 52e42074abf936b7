"""Given pictures and what others have put into a pipeline come on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from goldenseed.backends.diffusers.exchanged import exchanged
from goldenseed.backends.diffusers.trace import Tracing
from goldenseed.trace.stages import Stage, Trace
from tests.tiny_pipelines import tiny_stable_diffusion


@pytest.fixture(scope="module")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from diffusers import StableDiffusionInpaintPipeline

    folder: Path = tiny_stable_diffusion(tmp_path_factory.mktemp("models") / "model")
    pipeline = StableDiffusionInpaintPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def traced(pipeline: Any, picture: Image.Image, mask: Image.Image) -> Trace:
    import torch

    tracing = Tracing(pipeline)
    with tracing.recorded() as recorder:
        pipeline(
            "a red ball",
            image=picture,
            mask_image=mask,
            height=32,
            width=32,
            num_inference_steps=2,
            output_type="np",
            generator=torch.Generator().manual_seed(1),
        )
    return recorder.finish().trace


def pictures_in(trace: Trace) -> dict[str, str]:
    return {f"{e.source}{e.index}": e.sha256 for e in trace if e.stage is Stage.GIVEN_PICTURE}


def test_a_picture_and_a_mask_are_recorded_as_they_are_prepared(painting: Any):
    picture, mask = Image.new("RGB", (40, 40), "teal"), Image.new("L", (40, 40), 0)
    mask.paste(255, (8, 8, 24, 24))
    held = dict(vars(painting.mask_processor))
    before = pictures_in(traced(painting, picture, mask))
    assert {each.rstrip("0123456789") for each in before} >= {"image_processor", "mask_processor"}
    assert vars(painting.mask_processor) == held
    painting.mask_processor.register_to_config(do_binarize=False)
    try:
        mask.paste(100, (8, 8, 16, 16))
        now = pictures_in(traced(painting, picture, mask))
    finally:
        painting.mask_processor.register_to_config(do_binarize=True)
    assert now["image_processor0"] == before["image_processor0"]
    assert now["mask_processor0"] != before["mask_processor0"]


def test_attributes_are_on_record_by_name_and_objects_of_others_too(painting: Any):
    class Stamp:
        def __call__(self, picture: Any) -> Any:
            return picture

    before = dict(exchanged(painting, None))
    assert before["pipeline.attributes.mask_processor.do_binarize"] == "True"
    assert "pipeline.methods" not in before
    painting.stamp, painting.note = Stamp(), "n" * 100
    try:
        now = dict(exchanged(painting, None))
    finally:
        del painting.stamp, painting.note
    assert "StableDiffusionInpaintPipeline.stamp = " in str(now["pipeline.methods"])
    assert len(str(now["pipeline.attributes.note"])) < 40
    assert now["pipeline.attributes_sha256"] != before["pipeline.attributes_sha256"]
