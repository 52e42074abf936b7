"""What a key of the fingerprint stands for: its cause, where it takes effect, and how strongly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from harness.diagnosis import reach
from harness.diagnosis.model import Cause
from harness.diagnosis.places import Place
from harness.diagnosis.suspicion import RECORDED, Size


@dataclass(frozen=True, slots=True)
class Effect:
    """What a difference in one key does."""

    cause: Cause
    places: frozenset[Place]
    weight: float
    size: Size = Size.ANY
    cuda_only: bool = False
    component: str = ""
    """The pipeline's component that the key is about, if it is about one."""


CAUSES_OF_WEIGHTS: Final = {
    "text_encoder": Cause.TEXT_ENCODER,
    "unet": Cause.DENOISER,
    "transformer": Cause.DENOISER,
    "controlnet": Cause.DENOISER,
    "prior": Cause.DENOISER,
    "vae": Cause.VAE_WEIGHTS,
    "vqvae": Cause.VAE_WEIGHTS,
    "image_encoder": Cause.IMAGE_ENCODER,
    "feature_extractor": Cause.IMAGE_ENCODER,
    "safety_checker": Cause.SAFETY_CHECKER,
    "scheduler": Cause.SCHEDULER,
    "tokenizer": Cause.TOKENIZER,
}
"""The beginning of a component's name, and the cause if its weights or files are others."""

_NUMPY: Final = frozenset({Place.SCHEDULE, Place.NOISE, Place.STEP}) | reach.CONVERSION
_ATTENTION: Final = reach.DENOISER | reach.TEXT | reach.VAE
_PACKAGE_PLACES: Final = {
    "tokenizers": frozenset({Place.TOKEN_IDS}),
    "transformers": reach.TEXT | {Place.TOKEN_IDS},
    "pillow": frozenset({Place.PIXELS, Place.LATENTS}),
    "numpy": _NUMPY,
    "scipy": frozenset({Place.SCHEDULE}),
    "peft": reach.DENOISER | reach.TEXT,
    "safetensors": reach.EVERYWHERE,
    "accelerate": reach.COMPUTED,
    "diffusers": reach.EVERYWHERE - {Place.TOKEN_IDS, Place.EMBEDDINGS},
}
"""Where a package has its hand in; one that is not listed may have it everywhere."""
_UNLIKELY_PACKAGES: Final = frozenset({"safetensors", "accelerate", "peft"})


@dataclass(frozen=True, slots=True)
class _Family:
    pattern: re.Pattern[str]
    effect: Effect


def _family(
    pattern: str,
    cause: Cause,
    places: frozenset[Place],
    weight: float,
    size: Size = Size.ROUNDING,
    *,
    cuda_only: bool = False,
) -> _Family:
    return _Family(re.compile(pattern), Effect(cause, places, weight, size, cuda_only))


_REDUCED = r"torch\.(cuda\.matmul|cudnn\.(conv|rnn))\.(fp32_precision|allow_tf32)|torch\.cudnn\.allow_tf32|torch\.matmul\..*|env\.(NVIDIA_TF32|TORCH_ALLOW_TF32).*|torch\.sdp\.math_reduced_precision"  # noqa: E501
_FAMILIES: Final = (
    _family(_REDUCED, Cause.MATMUL_PRECISION, reach.COMPUTED, 60, Size.REDUCED, cuda_only=True),
    _family(
        r"torch\..*fp32_precision|torch\.float32_matmul_precision|env\.\w+_FPMATH_MODE",
        Cause.MATMUL_PRECISION, reach.COMPUTED, 60, Size.REDUCED,
    ),
    _family(r"torch\.sdp\..*", Cause.ATTENTION, _ATTENTION, 50),
    _family(r"env\.DIFFUSERS_ATTN.*", Cause.ATTENTION, _ATTENTION, 50, Size.LOSSY),
    _family(r"torch\.(default_dtype|autocast)", Cause.DTYPE, reach.COMPUTED, RECORDED, Size.CAST),
    _family(
        r"torch\.(cudnn\.(benchmark|deterministic|enabled)|preferred_.*)"
        r"|env\.(CUBLAS.*|TORCH_.*|DISABLE_ADDMM.*|PYTORCH_TUNABLEOP.*)",
        Cause.KERNELS, reach.COMPUTED, 40, cuda_only=True,
    ),
    _family(
        r"torch\.(deterministic_.*|fill_.*|mkldnn\.(enabled|deterministic))|pipeline\.offload",
        Cause.KERNELS, reach.COMPUTED, 30,
    ),
    _family(r"cpu\.cache\..*|platform\.(libc|system)", Cause.CPU, reach.COMPUTED, 4),
    _family(r"cpu\.(model|vendor|isa)|platform\.machine", Cause.CPU, reach.COMPUTED, 20),
    _family(
        r"cpu\..*|env\.(ATEN_CPU.*|\w+_MAX_CPU_ISA|MKL_.*|NPY_.*)", Cause.CPU, reach.COMPUTED, 50
    ),
    _family(r"library\..*\.architecture", Cause.CPU, reach.COMPUTED, 40),
    _family(r"numpy\..*|library\.numpy\..*", Cause.PACKAGES, _NUMPY, 5),
    _family(r"library\..*", Cause.PACKAGES, reach.COMPUTED, 15),
    _family(r"env\..*", Cause.KERNELS, reach.COMPUTED, 10),
    _family(r"device\.type", Cause.GPU, reach.COMPUTED, 60, Size.LOSSY),
    _family(
        r"gpu\..*|torch\.(cudnn|cuda|hip)|cuda\.package\..*",
        Cause.GPU, reach.COMPUTED, 40, Size.LOSSY,
    ),
    _family(r"torch\.(version|git_version|build\..*)", Cause.PACKAGES, reach.COMPUTED, 15),
    _family(r"scheduler\..*", Cause.SCHEDULER, reach.SCHEDULE, RECORDED, Size.ANY),
    _family(r"generation\.batch", Cause.BATCH, reach.EVERYWHERE, RECORDED, Size.ANY),
    _family(
        r"generation\.generator", Cause.SEED, reach.NOISE | {Place.LATER_STEP}, RECORDED, Size.ANY
    ),
    _family(r"generation\..*", Cause.POST_PROCESSING, reach.CONVERSION, RECORDED, Size.ANY),
    _family(r"pipeline\.fused_loras|adapter_file\..*", Cause.LORA, reach.DENOISER | reach.TEXT,
            RECORDED, Size.ANY),
    _family(r"pipeline\.class", Cause.MODEL, reach.EVERYWHERE, RECORDED, Size.ANY),
    _family(r"model\.(source|revision)", Cause.MODEL, reach.EVERYWHERE, 5, Size.ANY),
)  # fmt: skip
"""Keys by pattern; the first that fits."""


def effect_of(key: str) -> Effect | None:
    """Return what a difference in ``key`` does; None where nothing is known of it."""
    head, _, rest = key.partition(".")
    if head in {"model", "attention"} and "." in rest:
        component, _, field = rest.partition(".")
        return _of_component(head, component, field)
    if head == "tokenizer":
        component, _, field = rest.partition(".")
        places = reach.of_component("tokenizer")
        weight = 10.0 if field in {"class", "backend"} else RECORDED
        return Effect(Cause.TOKENIZER, places, weight, component=component)
    if head == "model_file":
        return _of_file(rest)
    if head == "package":
        return _of_package(rest)
    return next((each.effect for each in _FAMILIES if each.pattern.fullmatch(key)), None)


def cause_of_weights(component: str) -> Cause | None:
    """Return the cause if the weights of a component are others; None for a kind not known."""
    found = (cause for start, cause in CAUSES_OF_WEIGHTS.items() if component.startswith(start))
    return next(found, None)


def _of_component(head: str, component: str, field: str) -> Effect | None:
    places = reach.of_component(component)
    if head == "attention":
        size = Size.LOSSY if field == "processors" else Size.ROUNDING
        return Effect(Cause.ATTENTION, places, 60, size, component=component)
    weights = cause_of_weights(component)
    effects = {
        "dtype": (Cause.DTYPE, RECORDED, Size.CAST),
        "quantisation": (Cause.DTYPE, RECORDED, Size.CAST),
        "tiling": (Cause.VAE_TILING, RECORDED, Size.ANY),
        "slicing": (Cause.VAE_TILING, RECORDED / 2, Size.LOSSY),
        "memory_format": (Cause.KERNELS, 50.0, Size.ROUNDING),
        "inductor_sha256": (Cause.KERNELS, 50.0, Size.ROUNDING),
        "compiled": (Cause.KERNELS, 50.0, Size.ROUNDING),
        "training": (Cause.KERNELS, 30.0, Size.ANY),
        "tables_sha256": (Cause.CPU, 15.0, Size.ROUNDING),
        "class": (weights, RECORDED / 2, Size.ANY),
    }
    cause, weight, size = effects.get(field, (weights, RECORDED, Size.ANY))
    if field == "dtype":
        # The noise and the latents take the dtype of the prompt embeddings or of the denoiser.
        places |= reach.NOISE | {Place.CONDITIONING}
    return None if cause is None else Effect(cause, places, weight, size, component=component)


def _of_file(path: str) -> Effect | None:
    component, _, name = path.partition("/")
    cause = cause_of_weights(component)
    if cause is None or not name:
        return None
    places = reach.SCHEDULE if component == "scheduler" else reach.of_component(component)
    # What was loaded is digested too; a file that differs says more only of its configuration.
    weight = 30.0 if name.endswith(".json") else 10.0
    return Effect(cause, places, weight, component=component)


def _of_package(name: str) -> Effect:
    places = _PACKAGE_PLACES.get(name, reach.COMPUTED)
    weight = 2.0 if name in _UNLIKELY_PACKAGES else 15.0
    size = Size.LOSSY if name == "torch" else Size.ANY
    return Effect(Cause.PACKAGES, places, weight, size)
