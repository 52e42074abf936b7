"""Kernels: what computes attention, in which dtype and precision all is computed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from goldenseed.backends.diffusers.attention import FAMILIES
from goldenseed.tools.probe.change import (
    Change,
    Check,
    Situation,
    Unfit,
    denoiser_of,
    fits,
    needs_gpu,
)


def attention_changes() -> tuple[Change, ...]:
    """Return what computes attention otherwise."""
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
    """Raise ``Unfit`` where ``AttnProcessor`` cannot stand for the denoiser's own."""
    processors = getattr(denoiser_of(pipeline), "attn_processors", {}).values()
    found = {type(each).__name__ for each in processors}
    if not found or not found <= set(FAMILIES[0]):
        names = ", ".join(sorted(found)) or "none"
        raise Unfit(f"AttnProcessor stands for {' or '.join(FAMILIES[0][1:])} only; here: {names}")


def sliced_attention(pipeline: Any) -> None:
    """Compute attention one head at a time; ``Unfit`` where the denoiser cannot."""
    if not hasattr(denoiser_of(pipeline), "set_attention_slice"):
        raise Unfit(f"{type(denoiser_of(pipeline)).__name__} has no sliced attention")
    pipeline.enable_attention_slicing("max")


def needs_dispatch(pipeline: Any) -> None:
    """Raise ``Unfit`` where no attention processor takes a back end; change nothing."""
    models = (each for each in pipeline.components.values() if hasattr(each, "modules"))
    modules = (module for model in models for module in model.modules())
    processors = (getattr(module, "processor", None) for module in modules)
    if not any(hasattr(each, "_attention_backend") for each in processors):
        raise Unfit("no attention processor of this model takes a back end")


def precision_changes() -> tuple[Change, ...]:
    """Return what computes in another dtype, or takes shortcuts inside float32 products."""
    return (
        Change(
            "tf32",
            "float32 products in TF32",
            determinism={"float32_precision": "tf32"},
            unfit=_all_of(_portable_unfit, needs_gpu),
        ),
        Change(
            "reduced-gemm",
            "16-bit products added up in less than float32",
            determinism={"reduced_precision_gemm": True},
            unfit=_all_of(needs_gpu, _needs_16_bits),
        ),
        Change(
            "cudnn-benchmark",
            "cuDNN's algorithms chosen by timing",
            determinism={"cudnn_benchmark": True},
            unfit=needs_gpu,
        ),
        Change(
            "float64",
            "float64, from the same initial noise",
            dtype="float64",
            tweak=float32_noise,
            unfit=_portable_unfit,
        ),
        Change("bfloat16", "bfloat16", dtype="bfloat16", unfit=_portable_unfit),
        Change(
            "float16", "float16", dtype="float16", unfit=_all_of(_portable_unfit, _slow_on_cpus)
        ),
    )


def float32_noise(_pipeline: Any) -> Check:
    """Let diffusers draw in float32 whatever is asked for, until this process ends.

    torch's generators give other numbers in float64 than in float32, so that the picture would be
    another one. In 16 bits they give the same ones, rounded.
    """
    import torch
    from diffusers.utils import torch_utils

    own = torch_utils.randn_tensor
    drawn: list[bool] = []

    def draw(*args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        drawn.append(True)
        return own(*args, dtype=torch.float32, **kwargs).to(dtype or torch.get_default_dtype())

    # Pipelines and schedulers import the function by name, each into its own module.
    for module in tuple(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("diffusers."):
            for name in [name for name, value in vars(module).items() if value is own]:
                setattr(module, name, draw)
    return lambda: None if drawn else "the pipeline's initial noise would be another one"


def _all_of(*conditions: Callable[[Situation], str | None]) -> Callable[[Situation], str | None]:
    def first_reason(situation: Situation) -> str | None:
        return next(filter(None, (condition(situation) for condition in conditions)), None)

    return first_reason


def _portable_unfit(situation: Situation) -> str | None:
    return (
        "a portable suite is float64 throughout" if situation.suite.determinism.portable else None
    )


def _needs_16_bits(situation: Situation) -> str | None:
    dtype = situation.suite.model.dtype
    return None if dtype in {"float16", "bfloat16"} else f"the suite's dtype is {dtype}"


def _slow_on_cpus(situation: Situation) -> str | None:
    """Leave float16 to GPUs: 21 times the time of float32 was measured on an AVX-512 CPU."""
    return None if situation.on_gpu else "takes some 20 times as long on a CPU, and nobody does it"
