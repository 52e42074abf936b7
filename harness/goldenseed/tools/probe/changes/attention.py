"""Attention: other processors of diffusers, other kernels of torch."""

from __future__ import annotations

from typing import Any

from goldenseed.backends.diffusers.attention import FAMILIES
from goldenseed.tools.probe.change import (
    Change,
    Situation,
    Unfit,
    denoiser_of,
    fits,
    needs_gpu,
)


def changes() -> tuple[Change, ...]:
    """Return the changes of this family."""
    kernels = (
        ("default", "the attention kernel that torch chooses", fits),
        ("math", "attention of plain products and a softmax", needs_gpu),
        ("flash", "torch's flash attention kernel", fits),
        ("efficient", "torch's memory-efficient attention kernel", needs_gpu),
        ("cudnn", "cuDNN's attention kernel", needs_gpu),
    )
    return (
        Change(
            "attn-processor",
            "diffusers' plain attention processor",
            determinism={"attention_processor": "AttnProcessor"},
            tweak=needs_replaceable_processors,
        ),
        Change(
            "attn-slicing",
            "attention head by head",
            tweak=sliced_attention,
            unfit=processor_is_pinned,
        ),
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


def processor_is_pinned(situation: Situation) -> str | None:
    """Say that the suite's own processor would take the place of a sliced one."""
    pinned = situation.suite.determinism.attention_processor
    return f"the suite asks for {pinned}" if pinned else None


def needs_replaceable_processors(pipeline: Any) -> None:
    """Change nothing.

    Raises:
        Unfit: the denoiser has attention processors that ``AttnProcessor`` cannot stand for.

    """
    processors = getattr(denoiser_of(pipeline), "attn_processors", {}).values()
    found = {type(each).__name__ for each in processors}
    if not found or not found <= set(FAMILIES[0]):
        names = ", ".join(sorted(found)) or "none"
        raise Unfit(f"AttnProcessor stands for {' or '.join(FAMILIES[0][1:])} only; here: {names}")


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
