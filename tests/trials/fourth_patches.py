"""What the fourth trial does beside what the earlier ones had.

``FOURTH_FILES`` edit what lies on disk, the given pictures too; ``FOURTH_LOADED`` change the loaded
pipeline.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.trials.patches import _recalled
from tests.trials.third_patches import _edited, _replace

# files


def file_picture(folder: Path, *, name: str, how: str) -> None:
    """Alter a given picture on disk: its opposite, moved, or after a JPEG."""
    from PIL import Image, ImageChops, ImageOps

    path = folder.parent / name
    picture = Image.open(path)
    picture.load()
    if how == "inverted":
        picture = ImageOps.invert(picture)
    elif how == "moved":
        picture = ImageChops.offset(picture, 4, 3)
    else:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=70)
        picture = Image.open(stream).convert(picture.mode)
    picture.save(path)


def file_rewritten(folder: Path, *, name: str) -> None:
    """Write a given picture anew: the same levels, another compression and a text field."""
    from PIL import Image, PngImagePlugin

    picture = Image.open(folder.parent / name)
    picture.load()
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", "another program")
    picture.save(folder.parent / name, pnginfo=text, compress_level=1)


def file_slice_zero(folder: Path, *, part: str, name: str, channel: int) -> None:
    """Set what a tensor takes of one input channel to zero, as a converter that pads leaves it."""

    def edit(weights: dict[str, Any]) -> dict[str, Any]:
        made = weights[name].clone()
        made[:, channel] = 0
        return weights | {name: made}

    _edited(folder, part, edit)


def file_through(folder: Path, *, part: str, dtype: str) -> None:
    """Store a component's weights in a narrower format and write them wide again."""
    import torch

    _edited(
        folder,
        part,
        lambda weights: {
            key: value.to(getattr(torch, dtype)).to(value.dtype) for key, value in weights.items()
        },
    )


def file_plus_one(folder: Path, *, part: str, name: str) -> None:
    """Add one to the weights whose names end in ``name``, as where a norm counts from zero."""

    def edit(weights: dict[str, Any]) -> dict[str, Any]:
        found = [key for key in weights if key.endswith(name)]
        assert found
        return weights | {key: weights[key] + 1 for key in found}

    _edited(folder, part, edit)


# what is given


def processor_config(pipeline: Any, *, part: str, **fields: Any) -> None:
    """Set fields of one of the pipeline's image processors."""
    processor = getattr(pipeline, part)
    assert set(fields) <= set(processor.config)
    processor.register_to_config(**fields)


def foreign_preprocess(pipeline: Any, *, part: str, how: str) -> None:
    """Prepare a given picture in an application's own way: cut out, or blue for red."""
    processor = getattr(pipeline, part)
    original = processor.preprocess

    def preprocess(image: Any, *args: Any, **kwargs: Any) -> Any:
        if how == "cropped":
            return original(image, *args, **kwargs | {"resize_mode": "crop"})
        return original(image, *args, **kwargs).flip(1)

    processor.preprocess = preprocess


def mask_swapped(pipeline: Any) -> None:
    """Give the denoiser the mask's opposite, the masked picture as it is."""
    original = pipeline.prepare_mask_latents

    @functools.wraps(original)
    def prepare(mask: Any, *args: Any, **kwargs: Any) -> Any:
        return original(1 - mask, *args, **kwargs)

    pipeline.prepare_mask_latents = prepare


def pad_with(pipeline: Any, *, part: str, token: str) -> None:
    """Fill texts up with another token."""
    getattr(pipeline, part).pad_token = token


def kwarg_of(pipeline: Any, *, part: str, name: str, how: str) -> None:
    """Alter, by a hook, one argument of the denoiser: turned round from one, or all ones."""

    def hook(_module: Any, args: Any, kwargs: Any) -> Any:
        value = kwargs[name]
        made = 1 - value if how == "from one" else value * 0 + 1
        return args, kwargs | {name: made}

    getattr(pipeline, part).register_forward_pre_hook(hook, with_kwargs=True)


# noise


def generator_advanced(pipeline: Any) -> None:
    """Draw a number from the generator before the pipeline does."""
    import torch

    def alter(arguments: dict[str, Any]) -> None:
        torch.rand(1, generator=arguments["generator"])

    _recalled(pipeline, alter)


def noise_by_channels(pipeline: Any) -> None:
    """Draw the noise with its channels last and bring them to the front."""

    def make(original: Any) -> Any:
        def randn_tensor(shape: Any, **kwargs: Any) -> Any:
            batch, channels, height, width = shape
            return original((batch, height, width, channels), **kwargs).permute(0, 3, 1, 2)

        return randn_tensor

    _replace(pipeline, "randn_tensor", make)


def noise_offset(pipeline: Any, *, amount: float) -> None:
    """Add an offset to the noise of each channel."""

    def make(original: Any) -> Any:
        return lambda shape, **kwargs: original(shape, **kwargs) + amount

    _replace(pipeline, "randn_tensor", make)


# steps


def scheduler_class(pipeline: Any, *, name: str) -> None:
    """Take another scheduler with the same configuration."""
    import diffusers

    pipeline.scheduler = getattr(diffusers, name).from_config(pipeline.scheduler.config)


def late_hook(pipeline: Any, *, part: str, inner: str, call: int, calls: int) -> None:
    """Scale what a layer returns by a hook that does so from one call of each picture on."""
    count = 0

    def hook(_module: Any, _args: Any, output: Any) -> Any:
        nonlocal count
        count += 1
        return output * 1.1 if (count - 1) % calls >= call else output

    getattr(pipeline, part).get_submodule(inner).register_forward_hook(hook)


def guidance_by_callback(pipeline: Any, *, step: int, scale: float) -> None:
    """Let a callback set another guidance after a step."""

    def turned(given: Any, at: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if at == step:
            given._guidance_scale = scale
        return tensors

    def alter(arguments: dict[str, Any]) -> None:
        arguments["callback_on_step_end"] = turned

    _recalled(pipeline, alter)


def held_every_other(pipeline: Any, *, part: str) -> None:
    """Take a component's results of one step again in the next, lower one."""
    module = getattr(pipeline, part)
    forward = module.forward
    last: list[Any] = []

    @functools.wraps(forward)
    def held(*args: Any, **kwargs: Any) -> Any:
        now = float(args[1])
        if last and now < last[0]:
            made = last[1]
            last.clear()
            return made
        made = forward(*args, **kwargs)
        last[:] = [now, made]
        return made

    module.forward = held


def float8_storage(pipeline: Any, *, part: str) -> None:
    """Keep a component's weights in eight bits and compute in bfloat16, by diffusers' switch."""
    import torch

    getattr(pipeline, part).enable_layerwise_casting(
        storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.bfloat16
    )


# after the decoder


def levels_of_video(pipeline: Any) -> None:
    """Squeeze the picture into the range that video has, 16 to 235."""
    original = pipeline.image_processor.postprocess

    def postprocess(image: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(image, *args, **kwargs)
        if isinstance(made, list):
            return [one.point(lambda level: round(16 + level * 219 / 255)) for one in made]
        return made * (219 / 255) + 16 / 255

    pipeline.image_processor.postprocess = postprocess


FOURTH_FILES: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        file_picture,
        file_rewritten,
        file_slice_zero,
        file_through,
        file_plus_one,
    )
}
FOURTH_LOADED: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        processor_config,
        foreign_preprocess,
        mask_swapped,
        pad_with,
        kwarg_of,
        generator_advanced,
        noise_by_channels,
        noise_offset,
        scheduler_class,
        late_hook,
        guidance_by_callback,
        held_every_other,
        float8_storage,
        levels_of_video,
    )
}
