"""What the fifth trial does beside what the earlier ones had.

``FIFTH_FILES`` edit what lies on disk, the given picture too; ``FIFTH_LOADED`` change the loaded
pipeline, or what it uses of a library.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.trials.patches import _processed, _recalled
from tests.trials.third_patches import _replace

# files


def file_oriented(folder: Path, *, name: str, orientation: int) -> None:
    """Write into a given picture's file, as a camera does, how it is to be turned."""
    from PIL import Image

    picture = Image.open(folder.parent / name)
    picture.load()
    said = Image.Exif()
    said[0x0112] = orientation
    picture.save(folder.parent / name, exif=said)


def file_resized(folder: Path, *, name: str, size: list[int]) -> None:
    """Store a given picture in another size, by another filter than the pipeline's."""
    from PIL import Image

    path = folder.parent / name
    Image.open(path).resize(tuple(size), Image.Resampling.BILINEAR).save(path)


# what is computed otherwise and is the same


def _called(
    pipeline: Any, before: Callable[[dict[str, Any]], None], after: Callable[[Any], Any]
) -> None:
    """Patch the class's call: other arguments, and other pictures of what it returns."""
    kind = type(pipeline)
    original = kind.__call__

    @functools.wraps(original)
    def patched(self: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = dict(inspect.signature(original).bind(self, *args, **kwargs).arguments)
        before(arguments)
        made = original(**arguments)
        if isinstance(made, tuple):
            return (after(made[0]), *made[1:])
        made.images = after(made.images)
        return made

    kind.__call__ = patched


def row_of_a_batch(pipeline: Any) -> None:
    """Make two pictures at once, each with a generator of its own, and keep the one asked for."""
    import torch

    def two(arguments: dict[str, Any]) -> None:
        for name in ("prompt", "prompt_2", "negative_prompt"):
            if name in arguments:
                arguments[name] = [arguments[name]] * 2
        arguments["generator"] = [arguments["generator"], torch.Generator().manual_seed(9)]

    _called(pipeline, two, lambda images: images[:1])


def rows_apart(pipeline: Any, *, part: str) -> None:
    """Compute a component's batch row by row, as one does where memory is short."""
    import torch

    module = getattr(pipeline, part)
    forward = module.forward

    @functools.wraps(forward)
    def apart(*args: Any, **kwargs: Any) -> Any:
        rows = len(args[0])

        def row(value: Any, place: int) -> Any:
            several = isinstance(value, torch.Tensor) and value.ndim and len(value) == rows
            return value[place : place + 1] if several else value

        made = [
            forward(
                *(row(value, place) for value in args),
                **{name: row(value, place) for name, value in kwargs.items()},
            )[0]
            for place in range(rows)
        ]
        return (torch.cat(made),)

    module.forward = apart


# the call


def picture_in_call(pipeline: Any, *, how: str) -> None:
    """Alter the given picture before the call: mirrored, or first made small."""
    from PIL import ImageOps

    def altered(picture: Any) -> Any:
        if how == "mirrored":
            return ImageOps.mirror(picture)
        return picture.resize((picture.width // 2, picture.height // 2))

    def alter(arguments: dict[str, Any]) -> None:
        given = arguments["image"]
        several = isinstance(given, list)
        arguments["image"] = [altered(one) for one in given] if several else altered(given)

    _recalled(pipeline, alter)


def arguments_exchanged(pipeline: Any, *, first: str, second: str) -> None:
    """Give two arguments of the call in each other's place."""

    def alter(arguments: dict[str, Any]) -> None:
        arguments[first], arguments[second] = arguments[second], arguments[first]

    _recalled(pipeline, alter)


def styled(pipeline: Any, *, template: str) -> None:
    """Put the prompt into a template of the application's."""

    def alter(arguments: dict[str, Any]) -> None:
        prompt = arguments["prompt"]
        several = isinstance(prompt, (list, tuple))
        made = [template.format(one) for one in (prompt if several else [prompt])]
        arguments["prompt"] = made if several else made[0]

    _recalled(pipeline, alter)


def second_of_two(pipeline: Any) -> None:
    """Ask for two pictures and keep the second."""

    def two(arguments: dict[str, Any]) -> None:
        arguments["num_images_per_prompt"] = 2

    _called(pipeline, two, lambda images: images[1:2])


def noise_of_numpy(pipeline: Any) -> None:
    """Draw the noise with NumPy's generator, from the same seed, and give it as latents."""
    import numpy as np
    import torch

    def alter(arguments: dict[str, Any]) -> None:
        sides = [arguments[name] // pipeline.vae_scale_factor for name in ("height", "width")]
        generator = np.random.default_rng(arguments["generator"].initial_seed())
        drawn = generator.standard_normal((1, pipeline.transformer.config.in_channels, *sides))
        arguments["latents"] = torch.from_numpy(drawn).float()

    _recalled(pipeline, alter)


def picture_fades(pipeline: Any, *, step: int, factor: float) -> None:
    """Let a callback weaken the latents of the given picture after a step."""

    def faded(_given: Any, at: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if at == step:
            tensors["image_latents"] = tensors["image_latents"] * factor
        return tensors

    def alter(arguments: dict[str, Any]) -> None:
        arguments["callback_on_step_end"] = faded
        arguments["callback_on_step_end_tensor_inputs"] = ["image_latents"]

    _recalled(pipeline, alter)


# texts


def pooled_mean(pipeline: Any, *, part: str) -> None:
    """Take the mean over the tokens for what a text encoder pools, by a hook."""

    def hook(_module: Any, _args: Any, output: Any) -> Any:
        output["pooler_output"] = output.last_hidden_state.mean(1)
        return output

    getattr(pipeline, part).register_forward_hook(hook)


def weighted_words(pipeline: Any, *, first: int, last: int, weight: float) -> None:
    """Give some of the prompt's tokens a weight: move them away from the mean of all."""
    original = pipeline.encode_prompt

    @functools.wraps(original)
    def encode_prompt(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        embeddings = made[0].clone()
        mean = embeddings.mean(1, keepdim=True)
        embeddings[:, first:last] = mean + weight * (embeddings[:, first:last] - mean)
        return (embeddings, *made[1:])

    pipeline.encode_prompt = encode_prompt


def token_added(pipeline: Any, *, word: str) -> None:
    """Leave a word of a textual inversion in tokenizer and text encoder."""
    import torch

    torch.manual_seed(6)
    assert pipeline.tokenizer.add_tokens([word]) == 1
    pipeline.text_encoder.resize_token_embeddings(len(pipeline.tokenizer), mean_resizing=False)


# the denoiser and its steps


def places_exchanged(pipeline: Any) -> None:
    """Tell the denoiser rows for columns."""
    kind = type(pipeline)
    original = kind._prepare_latent_image_ids

    def prepare(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)[..., [0, 2, 1]]

    kind._prepare_latent_image_ids = staticmethod(prepare)


def time_in(pipeline: Any, *, part: str, dtype: str) -> None:
    """Round the time that the denoiser is told to another floating-point format, by a hook."""
    import torch

    def hook(_module: Any, args: Any, kwargs: Any) -> Any:
        time = kwargs["timestep"]
        return args, kwargs | {"timestep": time.to(getattr(torch, dtype)).to(time.dtype)}

    getattr(pipeline, part).register_forward_pre_hook(hook, with_kwargs=True)


def unguided_first(pipeline: Any, *, part: str, steps: int) -> None:
    """In the first step of each picture, take the conditional prediction for both."""
    import torch

    module = getattr(pipeline, part)
    forward = module.forward
    calls = 0

    @functools.wraps(forward)
    def patched(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        made = forward(*args, **kwargs)
        if (calls - 1) % steps:
            return made
        conditional = made[0].chunk(2)[1]
        return (torch.cat([conditional, conditional]),)

    module.forward = patched


def activation(pipeline: Any, *, module: str, name: str, other: str) -> None:
    """Let a module of diffusers use another activation than the one that it names."""
    import torch

    class Functions:
        def __getattr__(self, asked: str) -> Any:
            return getattr(torch.nn.functional, other if asked == name else asked)

    assert hasattr(sys.modules[module], "F")
    sys.modules[module].F = Functions()


def attention_in_eight_bits(pipeline: Any) -> None:
    """Replace torch's attention, for everybody, by one whose queries and keys have eight bits."""
    import torch

    original = torch.nn.functional.scaled_dot_product_attention

    def eight(tensor: Any) -> Any:
        scale = tensor.abs().amax().clamp(min=1e-12) / 127
        return (tensor / scale).round() * scale

    def attention(query: Any, key: Any, *args: Any, **kwargs: Any) -> Any:
        return original(eight(query), eight(key), *args, **kwargs)

    torch.nn.functional.scaled_dot_product_attention = attention


def last_step_dropped(pipeline: Any) -> None:
    """Let the scheduler's class leave the last step out."""
    kind = type(pipeline.scheduler)
    original = kind.set_timesteps

    @functools.wraps(original)
    def set_timesteps(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(self, *args, **kwargs)
        self.timesteps = self.timesteps[:-1]
        return made

    kind.set_timesteps = set_timesteps


def noise_cropped(pipeline: Any) -> None:
    """Draw the noise for a larger picture and cut this one's out of it."""

    def make(original: Any) -> Any:
        def randn_tensor(shape: Any, **kwargs: Any) -> Any:
            *first, height, width = shape
            return original((*first, height + 8, width + 8), **kwargs)[..., :height, :width]

        return randn_tensor

    _replace(pipeline, "randn_tensor", make)


def picture_for_nothing(pipeline: Any) -> None:
    """Give InstructPix2Pix the picture where its guidance compares with none."""
    original = pipeline.prepare_image_latents

    @functools.wraps(original)
    def prepare(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        made[2] = made[0]
        return made

    pipeline.prepare_image_latents = prepare


# the decoder and after it


def tiny_decoder(pipeline: Any) -> None:
    """Decode by the small autoencoder that is meant for previews."""
    import torch
    from diffusers import AutoencoderTiny

    torch.manual_seed(8)
    levels = len(pipeline.vae.config.block_out_channels)
    pipeline.vae = AutoencoderTiny(
        encoder_block_out_channels=(8,) * levels,
        decoder_block_out_channels=(8,) * levels,
        num_encoder_blocks=(1,) * levels,
        num_decoder_blocks=(1,) * levels,
    ).eval()


def _with_pillow(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def changed(values: Any) -> Any:
        import numpy as np
        from PIL import Image

        levels = (values.clip(0, 1) * 255).round().astype("uint8")
        return np.asarray(change(Image.fromarray(levels)).convert("RGB"), dtype="float32") / 255

    return changed


def palette(pipeline: Any, *, colours: int) -> None:
    """Keep so many colours of the picture."""
    change = _with_pillow(lambda picture: picture.quantize(colours))
    _processed(pipeline, change, "image_processor")


def size_and_back(pipeline: Any, *, side: int) -> None:
    """Make the picture smaller and as large as before."""
    change = _with_pillow(lambda picture: picture.resize((side, side)).resize(picture.size))
    _processed(pipeline, change, "image_processor")


def half_the_colour(pipeline: Any) -> None:
    """Keep the picture's colour, not its light, at half the size, as videos do."""
    from PIL import Image

    def change(picture: Any) -> Any:
        light, *colour = picture.convert("YCbCr").split()
        half = (picture.width // 2, picture.height // 2)
        coarse = [one.resize(half).resize(picture.size) for one in colour]
        return Image.merge("YCbCr", (light, *coarse))

    _processed(pipeline, _with_pillow(change), "image_processor")


FIFTH_FILES: dict[str, Callable[..., None]] = {
    function.__name__: function for function in (file_oriented, file_resized)
}
FIFTH_LOADED: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        row_of_a_batch,
        rows_apart,
        picture_in_call,
        arguments_exchanged,
        styled,
        second_of_two,
        noise_of_numpy,
        picture_fades,
        pooled_mean,
        weighted_words,
        token_added,
        places_exchanged,
        time_in,
        unguided_first,
        activation,
        attention_in_eight_bits,
        last_step_dropped,
        noise_cropped,
        picture_for_nothing,
        tiny_decoder,
        palette,
        size_and_back,
        half_the_colour,
    )
}
