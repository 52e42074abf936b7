from __future__ import annotations

import pickle
from copy import copy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_suites import one_case

from goldenseed.backends.diffusers.calling import PipelineCall
from goldenseed.backends.diffusers.outputs import to_image
from goldenseed.backends.protocol import GenerationError, Unusable
from goldenseed.core.errors import GoldenseedError


class Returns:
    """A pipeline written by hand, whose output is given."""

    def __init__(self, images: Any, **more: Any) -> None:
        self._output = SimpleNamespace(images=images, **more)

    def __call__(self, prompt: str, *, num_inference_steps: int, height: int, width: int) -> Any:
        return self._output


@pytest.fixture
def case(sd: Path, tmp_path: Path) -> Any:
    return one_case(tmp_path, "sd")


def test_every_float_becomes_the_level_diffusers_gives_it():
    from diffusers.image_processor import VaeImageProcessor

    ramp = np.linspace(0, 1, 3 * 256 * 97, dtype=np.float32).reshape(256, 97, 3)
    halves = ((np.arange(255, dtype=np.float32) + 0.5) / 255).reshape(5, 17, 3)
    for pixels in (ramp, halves):
        assert to_image(pixels).tobytes() == VaeImageProcessor.numpy_to_pil(pixels)[0].tobytes()


def test_one_channel_becomes_a_grey_image():
    assert to_image(np.zeros((8, 8, 1), dtype=np.float32)).mode == "L"


def test_a_pipeline_that_returns_finished_images_is_taken_at_its_word(case: Any):
    image = Image.new("RGB", (4, 4), "red")
    made = PipelineCall(Returns([image])).generate(case).image
    image.paste("blue", (0, 0, 4, 4))  # whose it is may write the next one over it
    assert made == Image.new("RGB", (4, 4), "red")


@pytest.mark.parametrize("as_list", [True, False])
@pytest.mark.parametrize("name", ["images", "image"])
def test_one_image_is_found_whatever_the_output_calls_it(case: Any, name: str, *, as_list: bool):
    floats = np.ones((4, 4, 3), dtype=np.float32)
    for made in (Image.new("RGB", (4, 4), "white"), floats):
        pipeline = Returns(None)
        pipeline._output = SimpleNamespace(**{name: [made] if as_list else made})
        assert PipelineCall(pipeline).generate(case).image.getpixel((0, 0)) == (255, 255, 255)


def test_a_pipeline_without_a_generator_is_called_without_one(case: Any):
    image = PipelineCall(Returns(np.ones((1, 4, 4, 3), dtype=np.float32))).generate(case).image
    assert image.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "returned no images"),
        (None, "returned no images"),
        (np.full((1, 4, 4, 3), np.nan, dtype=np.float32), r"NaN in 100\.0%"),
        (np.full((1, 4, 4, 3), np.inf, dtype=np.float32), r"infinite values in 100\.0%"),
        (np.zeros((1, 4, 4, 7), dtype=np.float32), r"shape \(4, 4, 7\)"),
        (np.zeros((1, 4, 4, 3), dtype=np.uint8), "uint8 values"),
    ],
)
def test_what_is_no_sound_image_is_an_error(case: Any, images: Any, message: str):
    with pytest.raises(GenerationError, match=message) as caught:
        PipelineCall(Returns(images)).generate(case)
    assert (caught.value.path, caught.value.line) == (case.suite.path, case.line)


def test_an_image_that_the_safety_checker_blanked_is_an_error(case: Any):
    pipeline = Returns(np.zeros((1, 4, 4, 3), dtype=np.float32), nsfw_content_detected=[True])
    with pytest.raises(GenerationError, match="safety checker") as raised:
        PipelineCall(pipeline).generate(case)
    # Errors travel between processes, and back ends raise copies of them.
    travelled = pickle.loads(pickle.dumps(raised.value))
    assert travelled.unusable is copy(raised.value).unusable is Unusable.BLANKED


@pytest.mark.parametrize("key", ["generator", "output_type", "return_dict", "prompt"])
def test_an_argument_that_the_back_end_sets_itself_is_refused(case: Any, key: str):
    with pytest.raises(GoldenseedError, match=f"call.{key} is set by goldenseed"):
        PipelineCall(Returns([])).generate(replace(case, call={key: 1}))
