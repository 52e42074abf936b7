from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from goldenseed.backends.diffusers.outputs import elements_of, foreign_levels, returned_by
from goldenseed.backends.protocol import GenerationError

PICTURE = np.full((4, 6, 3), 0.5, dtype=np.float32)


def names(**fields: Any) -> list[str]:
    return [each.name for each in returned_by(SimpleNamespace(**fields))]


def test_pictures_are_numbered_where_there_are_several():
    assert names(images=PICTURE[None]) == ["images"]
    assert names(images=np.stack([PICTURE] * 2)) == ["images[0]", "images[1]"]
    assert names(images=[Image.new("L", (2, 2))] * 3) == [f"images[{n}]" for n in range(3)]


def test_a_video_is_its_frames_and_several_videos_say_of_which():
    assert names(frames=np.stack([PICTURE] * 3)[None]) == [f"frames[{n}]" for n in range(3)]
    assert names(frames=[[PICTURE] * 2]) == ["frames[0]", "frames[1]"]
    twice = np.stack([np.stack([PICTURE] * 2)] * 2)
    assert names(frames=twice) == [f"frames[{a}][{b}]" for a in range(2) for b in range(2)]
    assert names(frames=torch.from_numpy(twice[:1])) == ["frames[0]", "frames[1]"]


def test_layers_of_one_image_are_elements_too():
    assert names(images=[[Image.new("RGBA", (2, 2))] * 3]) == [f"images[{n}]" for n in range(3)]


def test_an_output_without_pictures_gives_its_tensors():
    found = SimpleNamespace(image_embeds=torch.ones(1, 8), negative_image_embeds=torch.zeros(1, 8))
    elements = elements_of(returned_by(found), "Prior", "float32")
    assert [(each.name, each.content.shape) for each in elements] == [
        ("image_embeds", (1, 8)),
        ("negative_image_embeds", (1, 8)),
    ]


def test_depth_beside_a_picture_is_kept_as_numbers():
    found = returned_by(SimpleNamespace(rgb=PICTURE[None], depth=np.ones((1, 4, 6), np.float32)))
    assert [(each.name, each.is_picture) for each in found] == [("rgb", True), ("depth", False)]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.int32])
def test_a_tensor_of_any_dtype_is_kept_as_floats_that_hold_its_values(dtype: torch.dtype):
    values = torch.arange(6).to(dtype).reshape(2, 3)
    (element,) = elements_of(returned_by(SimpleNamespace(made=values)), "Prior", "float32")
    assert element.content.dtype.name in {"float16", "float32", "float64"}
    assert element.content.tolist() == values.tolist()


@pytest.mark.parametrize("output", [SimpleNamespace(), SimpleNamespace(frames=[]), [], None])
def test_nothing_is_an_error(output: Any):
    with pytest.raises(GenerationError, match="returned no images"):
        elements_of(returned_by(output), "Nothing", "float32")


def test_the_frame_with_nan_is_named():
    frames = np.stack([PICTURE] * 3)[None].copy()
    frames[0, 1, 2, 2] = np.nan
    with pytest.raises(GenerationError, match=r"NaN in 4\.2% of frames\[1\]"):
        elements_of(returned_by(SimpleNamespace(frames=frames)), "Video", "float16")


def test_more_elements_than_a_case_may_have_are_refused():
    frames = [Image.new("L", (1, 1))] * 4097
    with pytest.raises(GenerationError, match="4,097 images"):
        elements_of(returned_by(SimpleNamespace(frames=frames)), "Video", "float32")


def _cut(images: Any) -> list[Image.Image]:
    return [Image.fromarray((one * 255).astype("uint8")) for one in images]


@pytest.mark.parametrize("holder", ["pipeline", "image_processor", "decoder_pipe"])
def test_levels_are_made_as_the_application_makes_them(holder: str):
    pipeline = SimpleNamespace(image_processor=SimpleNamespace(), decoder_pipe=SimpleNamespace())
    assert foreign_levels(pipeline) is None
    target = pipeline if holder == "pipeline" else getattr(pipeline, holder)
    target.numpy_to_pil = _cut
    values = np.full((1, 4, 6, 3), 0.999, dtype=np.float32)
    found = returned_by(SimpleNamespace(images=values))
    levels = foreign_levels(pipeline)
    (element,) = elements_of(found, "Own", "float32", levels)
    assert np.asarray(element.content).max() == 254
    (element,) = elements_of(found, "Own", "float32")
    assert np.asarray(element.content).min() == 255


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda _images: [], "failed: ValueError"),
        (lambda _images: [Image.new("RGB", (2, 2))], r"made \(2, 2\) of \(4, 6, 3\)"),
    ],
)
def test_levels_that_cannot_be_made_are_one_clear_error(made: Any, said: str):
    values = np.zeros((1, 4, 6, 3), dtype=np.float32)
    with pytest.raises(GenerationError, match=said):
        elements_of(returned_by(SimpleNamespace(images=values)), "Own", "float32", made)
