"""What applications leave behind in a pipeline: patches, hooks, adapters, caches, callbacks.

Functions of the kind of ``injections.py``; made after public reports.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from typing import Any
from unittest import mock

from goldenseed.tools.probe.change import call_otherwise, denoiser_of


def freeu(pipeline: Any, _undo: ExitStack) -> None:
    """Leave FreeU switched on: four numbers set on the UNet's upward blocks."""
    pipeline.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)


def attention_class(pipeline: Any, _undo: ExitStack, *, share: float) -> None:
    """Leave processors of another's class on every second attention."""

    class Perturbed:
        def __init__(self, own: Any) -> None:
            self.own = own

        def __call__(self, attn: Any, hidden: Any, *args: Any, **kwargs: Any) -> Any:
            made = self.own(attn, hidden, *args, **kwargs)
            if isinstance(made, tuple):
                return (made[0] * (1 - share), *made[1:])
            return made * (1 - share) + hidden * share

    denoiser = denoiser_of(pipeline)
    attentions = [each for each in denoiser.modules() if hasattr(each, "set_processor")]
    for module in attentions[::2]:
        module.set_processor(Perturbed(module.processor))


def hook(pipeline: Any, _undo: ExitStack, *, component: str, module: str, times: float) -> None:
    """Leave a forward hook on one module."""

    def after(_module: Any, _args: Any, output: Any) -> Any:
        return _scaled(output, times)

    part = getattr(pipeline, component)
    part.get_submodule(_named(part, module)).register_forward_hook(after)


def forward(pipeline: Any, _undo: ExitStack, *, component: str, module: str, times: float) -> None:
    """Leave a forward of somebody's own on one module."""
    part = getattr(pipeline, component)
    patched = part.get_submodule(_named(part, module))
    own = patched.forward

    @wraps(own)
    def other(*args: Any, **kwargs: Any) -> Any:
        return _scaled(own(*args, **kwargs), times)

    patched.forward = other


def adapter_left(
    pipeline: Any, undo: ExitStack, *, component: str, fused: bool = False, inside: bool = False
) -> None:
    """Load a random LoRA that no recipe names, for one component; or fuse and unload it."""
    folder = Path(undo.enter_context(tempfile.TemporaryDirectory()))
    path = folder / "left.safetensors"
    _random_lora(path, component, getattr(pipeline, component))

    def load() -> None:
        pipeline.load_lora_weights(str(path), adapter_name="left")
        if fused:
            pipeline.fuse_lora(lora_scale=1.0)
            pipeline.unload_lora_weights()

    if inside:
        within_call(pipeline, lambda _arguments: load())
    else:
        load()


def adapters_off(pipeline: Any, _undo: ExitStack) -> None:
    """Switch adapters off within the call."""

    def call(own: Callable[..., Any], **arguments: Any) -> Any:
        pipeline.disable_lora()
        try:
            return own(**arguments)
        finally:
            pipeline.enable_lora()

    call_otherwise(pipeline, call)


def within_call(pipeline: Any, change: Callable[[dict[str, Any]], None]) -> None:
    """Let ``change`` act on the arguments of each call."""

    def call(own: Callable[..., Any], **arguments: Any) -> Any:
        change(arguments)
        return own(**arguments)

    call_otherwise(pipeline, call)


def callback(pipeline: Any, _undo: ExitStack, *, step: int, does: str, amount: float = 1.0) -> None:
    """Do something after one step, as an application's callback does."""

    def after(pipe: Any, index: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if index == step - 1:
            _CALLBACKS[does](pipe, tensors, amount)
        return tensors

    inputs = ["latents", "prompt_embeds"] if does == "guidance_off" else ["latents"]
    within_call(
        pipeline,
        lambda arguments: arguments.update(
            callback_on_step_end=after, callback_on_step_end_tensor_inputs=inputs
        ),
    )


def first_block_cache(pipeline: Any, _undo: ExitStack, *, threshold: float) -> None:
    """Leave diffusers' cache of the transformer's first block on."""
    from diffusers import FirstBlockCacheConfig

    denoiser_of(pipeline).enable_cache(FirstBlockCacheConfig(threshold=threshold))


def attention_broadcast(pipeline: Any, _undo: ExitStack, *, every: int) -> None:
    """Leave diffusers' cache of attention states on: computed in every n-th step alone."""
    from diffusers import PyramidAttentionBroadcastConfig

    denoiser_of(pipeline).enable_cache(
        PyramidAttentionBroadcastConfig(
            spatial_attention_block_skip_range=every,
            spatial_attention_timestep_skip_range=(100, 950),
            spatial_attention_block_identifiers=["blocks", "transformer_blocks"],
            current_timestep_callback=lambda: int(pipeline._current_timestep or 0),
        )
    )


def late_step(pipeline: Any, undo: ExitStack, *, step: int, times: float) -> None:
    """Let one later step of the scheduler return something else."""
    cls = type(pipeline.scheduler)
    own = cls.step

    @wraps(own)
    def changed(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = own(self, *args, **kwargs)
        index = self.step_index if self.step_index is not None else 0
        return (result[0] * times, *result[1:]) if index == step else result

    undo.enter_context(mock.patch.object(cls, "step", changed))


def denoiser_given(
    pipeline: Any, undo: ExitStack, *, name: str, times: float = 1.0, plus: float = 0.0
) -> None:
    """Let the denoiser be given something else under one name, dotted within a mapping."""

    def before(_module: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        outer, _, inner = name.partition(".")
        held = kwargs[outer]
        if inner:
            kwargs[outer] = {**held, inner: held[inner] * times + plus}
        else:
            kwargs[outer] = held * times + plus
        return args, kwargs

    # Before the recorder's own hook, as whoever wraps the model in an application comes first.
    denoiser = denoiser_of(pipeline)
    handle = denoiser.register_forward_pre_hook(before, with_kwargs=True, prepend=True)
    undo.callback(handle.remove)


def encoded(pipeline: Any, undo: ExitStack, *, how: str) -> None:
    """Let ``encode_prompt`` return something else, or do more than it did."""
    own = pipeline.encode_prompt

    @wraps(own)
    def other(*args: Any, **kwargs: Any) -> Any:
        found = list(own(*args, **kwargs))
        if how == "negative_zero":
            found[1] = found[1] * 0
        elif how == "pooled_zero":
            found[2] = found[2] * 0
        elif how == "tokenized_again":
            pipeline.tokenizer(
                kwargs.get("prompt") or args[0],
                padding="max_length",
                truncation=True,
                return_tensors="pt",
            )
        elif how == "mask_full":
            found[1] = found[1] * 0 + 1
        return tuple(found)

    pipeline.encode_prompt = other
    undo.callback(lambda: pipeline.__dict__.pop("encode_prompt", None))


def package_there(_pipeline: Any, undo: ExitStack, *, name: str, version: str) -> None:
    """Let a package seem to be installed: the folder of its metadata is there."""
    place = undo.enter_context(tempfile.TemporaryDirectory())
    folder = Path(place) / f"{name}-{version}.dist-info"
    folder.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (folder / "METADATA").write_text(metadata, encoding="utf-8")
    undo.enter_context(mock.patch.object(sys, "path", [place, *sys.path]))


def told_size(pipeline: Any, _undo: ExitStack, *, size: int) -> None:
    """Tell a Stable Diffusion XL of another original size."""
    within_call(pipeline, lambda arguments: arguments.update(original_size=(size, size)))


def several(pipeline: Any, _undo: ExitStack, *, number: int, kept: int) -> None:
    """Make several images in the one call and keep one of them."""

    def call(own: Callable[..., Any], **arguments: Any) -> Any:
        output = own(**{**arguments, "num_images_per_prompt": number})
        output.images = output.images[kept : kept + 1]
        if hasattr(output, "nsfw_content_detected"):
            output.nsfw_content_detected = None
        return output

    call_otherwise(pipeline, call)


def _guidance_off(pipeline: Any, tensors: dict[str, Any], _amount: float) -> None:
    pipeline._guidance_scale = 1.0
    tensors["prompt_embeds"] = tensors["prompt_embeds"].chunk(2)[-1]


def _guidance_times(pipeline: Any, _tensors: dict[str, Any], amount: float) -> None:
    pipeline._guidance_scale *= amount


def _latents_times(_pipeline: Any, tensors: dict[str, Any], amount: float) -> None:
    tensors["latents"] = tensors["latents"] * amount


def _schedule_again(pipeline: Any, _tensors: dict[str, Any], amount: float) -> None:
    pipeline.scheduler.set_timesteps(int(amount))


_CALLBACKS: Mapping[str, Callable[[Any, dict[str, Any], float], None]] = {
    "guidance_off": _guidance_off,
    "guidance_times": _guidance_times,
    "latents_times": _latents_times,
    "schedule_again": _schedule_again,
}


def _named(part: Any, wanted: str) -> str:
    """Return the first module whose name ends so."""
    return next(name for name, _ in part.named_modules() if name.endswith(wanted))


def _scaled(output: Any, times: float) -> Any:
    if isinstance(output, tuple):
        return (output[0] * times, *output[1:])
    return output * times


def _random_lora(path: Path, component: str, module: Any) -> None:
    import torch
    from safetensors.torch import save_file

    random = torch.Generator().manual_seed(1)
    ends = ("to_q", "to_k", "to_v", "q_proj", "k_proj", "v_proj")
    layers: dict[str, Any] = {}
    for name, layer in module.named_modules():
        if name.endswith(ends) and hasattr(layer, "weight"):
            outputs, inputs = layer.weight.shape
            first = torch.randn(4, inputs, generator=random) / inputs**0.5
            second = torch.randn(outputs, 4, generator=random) * layer.weight.std() / 4
            layers[f"{component}.{name}.lora_A.weight"] = first
            layers[f"{component}.{name}.lora_B.weight"] = second
    save_file(layers, path)


PATCHES: Mapping[str, Callable[..., None]] = {
    each.__name__: each
    for each in (
        adapter_left,
        adapters_off,
        attention_broadcast,
        attention_class,
        callback,
        denoiser_given,
        encoded,
        first_block_cache,
        forward,
        freeu,
        hook,
        late_step,
        package_there,
        several,
        told_size,
    )
}
