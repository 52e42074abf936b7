"""What the third trial does: files damaged one tensor at a time, and a library made another one.

``THIRD_FILES`` edit the saved model, as a download, a converter or a release of a library leaves
it; ``THIRD_LOADED`` change the loaded pipeline, modules and classes of the libraries.
"""

from __future__ import annotations

import functools
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# files of the model


def _halves_zero(tensor: Any) -> Any:
    made = tensor.clone()
    made.flatten()[made.numel() // 2 :] = 0
    return made


def _four_bits(tensor: Any) -> Any:
    scale = tensor.abs().max() / 7
    return (tensor / scale).round() * scale


def _float8(tensor: Any) -> Any:
    import torch

    return tensor.to(torch.float8_e4m3fn).to(tensor.dtype)


def _bit_flipped(tensor: Any) -> Any:
    import torch

    made = tensor.clone().contiguous()
    made.flatten()[:1].view(torch.int32).bitwise_xor_(1 << 30)
    return made


DAMAGES: dict[str, Callable[[Any], Any]] = {
    "zero": lambda tensor: tensor * 0,
    "transposed": lambda tensor: tensor.T.contiguous(),
    "second half zero": _halves_zero,
    "four bits": _four_bits,
    "float8": _float8,
    "first channel last": lambda tensor: tensor.flip(0).contiguous(),
    "a bit flipped": _bit_flipped,
}
"""What may become of a tensor between a training and a disk."""


def _edited(folder: Path, part: str, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    from safetensors.torch import load_file, save_file

    (path,) = (folder / part).glob("*.safetensors")
    save_file(edit(load_file(path)), path, metadata={"format": "pt"})


def file_tensor(folder: Path, *, part: str, name: str, damage: str) -> None:
    """Damage the tensors of a component's file whose names end in ``name``."""

    def edit(weights: dict[str, Any]) -> dict[str, Any]:
        found = [key for key in weights if key.endswith(name)]
        if not found:
            raise ValueError(f"{part} has no {name}")
        return weights | {key: DAMAGES[damage](weights[key]) for key in found}

    _edited(folder, part, edit)


def file_exchanged(folder: Path, *, part: str, first: str, second: str) -> None:
    """Exchange what two prefixes of tensors' names hold, as a wrong table of a converter does."""

    def edit(weights: dict[str, Any]) -> dict[str, Any]:
        pairs = [(key, key.replace(first, second)) for key in weights if first in key]
        assert pairs
        swapped = {one: weights[other] for one, other in pairs}
        return weights | swapped | {other: weights[one] for one, other in pairs}

    _edited(folder, part, edit)


def file_averaged(folder: Path, *, part: str, share: float) -> None:
    """Move each weight towards those of an earlier training step, as an averaged copy has them."""
    import torch

    generator = torch.Generator().manual_seed(11)

    def earlier(value: Any) -> Any:
        return value + value.std() * torch.randn(value.shape, generator=generator)

    def edit(weights: dict[str, Any]) -> dict[str, Any]:
        return {
            key: value.lerp(earlier(value), share)
            if value.is_floating_point() and value.numel() > 1
            else value
            for key, value in weights.items()
        }

    _edited(folder, part, edit)


def file_resaved(folder: Path, *, part: str) -> None:
    """Write the same weights anew in two files with an index."""
    from safetensors.torch import load_file, save_file

    (path,) = (folder / part).glob("*.safetensors")
    weights = load_file(path)
    path.unlink()
    names = sorted(weights, reverse=True)
    table = {}
    for place, keys in enumerate((names[::2], names[1::2]), start=1):
        shard = f"{path.stem}-0000{place}-of-00002.safetensors"
        save_file({key: weights[key] for key in keys}, path.with_name(shard), {"format": "pt"})
        table |= dict.fromkeys(keys, shard)
    total = sum(value.nbytes for value in weights.values())
    index = {"metadata": {"total_size": total}, "weight_map": table}
    path.with_name(f"{path.name}.index.json").write_text(json.dumps(index), encoding="utf-8")


def file_text(folder: Path, *, path: str, old: str, new: str) -> None:
    """Replace a text in a file of the model."""
    text = (folder / path).read_text(encoding="utf-8")
    if old not in text:
        raise ValueError(f"{path} does not hold {old}")
    (folder / path).write_text(text.replace(old, new), encoding="utf-8")


def file_pieces(folder: Path, *, part: str, first: str, second: str) -> None:
    """Exchange two pieces of a tokenizer's vocabulary, as another revision may list them."""
    path = folder / part / "tokenizer.json"
    held = json.loads(path.read_text(encoding="utf-8"))
    names = {first: second, second: first}
    held["model"]["vocab"] = [
        [names.get(piece, piece), score] for piece, score in held["model"]["vocab"]
    ]
    path.write_text(json.dumps(held, indent=2), encoding="utf-8")


# harmless


def fused_projections(pipeline: Any, *, part: str) -> None:
    """Compute queries, keys and values by one matrix."""
    getattr(pipeline, part).fuse_qkv_projections()


def without_onednn(pipeline: Any) -> None:
    """Compute with torch's own kernels in place of oneDNN's."""
    import torch

    torch.backends.mkldnn.enabled = False


def eager_attention(pipeline: Any, *, part: str) -> None:
    """Let a text encoder compute its attention step by step."""
    getattr(pipeline, part).set_attn_implementation("eager")


def math_attention(pipeline: Any) -> None:
    """Let torch compute attention without its fused kernels."""
    import torch

    torch.backends.cuda.enable_flash_sdp(False)
    torch.backends.cuda.enable_mem_efficient_sdp(False)


def threads(pipeline: Any, *, count: int) -> None:
    """Compute with ``count`` threads."""
    import torch

    torch.set_num_threads(count)


# the picture that is given


def resample(pipeline: Any, *, name: str) -> None:
    """Resize the given picture with another filter."""
    pipeline.image_processor.register_to_config(resample=name)


def given_picture(pipeline: Any, *, how: str) -> None:
    """Alter the given picture before it is prepared: as a JPEG, or blue for red."""
    from PIL import Image

    original = pipeline.image_processor.preprocess

    def altered(picture: Any) -> Any:
        if how == "bgr":
            return Image.merge("RGB", picture.split()[::-1])
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=85)
        return Image.open(stream).convert("RGB")

    def preprocess(image: Any, *args: Any, **kwargs: Any) -> Any:
        several = isinstance(image, list)
        made = [altered(one) for one in image] if several else altered(image)
        return original(made, *args, **kwargs)

    pipeline.image_processor.preprocess = preprocess


# functions of the pipeline's module, and methods of its classes


def _replace(pipeline: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace a function of the module that defines the pipeline."""
    module = sys.modules[type(pipeline).__module__]
    setattr(module, name, make(getattr(module, name)))


def mode_of_latents(pipeline: Any) -> None:
    """Take the most likely latents of the given picture and draw none."""

    def make(original: Any) -> Any:
        def retrieve_latents(output: Any, *_args: Any, **_kwargs: Any) -> Any:
            return original(output, sample_mode="argmax")

        return retrieve_latents

    _replace(pipeline, "retrieve_latents", make)


def noise_in(pipeline: Any, *, dtype: str) -> None:
    """Draw the noise in another floating-point format, whose generator gives other numbers."""
    import torch

    def make(original: Any) -> Any:
        def randn_tensor(shape: Any, **kwargs: Any) -> Any:
            made = original(shape, **kwargs | {"dtype": getattr(torch, dtype)})
            return made.to(kwargs.get("dtype"))

        return randn_tensor

    _replace(pipeline, "randn_tensor", make)


def module_result(pipeline: Any, *, name: str, add: float) -> None:
    """Add to what a function of the pipeline's module returns."""

    def make(original: Any) -> Any:
        return lambda *args, **kwargs: original(*args, **kwargs) + add

    _replace(pipeline, name, make)


def norm_forgotten(pipeline: Any) -> None:
    """Guide without giving the prediction its old norm back."""
    import torch

    class Torch:
        def __getattr__(self, name: str) -> Any:
            return getattr(torch, name)

        @staticmethod
        def norm(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            return torch.ones_like(torch.norm(tensor, *args, **kwargs))

    _replace(pipeline, "torch", lambda _original: Torch())


def encodes_with(pipeline: Any, **fields: Any) -> None:
    """Give ``encode_prompt`` arguments of its own."""
    original = pipeline.encode_prompt

    @functools.wraps(original)
    def encode_prompt(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs | fields)

    pipeline.encode_prompt = encode_prompt


def negative_forgotten(pipeline: Any, *, stage: str) -> None:
    """Encode an empty text in place of the negative prompt in one of the stages."""
    original = getattr(pipeline, stage)._encode_prompt

    def encode(prompt: Any, device: Any, count: Any, guided: Any, _negative: Any = None) -> Any:
        return original(prompt, device, count, guided, None)

    getattr(pipeline, stage)._encode_prompt = encode


def sizes_told(pipeline: Any, *, crop: list[int]) -> None:
    """Tell SDXL another place of the crop."""
    original = pipeline._get_add_time_ids

    def told(original_size: Any, _crop: Any, *args: Any, **kwargs: Any) -> Any:
        return original(original_size, tuple(crop), *args, **kwargs)

    pipeline._get_add_time_ids = told


def sides_exchanged(pipeline: Any, *, part: str) -> None:
    """Tell the denoiser width and height in the other order."""
    module = getattr(pipeline, part)
    original = module.forward

    @functools.wraps(original)
    def forward(*args: Any, **kwargs: Any) -> Any:
        swapped = {name: kwargs[name].flip(-1) for name in ("original_size", "target_size")}
        return original(*args, **kwargs | swapped)

    module.forward = forward


def later_start(pipeline: Any) -> None:
    """Begin a step later with a given picture."""
    original = pipeline.get_timesteps

    def get_timesteps(*args: Any, **kwargs: Any) -> Any:
        timesteps, count = original(*args, **kwargs)
        return timesteps[1:], count - 1

    pipeline.get_timesteps = get_timesteps


def time_late(pipeline: Any, *, part: str, by: float) -> None:
    """Tell the denoiser a time that lags behind."""
    getattr(pipeline, part).register_forward_pre_hook(
        lambda _module, args, kwargs: (args, kwargs | {"timestep": kwargs["timestep"] + by}),
        with_kwargs=True,
    )


def zero_start(pipeline: Any, *, part: str) -> None:
    """Predict nothing in the first step of each picture."""
    import torch

    steps: list[float] = []

    def hook(_module: Any, _args: Any, kwargs: Any, output: Any) -> Any:
        now = float(torch.as_tensor(kwargs["timestep"]).flatten()[0])
        if not steps or now > steps[-1]:
            steps[:] = [now]
        if now == steps[0]:
            return tuple(one * 0 for one in output)
        return output

    getattr(pipeline, part).register_forward_hook(hook, with_kwargs=True)


def hidden_states_end(pipeline: Any, *, part: str) -> None:
    """Give the text encoder's hidden states without the first, as another release counts them."""

    def hook(_module: Any, _args: Any, output: Any) -> Any:
        output["hidden_states"] = (*output.hidden_states[1:], output.hidden_states[-1])
        return output

    getattr(pipeline, part).register_forward_hook(hook)


def block_cache(pipeline: Any, *, part: str, threshold: float) -> None:
    """Skip the blocks after the first where its change is small."""
    from diffusers import FirstBlockCacheConfig

    getattr(pipeline, part).enable_cache(FirstBlockCacheConfig(threshold=threshold))


def quantised(pipeline: Any, *, part: str) -> None:
    """Compute a component's linear layers in eight bits."""
    import torch

    made = torch.ao.quantization.quantize_dynamic(
        getattr(pipeline, part), {torch.nn.Linear}, dtype=torch.qint8
    )
    setattr(pipeline, part, made)


def part_in(pipeline: Any, *, part: str, dtype: str) -> None:
    """Compute one component in another floating-point format."""
    import torch

    getattr(pipeline, part).to(getattr(torch, dtype))


def half_a_lora(pipeline: Any, *, part: str, targets: list[str]) -> None:
    """Leave an adapter on of whose layers a part only was found in the file."""
    import torch
    from peft import LoraConfig, inject_adapter_in_model

    torch.manual_seed(8)
    module = getattr(pipeline, part)
    config = LoraConfig(r=4, lora_alpha=4, init_lora_weights=False, target_modules=targets)
    inject_adapter_in_model(config, module, adapter_name="style")
    for name, parameter in module.named_parameters():
        if "lora_B" in name and ".0." not in name:
            parameter.data.zero_()


def lora_merged(pipeline: Any, *, part: str, name: str, rank: int, scale: float) -> None:
    """Merge a low-rank change into the layers whose names end in ``name``."""
    import torch

    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for key, parameter in getattr(pipeline, part).named_parameters():
            if key.endswith(name):
                rows, columns = parameter.shape
                up = torch.randn(rows, rank, generator=generator)
                down = torch.randn(rank, columns, generator=generator)
                parameter.add_((up @ down * scale).to(parameter.dtype))


def rotary_base(pipeline: Any, *, part: str, theta: float) -> None:
    """Compute the rotary positions of the denoiser from another base."""
    module = getattr(pipeline, part)
    old = module.pos_embed
    module.pos_embed = type(old)(theta=theta, axes_dim=old.axes_dim, scale_rope=old.scale_rope)


# schedulers


def scheduler_step_in(pipeline: Any, *, dtype: str) -> None:
    """Let the scheduler's class step in another floating-point format."""
    import torch

    kind = type(pipeline.scheduler)
    original = kind.step

    @functools.wraps(original)
    def step(self: Any, output: Any, timestep: Any, sample: Any, *args: Any, **kwargs: Any) -> Any:
        narrow = getattr(torch, dtype)
        made = original(self, output.to(narrow), timestep, sample.to(narrow), *args, **kwargs)
        if isinstance(made, tuple):
            return tuple(one.to(sample.dtype) for one in made)
        made.prev_sample = made.prev_sample.to(sample.dtype)
        return made

    kind.step = step


def sigmas_rounded(pipeline: Any, *, places: int) -> None:
    """Let the scheduler's class round its sigmas."""
    kind = type(pipeline.scheduler)
    original = kind.set_timesteps

    @functools.wraps(original)
    def set_timesteps(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(self, *args, **kwargs)
        self.sigmas = self.sigmas.round(decimals=places)
        return made

    kind.set_timesteps = set_timesteps


def times_shifted(pipeline: Any, *, part: str, by: int) -> None:
    """Let a scheduler's object count its timesteps from another one."""
    scheduler = getattr(pipeline, part)
    original = scheduler.set_timesteps

    def set_timesteps(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        scheduler.timesteps = (scheduler.timesteps + by).clamp(0, 999)
        return made

    scheduler.set_timesteps = set_timesteps


def ungiven_generator(pipeline: Any, *, part: str) -> None:
    """Let a scheduler's steps draw from torch's own generator."""
    import torch

    scheduler = getattr(pipeline, part)
    original = scheduler.step

    def step(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs | {"generator": torch.default_generator})

    scheduler.step = step


# stages, prompts, latents


def between_stages(pipeline: Any, *, dtype: str) -> None:
    """Keep the first stage's embeddings in another format before the second one gets them."""
    import torch

    original = pipeline.prior_pipe

    class Stage:
        def __getattr__(self, name: str) -> Any:
            return getattr(original, name)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            made = original(*args, **kwargs)
            return tuple(one.to(getattr(torch, dtype)).to(one.dtype) for one in made)

    pipeline.prior_pipe = Stage()


def template(pipeline: Any, *, old: str, new: str) -> None:
    """Write another instruction around the prompt."""
    assert old in pipeline.prompt_template_encode
    pipeline.prompt_template_encode = pipeline.prompt_template_encode.replace(old, new)


def pipeline_attribute(pipeline: Any, *, name: str, value: Any) -> None:
    """Set a number that the pipeline keeps."""
    assert hasattr(pipeline, name)
    setattr(pipeline, name, value)


def packed_across(pipeline: Any) -> None:
    """Pack the noise along the other side first."""
    kind = type(pipeline)
    original = kind._pack_latents

    def pack(latents: Any, *args: Any) -> Any:
        return original(latents.flip(-1), *args)

    kind._pack_latents = staticmethod(pack)


def callback_clamps(pipeline: Any, *, limit: float) -> None:
    """Pass a callback that clamps the latents after each step."""
    kind = type(pipeline)
    original = kind.__call__

    def clamp(_pipeline: Any, _step: int, _time: Any, given: dict[str, Any]) -> dict[str, Any]:
        return {"latents": given["latents"].clamp(-limit, limit)}

    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["callback_on_step_end"] = clamp
        kwargs["callback_on_step_end_tensor_inputs"] = ["latents"]
        return original(self, *args, **kwargs)

    kind.__call__ = call


# what is done to the finished picture


def watermark(pipeline: Any, *, strength: float) -> None:
    """Hide a pattern in the picture, as SDXL does where a package for it is installed."""
    import torch

    class Watermark:
        def apply_watermark(self, images: Any) -> Any:
            pattern = torch.randn(images.shape[1:], generator=torch.Generator().manual_seed(2))
            return images + strength * pattern.sign()

    pipeline.watermark = Watermark()


def levels_cut(pipeline: Any) -> None:
    """Cut the picture's values to levels in place of rounding them."""
    from PIL import Image

    def numpy_to_pil(images: Any) -> Any:
        return [Image.fromarray((one * 255).astype("uint8")) for one in images]

    for stage in (pipeline, getattr(pipeline, "decoder_pipe", pipeline)):
        stage.numpy_to_pil = numpy_to_pil


def stretched(pipeline: Any) -> None:
    """Stretch each picture to the whole range after it was decoded."""
    original = pipeline.image_processor.postprocess

    def postprocess(image: Any, *args: Any, **kwargs: Any) -> Any:
        low, high = image.float().quantile(0.02), image.float().quantile(0.98)
        return original((image - low) / (high - low) * 2 - 1, *args, **kwargs)

    pipeline.image_processor.postprocess = postprocess


def colours_exchanged(pipeline: Any) -> None:
    """Give the picture blue for red."""
    original = pipeline.image_processor.postprocess

    def postprocess(image: Any, *args: Any, **kwargs: Any) -> Any:
        return original(image.flip(1), *args, **kwargs)

    pipeline.image_processor.postprocess = postprocess


THIRD_FILES: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        file_tensor,
        file_exchanged,
        file_averaged,
        file_resaved,
        file_text,
        file_pieces,
    )
}
THIRD_LOADED: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        fused_projections,
        without_onednn,
        eager_attention,
        math_attention,
        threads,
        resample,
        given_picture,
        mode_of_latents,
        noise_in,
        module_result,
        norm_forgotten,
        encodes_with,
        negative_forgotten,
        sizes_told,
        sides_exchanged,
        later_start,
        time_late,
        zero_start,
        hidden_states_end,
        block_cache,
        quantised,
        part_in,
        half_a_lora,
        lora_merged,
        rotary_base,
        scheduler_step_in,
        sigmas_rounded,
        times_shifted,
        ungiven_generator,
        between_stages,
        template,
        pipeline_attribute,
        packed_across,
        callback_clamps,
        watermark,
        levels_cut,
        stretched,
        colours_exchanged,
    )
}
