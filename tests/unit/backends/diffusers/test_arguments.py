"""What a pipeline takes that is no plain value arrives as if it had been written by hand."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_suites import one_case
from torch.nn.attention import SDPBackend, sdpa_kernel

import tiny_pipelines
from goldenseed.backends.diffusers.arguments import as_python
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.core.errors import GoldenseedError

RNG = np.random.default_rng(1)


@pytest.fixture
def pictures(sd: Path, tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        Image.fromarray(RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(tmp_path / name)
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, 8:24] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path


def made(folder: Path, model: str | dict[str, Any], **case: Any) -> bytes:
    return DiffusersBackend().generate(one_case(folder, model, **case)).image.tobytes()


def by_hand(pipeline: Any, **arguments: Any) -> bytes:
    generator = torch.Generator().manual_seed(7)
    with sdpa_kernel(SDPBackend.MATH):
        image: Image.Image = pipeline(generator=generator, **arguments).images[0]
    return image.tobytes()


def test_a_picture_to_start_from_and_a_mask_arrive_as_pictures(pictures: Path):
    from diffusers import StableDiffusionInpaintPipeline

    call = {"num_inference_steps": 3, "height": 32, "width": 32}
    inputs = {"image": "a.png", "mask_image": {"file": "mask.png", "mode": "L"}}
    pipeline = StableDiffusionInpaintPipeline.from_pretrained(pictures / "sd")
    expected = by_hand(
        pipeline,
        prompt="a red ball",
        image=Image.open(pictures / "a.png"),
        mask_image=Image.open(pictures / "mask.png"),
        **call,
    )
    model = {"source": "sd", "pipeline": "StableDiffusionInpaintPipeline"}
    assert made(pictures, model, inputs=inputs, call=call) == expected
    other = {**inputs, "image": "b.png"}
    assert made(pictures, model, inputs=other, call=call) != expected


def test_several_control_pictures_arrive_as_a_list(pictures: Path):
    from diffusers import (
        ControlNetModel,
        MultiControlNetModel,
        StableDiffusionControlNetPipeline,
        StableDiffusionPipeline,
    )

    base = StableDiffusionPipeline.from_pretrained(pictures / "sd")
    control = ControlNetModel.from_unet(base.unet, conditioning_channels=3)
    control.controlnet_cond_embedding = type(control.controlnet_cond_embedding)(
        conditioning_embedding_channels=base.unet.config.block_out_channels[0],
        block_out_channels=(4, 8),
    )
    control.register_to_config(conditioning_embedding_out_channels=(4, 8))
    with torch.no_grad():
        for weights in control.parameters():
            weights.normal_(std=0.1)
    both = MultiControlNetModel([control, control])
    pipeline = StableDiffusionControlNetPipeline(**base.components, controlnet=both)
    pipeline.save_pretrained(pictures / "control")
    call = {"num_inference_steps": 2, "controlnet_conditioning_scale": [1.0, 0.2]}
    call |= {"height": 32, "width": 32}
    images = [Image.open(pictures / name) for name in ("a.png", "b.png")]
    expected = by_hand(pipeline, prompt="a red ball", image=images, **call)
    assert made(pictures, "control", inputs={"image": ["a.png", "b.png"]}, call=call) == expected
    swapped = {"image": ["b.png", "a.png"]}
    assert made(pictures, "control", inputs=swapped, call=call) != expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_embeddings_from_a_file_make_the_image_of_their_prompt(pictures: Path, dtype: torch.dtype):
    from diffusers import StableDiffusionPipeline
    from safetensors.torch import save_file

    name = str(dtype).removeprefix("torch.")
    pipeline = StableDiffusionPipeline.from_pretrained(pictures / "sd", torch_dtype=dtype)
    with sdpa_kernel(SDPBackend.MATH):
        positive, negative = pipeline.encode_prompt("a red ball", "cpu", 1, True)
    save_file({"positive": positive, "negative": negative}, pictures / "e.safetensors")
    inputs = {
        "prompt_embeds": {"file": "e.safetensors", "key": "positive"},
        "negative_prompt_embeds": {"file": "e.safetensors", "key": "negative"},
    }
    model = {"source": "sd", "dtype": name}
    assert made(pictures, model, prompt=None, inputs=inputs) == made(pictures, model)


def test_a_pipeline_without_a_prompt_makes_its_image(tmp_path: Path):
    tiny_pipelines.tiny_unconditional(tmp_path / "ddpm")
    call = {"num_inference_steps": 2}
    assert made(tmp_path, "ddpm", prompt=None, call=call)
    with pytest.raises(GoldenseedError, match="DDPMPipeline takes no prompt") as caught:
        made(tmp_path, "ddpm", call=call)
    assert caught.value.fix == "remove the prompt of the case"


def test_several_prompts_are_one_call(sd: Path, tmp_path: Path):
    case = one_case(tmp_path, "sd", prompt=["a red ball", "a blue cube"])
    found = DiffusersBackend().generate(case).elements
    assert [each.name for each in found] == ["images[0]", "images[1]"]


@pytest.mark.parametrize("size", [[64, 64], [128, 32]])
def test_a_list_arrives_as_the_tuple_that_the_pipeline_adds_up(tmp_path: Path, size: list[int]):
    from diffusers import StableDiffusionXLPipeline

    tiny_pipelines.tiny_stable_diffusion_xl(tmp_path / "xl")
    pipeline = StableDiffusionXLPipeline.from_pretrained(tmp_path / "xl")
    call = {"num_inference_steps": 2, "height": 32, "width": 32}
    expected = by_hand(pipeline, prompt="a red ball", original_size=tuple(size), **call)
    assert made(tmp_path, "xl", call={**call, "original_size": size}) == expected


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)


def test_only_what_wants_a_tuple_gets_one_and_whole_numbers_are_keys():
    def call(
        size: tuple[int, int] | None = None,
        crops: Any = (0, 0),
        timesteps: list[int] | None = None,
        either: tuple[int, ...] | list[int] = (),
        thresholds: dict | None = None,
    ) -> None: ...

    known = parameters(call)
    assert as_python([1, 2], known["size"]) == (1, 2)
    assert as_python([1, 2], known["crops"]) == (1, 2)
    assert as_python([1, 2], known["timesteps"]) == [1, 2]
    assert as_python({"0": 0.7, "10": 1}, known["thresholds"]) == {0: 0.7, 10: 1}
    assert as_python({"0": 0.7, "x": 1}, known["thresholds"]) == {"0": 0.7, "x": 1}
    assert as_python({"01": 1}, known["thresholds"]) == {"01": 1}
    assert as_python({}, known["thresholds"]) == {}


def test_an_input_that_the_pipeline_does_not_take_is_named_with_what_it_does(pictures: Path):
    model = {"source": "sd", "pipeline": "StableDiffusionInpaintPipeline"}
    with pytest.raises(GoldenseedError, match="no argument 'mask_imag'") as caught:
        made(pictures, model, inputs={"image": "a.png", "mask_imag": "mask.png"})
    assert "mask_image" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (np.zeros((1, 77, 32), np.int64), "holds int64, and `prompt_embeds` takes floating-point"),
        (np.zeros((1, 77, 31), np.float32), "Expected size 32 but got size 31"),
    ],
)
def test_embeddings_of_another_dtype_or_shape_are_one_error(
    pictures: Path, values: np.ndarray[Any, Any], what: str
):
    np.save(pictures / "e.npy", values)
    call = {"num_inference_steps": 1, "height": 32, "width": 32}
    with pytest.raises(GoldenseedError) as caught:
        made(pictures, "sd", inputs={"prompt_embeds": "e.npy"}, prompt=None, call=call)
    assert what in str(caught.value)


def test_pictures_that_a_pipeline_must_resize_are_remarked_upon(pictures: Path):
    Image.new("RGB", (33, 35)).save(pictures / "odd.png")
    Image.new("L", (16, 16), 255).save(pictures / "small.png")
    model = {"source": "sd", "pipeline": "StableDiffusionInpaintPipeline"}
    call = {"num_inference_steps": 2, "height": 32, "width": 32, "strength": 1.0}

    def remarks(image: str, mask: str) -> tuple[str, ...]:
        inputs = {"image": image, "mask_image": mask}
        case = one_case(pictures, model, inputs=inputs, call=call)
        return DiffusersBackend().generate(case).remarks

    assert remarks("a.png", "mask.png") == ()
    (said,) = remarks("a.png", "small.png")
    assert said.startswith("mask_image is 16 x 16 and image 32 x 32")
    assert any(
        "image is 33 x 35 and was made 32 x 32" in each for each in remarks("odd.png", "mask.png")
    )
