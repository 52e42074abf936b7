"""Attention: other processors of diffusers, other kernels of torch."""

from __future__ import annotations

from typing import Any

from harness.probe.change import Change, Unfit, fits, needs_gpu
from harness.probe.changes.parts import denoiser_of


def changes() -> tuple[Change, ...]:
    """Return the changes of this family."""
    kernels = (
        ("default", "the attention kernel that torch chooses", fits),
        ("flash", "torch's flash attention kernel", fits),
        ("efficient", "torch's memory-efficient attention kernel", needs_gpu),
        ("cudnn", "cuDNN's attention kernel", needs_gpu),
    )
    return (
        Change("attn-processor", "diffusers' plain attention processor", tweak=plain_processor),
        Change("attn-slicing", "attention head by head", tweak=sliced_attention),
        *(
            Change(f"sdpa-{name}", what, determinism={"sdpa": name}, unfit=unfit)
            for name, what, unfit in kernels
        ),
        Change(
            "attn-backend-native",
            "diffusers' attention back end `native`",
            determinism={"attention_backend": "native"},
            tweak=needs_dispatch,
        ),
    )


def plain_processor(pipeline: Any) -> None:
    """Give the denoiser diffusers' ``AttnProcessor``: plain matrix products and a softmax.

    Raises:
        Unfit: its processors are of another kind, or are that one already.

    """
    from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

    denoiser = denoiser_of(pipeline)
    found = set(map(type, getattr(denoiser, "attn_processors", {}).values()))
    if found != {AttnProcessor2_0}:
        names = ", ".join(sorted(each.__name__ for each in found)) or "none"
        raise Unfit(f"AttnProcessor replaces AttnProcessor2_0 only; here: {names}")
    denoiser.set_attn_processor(AttnProcessor())


def sliced_attention(pipeline: Any) -> None:
    """Compute attention in slices, one head at a time.

    Raises:
        Unfit: no model of the pipeline can.

    """
    if not hasattr(denoiser_of(pipeline), "set_attention_slice"):
        raise Unfit(f"{type(denoiser_of(pipeline)).__name__} has no sliced attention")
    pipeline.enable_attention_slicing("max")


def needs_dispatch(pipeline: Any) -> None:
    """Change nothing.

    Raises:
        Unfit: no attention processor of the pipeline takes a back end.

    """
    models = (each for each in pipeline.components.values() if hasattr(each, "modules"))
    modules = (module for model in models for module in model.modules())
    processors = (getattr(module, "processor", None) for module in modules)
    if not any(hasattr(each, "_attention_backend") for each in processors):
        raise Unfit("no attention processor of this model takes a back end")
