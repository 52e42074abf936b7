"""What is done to a model in the trial: harmless changes, and faults as people have met them.

``FILES`` edit the saved model; ``LOADED`` change the pipeline that ``from_pretrained`` returned, as
an application would (its patched functions are in ``patches.py``). Which of them make a case, and
what is truly so, is in ``changes.yaml``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.trials import patches
from tests.trials.fifth_patches import FIFTH_FILES, FIFTH_LOADED
from tests.trials.fourth_patches import FOURTH_FILES, FOURTH_LOADED
from tests.trials.second_patches import SECOND_LOADED
from tests.trials.third_patches import THIRD_FILES, THIRD_LOADED


def _noisy(tensor: Any, scale: float, generator: Any) -> Any:
    import torch

    if not tensor.is_floating_point():
        return tensor
    noise = torch.randn(tensor.shape, generator=generator)
    return (tensor.float() * (1 + scale * noise)).to(tensor.dtype)


# files of the model


def file_weights(folder: Path, *, part: str, scale: float) -> None:
    """Multiply each weight in the component's file by 1 + scale · N(0, 1)."""
    import torch
    from safetensors.torch import load_file, save_file

    generator = torch.Generator().manual_seed(5)
    (path,) = (folder / part).glob("*.safetensors")
    weights = {name: _noisy(value, scale, generator) for name, value in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})


def file_config(folder: Path, *, path: str, **fields: Any) -> None:
    """Set fields of a configuration file."""
    config = json.loads((folder / path).read_text(encoding="utf-8"))
    (folder / path).write_text(json.dumps(config | fields, indent=2), encoding="utf-8")


# the loaded pipeline: components


def memory_weights(pipeline: Any, *, part: str, scale: float) -> None:
    """The same as ``file_weights`` after loading."""
    import torch

    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in getattr(pipeline, part).parameters():
            parameter.copy_(_noisy(parameter, scale, generator))


def config_after_load(pipeline: Any, *, part: str, **fields: Any) -> None:
    """Set fields of a component's configuration after loading."""
    getattr(pipeline, part).register_to_config(**fields)


def scheduler(pipeline: Any, **fields: Any) -> None:
    """Make the scheduler anew from its configuration, with other fields."""
    kind = type(pipeline.scheduler)
    pipeline.scheduler = kind.from_config(pipeline.scheduler.config, **fields)


def through_bfloat16(pipeline: Any, *, part: str) -> None:
    """Cast a component to bfloat16 and back."""
    import torch

    module = getattr(pipeline, part)
    dtype = module.dtype
    module.to(torch.bfloat16).to(dtype)


def training(pipeline: Any, *, part: str) -> None:
    """Leave dropout on."""
    getattr(pipeline, part).train()


def channels_last(pipeline: Any, *, part: str) -> None:
    """Lay convolution weights out by channels."""
    import torch

    getattr(pipeline, part).to(memory_format=torch.channels_last)


def lora(pipeline: Any, *, part: str, targets: list[str], alpha: float) -> None:
    """Leave a LoRA adapter on."""
    import torch
    from peft import LoraConfig

    torch.manual_seed(3)
    getattr(pipeline, part).add_adapter(
        LoraConfig(r=2, lora_alpha=alpha, init_lora_weights=False, target_modules=targets)
    )


def free_u(pipeline: Any) -> None:
    """Switch FreeU on."""
    pipeline.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)


def vae_tiling(pipeline: Any, *, part: str = "vae", **options: Any) -> None:
    """Decode in tiles."""
    getattr(pipeline, part).enable_tiling(**options)


def vae_slicing(pipeline: Any) -> None:
    """Decode pictures one by one; there is only one."""
    pipeline.vae.enable_slicing()


def attention_slicing(pipeline: Any) -> None:
    """Compute attention a head at a time."""
    pipeline.enable_attention_slicing(1)


def plain_attention(pipeline: Any, *, part: str, kind: str) -> None:
    """Set an attention processor of diffusers that computes the same in another order."""
    from diffusers.models import attention_processor

    getattr(pipeline, part).set_attn_processor(getattr(attention_processor, kind)())


def own_attention(pipeline: Any, *, part: str, factor: float) -> None:
    """Replace the attention processors by own ones whose results are a little larger."""

    def own(processor: Any) -> Any:
        kind = type(processor)

        class HouseProcessor(kind):  # type: ignore[misc, valid-type]
            def __call__(self, *args: Any, **kwargs: Any) -> Any:
                made = super().__call__(*args, **kwargs)
                if isinstance(made, tuple):
                    return tuple(one * factor for one in made)
                return made * factor

        replaced = HouseProcessor.__new__(HouseProcessor)
        replaced.__dict__.update(processor.__dict__)
        return replaced

    for module in getattr(pipeline, part).modules():
        if getattr(module, "processor", None) is not None:
            module.processor = own(module.processor)


def fewer_layers(pipeline: Any, *, part: str) -> None:
    """Take the text encoder's last layer but one, by leaving the last one out."""
    encoder = getattr(pipeline, part)
    if hasattr(encoder, "text_model"):
        encoder.text_model.encoder.layers = encoder.text_model.encoder.layers[:-1]
    elif hasattr(encoder, "encoder") and hasattr(encoder.encoder, "block"):
        encoder.encoder.block = encoder.encoder.block[:-1]
    else:
        encoder.layers = encoder.layers[:-1]


def tokenizer_length(pipeline: Any, *, part: str = "tokenizer", length: int) -> None:
    """Shorten what the tokenizer keeps of a prompt."""
    getattr(pipeline, part).model_max_length = length


FILES: dict[str, Callable[..., None]] = {
    function.__name__: function for function in (file_weights, file_config)
}
LOADED: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        memory_weights,
        config_after_load,
        scheduler,
        through_bfloat16,
        training,
        channels_last,
        lora,
        free_u,
        vae_tiling,
        vae_slicing,
        attention_slicing,
        plain_attention,
        own_attention,
        fewer_layers,
        tokenizer_length,
        patches.forward_adds,
        patches.autocast,
        patches.unguided_from,
        patches.guidance_fades,
        patches.clamp_at,
        patches.noise_scale,
        patches.stale_embeddings,
        patches.argument,
        patches.prompt_gets,
        patches.next_seed,
        patches.other_generator,
        patches.two_threads,
        patches.sdpa_flash,
        patches.gamma,
        patches.jpeg,
    )
}
ALL_FILES = {**FILES, **THIRD_FILES, **FOURTH_FILES, **FIFTH_FILES}
ALL_LOADED = {**LOADED, **SECOND_LOADED, **THIRD_LOADED, **FOURTH_LOADED, **FIFTH_LOADED}


def edit_files(folder: Path, done: list[dict[str, dict[str, Any]]]) -> None:
    """Apply to the model's files what of ``done`` concerns them."""
    for step in done:
        for name, arguments in step.items():
            if name in ALL_FILES:
                ALL_FILES[name](folder, **arguments)


def change_loaded(pipeline: Any, done: list[dict[str, dict[str, Any]]]) -> None:
    """Apply to the loaded pipeline what of ``done`` concerns it."""
    for step in done:
        for name, arguments in step.items():
            if name not in ALL_FILES:
                ALL_LOADED[name](pipeline, **arguments)


def on_loading(done: list[dict[str, dict[str, Any]]]) -> None:
    """Let every pipeline that is loaded from now on be changed."""
    from diffusers import DiffusionPipeline

    original = DiffusionPipeline.from_pretrained.__func__

    @functools.wraps(original)
    def from_pretrained(kind: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(kind, *args, **kwargs)
        change_loaded(made[0] if isinstance(made, tuple) else made, done)
        return made

    DiffusionPipeline.from_pretrained = classmethod(from_pretrained)
