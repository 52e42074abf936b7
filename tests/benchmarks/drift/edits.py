"""What is done to a loaded pipeline: its weights, its scheduler, the picture it returns."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from goldenseed.tools.probe.change import call_otherwise, denoiser_of

Edit = Callable[[Any], None]


def _part(pipeline: Any, name: str) -> Any:
    return denoiser_of(pipeline) if name == "denoiser" else getattr(pipeline, name)


def weight_noise(part: str, amount: float) -> Edit:
    """Make every weight w of a part ``w * (1 + amount * a standard normal number)``."""

    def edit(pipeline: Any) -> None:
        import torch

        random = torch.Generator().manual_seed(1)
        for weight in _part(pipeline, part).parameters():
            weight.data *= 1 + amount * torch.randn(weight.shape, generator=random)

    return edit


def low_rank(scale: float) -> Edit:
    """Add to each attention projection what a fused LoRA of rank 4 adds: ``scale * up @ down``.

    At scale 1 it is as large as the weight itself.
    """

    def edit(pipeline: Any) -> None:
        import torch

        random = torch.Generator().manual_seed(2)
        for name, weight in denoiser_of(pipeline).named_parameters():
            if name.endswith(("to_q.weight", "to_k.weight", "to_v.weight", "to_out.0.weight")):
                up = torch.randn(weight.shape[0], 4, generator=random)
                down = torch.randn(4, weight.shape[1], generator=random)
                update = up @ down
                weight.data += scale * update * (weight.data.norm() / update.norm())

    return edit


def rounded_weights(part: str, dtype: str) -> Edit:
    """Round a part's weights to a narrower dtype and compute in the wider one all the same."""

    def edit(pipeline: Any) -> None:
        import torch

        for weight in _part(pipeline, part).parameters():
            weight.data = weight.data.to(getattr(torch, dtype)).to(weight.dtype)

    return edit


def as_dtype(dtype: str) -> Edit:
    """Compute in another dtype throughout."""

    def edit(pipeline: Any) -> None:
        import torch

        pipeline.to(getattr(torch, dtype))

    return edit


def without_onednn(pipeline: Any) -> None:
    """Let torch's own kernels do what oneDNN's did."""
    import torch

    def call(own_call: Callable[..., Any], **arguments: Any) -> Any:
        with torch.backends.mkldnn.flags(enabled=False):
            return own_call(**arguments)

    call_otherwise(pipeline, call)


def scheduler(name: str, **config: Any) -> Edit:
    """Exchange the scheduler underneath, after the harness gave the pipeline its own."""

    def edit(pipeline: Any) -> None:
        import diffusers

        def call(own_call: Callable[..., Any], **arguments: Any) -> Any:
            own = pipeline.scheduler.config
            pipeline.scheduler = getattr(diffusers, name).from_config(own, **config)
            return own_call(**arguments)

        call_otherwise(pipeline, call)

    return edit


def other_tokens(pipeline: Any) -> None:
    """Exchange the ids of two frequent tokens in every text encoder's table."""
    for name in ("text_encoder", "text_encoder_2"):
        encoder = getattr(pipeline, name, None)
        if encoder is not None:
            table = encoder.get_input_embeddings().weight.data
            first, second = _frequent(pipeline, name.replace("text_encoder", "tokenizer"))
            table[[first, second]] = table[[second, first]].clone()


def _frequent(pipeline: Any, tokenizer: str) -> tuple[int, int]:
    ids = getattr(pipeline, tokenizer)("a on", add_special_tokens=False).input_ids
    return ids[0], ids[-1]


def other_word(prompt: str) -> str:
    """Exchange one word that every prompt here has for another."""
    words = {" on ": " under ", " in ": " behind ", " at ": " after "}
    for word, other in words.items():
        if word in prompt:
            return prompt.replace(word, other, 1)
    raise ValueError(prompt)


def on_picture(change: Callable[[np.ndarray], np.ndarray]) -> Edit:
    """Change the float picture that the pipeline returns: (height, width, 3), 0…1."""

    def edit(pipeline: Any) -> None:
        def call(own_call: Callable[..., Any], **arguments: Any) -> Any:
            output = own_call(**arguments)
            output.images = np.stack([change(image) for image in output.images])
            return output

        call_otherwise(pipeline, call)

    return edit


def on_levels(change: Callable[[Image.Image], Image.Image]) -> Edit:
    """Change the 8-bit picture, as a tool further down the line would."""

    def as_levels(values: np.ndarray) -> np.ndarray:
        image = Image.fromarray((values * 255).round().astype("uint8"))
        return np.asarray(change(image), dtype=np.float32) / 255

    return on_picture(as_levels)


def round_trip(form: str, **options: Any) -> Edit:
    """Save the picture in a file format and read it back."""

    def through(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, form, **options)
        return Image.open(file).convert("RGB")

    return on_levels(through)


def resized(filter_name: str) -> Edit:
    """Make the picture a tenth smaller and as large as before again."""

    def change(image: Image.Image) -> Image.Image:
        smaller = (image.width * 9 // 10, image.height * 9 // 10)
        resample = Image.Resampling[filter_name]
        return image.resize(smaller, resample).resize(image.size, resample)

    return on_levels(change)


def gamma(power: float) -> Edit:
    """Raise every value to a power, as a wrong colour profile does."""
    return on_picture(lambda values: values**power)


def watermark(amount: float) -> Edit:
    """Add a chequered pattern over the whole picture."""

    def change(values: np.ndarray) -> np.ndarray:
        rows, columns = np.indices(values.shape[:2])
        pattern = ((rows // 8 + columns // 8) % 2)[..., None]
        return np.clip(values + np.float32(amount) * pattern, 0, 1)

    return on_picture(change)


def patch(amount: float) -> Edit:
    """Add to a square of 24 x 24 pixels."""

    def change(values: np.ndarray) -> np.ndarray:
        changed = values.copy()
        changed[20:44, 20:44] = np.clip(changed[20:44, 20:44] + np.float32(amount), 0, 1)
        return changed

    return on_picture(change)


def one_pixel(amount: float) -> Edit:
    """Move one pixel, away from the nearer end of the scale."""

    def change(values: np.ndarray) -> np.ndarray:
        changed = values.copy()
        pixel = changed[40, 50]
        changed[40, 50] = np.where(pixel < 0.5, pixel + amount, pixel - amount)
        return changed

    return on_picture(change)


def shifted(pixels: int) -> Edit:
    """Move the picture to the right, its edge repeated."""
    return on_picture(
        lambda values: np.concatenate(
            [values[:, :1].repeat(pixels, axis=1), values[:, :-pixels]], axis=1
        )
    )
