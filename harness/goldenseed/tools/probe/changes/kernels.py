"""Kernels: what computes attention, in which dtype and precision all is computed."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import JsonValue, ValidationError

from goldenseed.backends.diffusers.attention import FAMILIES
from goldenseed.suite.cases import Case, Suite
from goldenseed.suite.model_schema import QuantizationSection
from goldenseed.suite.part_specs import QuantizationSpec
from goldenseed.suite.schema import AttentionProcessor
from goldenseed.tools.probe.change import (
    Change,
    Check,
    Situation,
    Unfit,
    Way,
    denoiser_of,
    fits,
    is_true,
    is_word,
    needs_gpu,
)

_KERNELS = {
    "default": ("the attention kernel that torch chooses", fits),
    "math": ("attention of plain products and a softmax", needs_gpu),
    "flash": ("torch's flash attention kernel", fits),
    "efficient": ("torch's memory-efficient attention kernel", needs_gpu),
    "cudnn": ("cuDNN's attention kernel", needs_gpu),
}
_PROCESSORS = get_args(AttentionProcessor)
_DTYPES = ("float64", "bfloat16", "float16", "float32")
_Asked = Mapping[str, JsonValue]


def attention_ways() -> tuple[Way, ...]:
    """Return what computes attention otherwise."""
    plain = "AttnProcessor"
    return (
        Way(
            "attention_processor",
            ", ".join(_PROCESSORS),
            is_word(*_PROCESSORS),
            _processor,
            ({"attention_processor": plain},),
        ),
        Way("attention_slicing", "true", is_true, _sliced, ({"attention_slicing": True},)),
        Way(
            "sdpa",
            ", ".join(_KERNELS),
            is_word(*_KERNELS),
            _sdpa,
            tuple({"sdpa": name} for name in _KERNELS),
        ),
        Way(
            "attention_backend",
            "a back end of diffusers' `set_attention_backend`",
            lambda value: isinstance(value, str) and bool(value),
            _backend,
            ({"attention_backend": "native"},),
        ),
    )


def _processor(name: str, _asked: _Asked) -> Change:
    plain = name == "AttnProcessor"
    return Change(
        f"attention_processor={name}",
        "diffusers' plain attention processor" if plain else f"diffusers' {name}",
        determinism={"attention_processor": name},
        tweak=needs_replaceable_processors if plain else None,
    )


def _sliced(_value: bool, _asked: _Asked) -> Change:  # noqa: FBT001 - the table hands it on
    return Change(
        "attention_slicing",
        "attention head by head",
        tweak=sliced_attention,
        against=processor_is_pinned,
    )


def _sdpa(name: str, _asked: _Asked) -> Change:
    what, unfit = _KERNELS[name]
    return Change(f"sdpa={name}", what, determinism={"sdpa": name}, unfit=unfit)


def _backend(name: str, _asked: _Asked) -> Change:
    return Change(
        f"attention_backend={name}",
        f"diffusers' attention back end `{name}`",
        determinism={"attention_backend": name},
        tweak=needs_dispatch,
    )


def processor_is_pinned(suite: Suite, _cases: Sequence[Case]) -> str | None:
    """Say that the suite's own processor would take the place of a sliced one."""
    pinned = suite.determinism.attention_processor
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


def precision_ways() -> tuple[Way, ...]:
    """Return what computes in another dtype, or takes shortcuts inside float32 products."""
    return (
        Way("float32_precision", "tf32", is_word("tf32"), _tf32, ({"float32_precision": "tf32"},)),
        Way("reduced_precision_gemm", "true", is_true, _gemm, ({"reduced_precision_gemm": True},)),
        Way("cudnn_benchmark", "true", is_true, _timing, ({"cudnn_benchmark": True},)),
        Way(
            "dtype",
            ", ".join(_DTYPES),
            is_word(*_DTYPES),
            _dtype,
            tuple({"dtype": name} for name in _DTYPES[:3]),
        ),
        Way(
            "quantization",
            "what `model.quantization` takes: a backend, and its options beside it",
            _is_quantization,
            _quantised,
        ),
    )


def _tf32(_value: str, _asked: _Asked) -> Change:
    return Change(
        "float32_precision=tf32",
        "float32 products in TF32",
        determinism={"float32_precision": "tf32"},
        against=_portable_against,
        unfit=needs_gpu,
    )


def _gemm(_value: bool, _asked: _Asked) -> Change:  # noqa: FBT001 - the table hands it on
    return Change(
        "reduced_precision_gemm",
        "16-bit products added up in less than float32",
        determinism={"reduced_precision_gemm": True},
        against=_needs_16_bits,
        unfit=needs_gpu,
    )


def _timing(_value: bool, _asked: _Asked) -> Change:  # noqa: FBT001 - the table hands it on
    return Change(
        "cudnn_benchmark",
        "cuDNN's algorithms chosen by timing",
        determinism={"cudnn_benchmark": True},
        unfit=needs_gpu,
    )


def _dtype(name: str, _asked: _Asked) -> Change:
    """Another dtype; float64 is given the noise of float32, for which diffusers is altered."""
    wide, half = name == "float64", name == "float16"
    return Change(
        f"dtype={name}",
        f"{name}, from the same initial noise" if wide else name,
        model={"dtype": name},
        tweak=float32_noise if wide else None,
        against=_portable_against,
        unfit=_slow_on_cpus if half else fits,
        alone=wide,
    )


def _is_quantization(value: JsonValue) -> bool:
    try:
        QuantizationSection.model_validate(value)
    except ValidationError:
        return False
    return True


def _quantised(value: Mapping[str, JsonValue], _asked: _Asked) -> Change:
    section = QuantizationSection.model_validate(dict(value))
    options = dict(section.__pydantic_extra__ or {})
    words = "-".join([section.backend, *(str(each) for each in options.values())])
    return Change(
        f"quantization={words}",
        f"weights quantised by {section.backend}",
        model={"quantization": QuantizationSpec(section.backend, section.components, options)},
        against=_portable_against,
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


def _portable_against(suite: Suite, _cases: Sequence[Case]) -> str | None:
    return "a portable suite is float64 throughout" if suite.determinism.portable else None


def _needs_16_bits(suite: Suite, _cases: Sequence[Case]) -> str | None:
    dtype = suite.model.dtype
    return None if dtype in {"float16", "bfloat16"} else f"the suite's dtype is {dtype}"


def _slow_on_cpus(situation: Situation) -> str | None:
    """Leave float16 to GPUs: 21 times the time of float32 was measured on an AVX-512 CPU."""
    return None if situation.on_gpu else "takes some 20 times as long on a CPU, and nobody does it"
