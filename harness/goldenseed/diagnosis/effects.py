"""What a key of the fingerprint stands for: its cause, where it takes effect, and how strongly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.suspicion import LIKELY, RECORDED, Size
from goldenseed.suite.parts import Role, role_of

TEXT: Final = frozenset({Place.EMBEDDINGS})
SCHEDULE: Final = frozenset(
    {
        Place.SCHEDULE,
        Place.LATENTS,
        Place.CONDITIONING,
        Place.STEP,
        Place.FIRST_STEP,
        Place.LATER_NOISE,
        Place.LATER_STEP,
    }
)
DENOISER: Final = frozenset({Place.DENOISER, Place.FIRST_STEP, Place.LATER_STEP})
GUIDANCE: Final = frozenset(
    {
        # Guidance that is switched on or off adds or drops the encoding of the negative prompt.
        Place.TOKEN_IDS,
        Place.EMBEDDINGS,
        Place.CONDITIONING,
        Place.GUIDANCE,
        Place.FIRST_STEP,
        Place.LATER_STEP,
    }
)
SWITCHED: Final = frozenset({Place.TOKEN_IDS, Place.EMBEDDINGS})
"""Where guidance takes effect only if it is switched on or off, and not if it is scaled."""
NOISE: Final = frozenset({Place.NOISE, Place.LATENTS, Place.LATER_NOISE})
SIZE: Final = NOISE | {Place.SCHEDULE, Place.CONDITIONING}
"""Some schedules are shifted by the size of the image, and some denoisers are told of it."""
VAE: Final = frozenset({Place.BEFORE_VAE, Place.VAE, Place.IMAGE})
CONVERSION: Final = frozenset({Place.CONVERSION, Place.IMAGE, Place.UNPROCESSED, Place.PIXELS})
IMAGE_ENCODER: Final = frozenset({Place.CONDITIONING, Place.DENOISER, Place.FIRST_STEP})
POSTPROCESSED: Final = frozenset({Place.POSTPROCESSED})
EVERYWHERE: Final = frozenset(Place) - POSTPROCESSED
"""Wherever the model works."""
COMPUTED: Final = EVERYWHERE - {Place.TOKEN_IDS, Place.UNPROCESSED, Place.PIXELS}
"""Where floating-point numbers are computed: the levels follow from equal floats by one rule."""

_BETWEEN_STEPS: Final = frozenset({Place.LATER_NOISE, Place.LATER_STEP, Place.BEFORE_VAE})

_PLACES_OF: Final[Mapping[Role, frozenset[Place]]] = MappingProxyType(
    {
        Role.TOKENIZER: frozenset({Place.TOKEN_IDS}),
        Role.TEXT_ENCODER: TEXT,
        Role.IMAGE_ENCODER: IMAGE_ENCODER,
        Role.SCHEDULER: SCHEDULE,
        Role.CONTROL: DENOISER | {Place.CONDITIONING},
        Role.DENOISER: DENOISER,
        Role.PRIOR: DENOISER,
        Role.GUIDER: GUIDANCE,
        # It also makes the latents of given pictures: the sample's, and what lies beside it.
        Role.DECODER: VAE | {Place.LATENTS, Place.CONDITIONING},
        Role.SAFETY_CHECKER: CONVERSION,
        Role.WATERMARKER: CONVERSION,
    }
)


def of_component(name: str) -> frozenset[Place]:
    """Return where a part of a pipeline, by its name, takes effect; of others: where it may."""
    return _PLACES_OF.get(role_of(name), COMPUTED)


def touches(places: frozenset[Place], root: Root, component: str = "") -> bool:
    """Say whether what takes effect at ``places`` can explain ``root``.

    Of several text encoders or tokenizers only one whose own records differ can.
    """
    if root.place is Place.ANYWHERE:
        return True
    if root.place not in places:
        return bool(root.carried & places)
    if root.place in {Place.TOKEN_IDS, Place.EMBEDDINGS} and component:
        return not {component, ""}.isdisjoint(root.parts)
    return True


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


CAUSES_OF_WEIGHTS: Final[Mapping[Role, Cause]] = MappingProxyType(
    {
        Role.TOKENIZER: Cause.TOKENIZER,
        Role.TEXT_ENCODER: Cause.TEXT_ENCODER,
        Role.IMAGE_ENCODER: Cause.IMAGE_ENCODER,
        Role.SCHEDULER: Cause.SCHEDULER,
        Role.CONTROL: Cause.CONTROL,
        Role.DENOISER: Cause.DENOISER,
        Role.PRIOR: Cause.DENOISER,
        Role.GUIDER: Cause.GUIDANCE,
        Role.DECODER: Cause.VAE_WEIGHTS,
        Role.SAFETY_CHECKER: Cause.SAFETY_CHECKER,
        Role.WATERMARKER: Cause.POST_PROCESSING,
    }
)
"""The cause if a part's weights or files are others; that of other parts has no name."""

_NUMPY: Final = frozenset({Place.SCHEDULE, Place.NOISE, Place.STEP}) | CONVERSION
_ATTENTION: Final = DENOISER | TEXT | VAE
_TEXTS: Final = frozenset({Place.TOKEN_IDS, Place.WRITTEN})
_PICTURES: Final = CONVERSION | POSTPROCESSED | {Place.CONDITIONING, Place.LATENTS}
_PACKAGE_PLACES: Final = {
    "tokenizers": _TEXTS,
    "ftfy": _TEXTS,
    "beautifulsoup4": _TEXTS,
    "sentencepiece": _TEXTS,
    "tiktoken": _TEXTS,
    "transformers": TEXT | _TEXTS,
    "pillow": POSTPROCESSED | {Place.PIXELS, Place.UNPROCESSED, Place.LATENTS},
    "torchvision": _PICTURES,
    "opencv-python": _PICTURES,
    "opencv-python-headless": _PICTURES,
    "opencv-contrib-python-headless": _PICTURES,
    "kornia": _PICTURES,
    "numpy": _NUMPY,
    "scipy": frozenset({Place.SCHEDULE}),
    "torchsde": frozenset({Place.LATER_NOISE, Place.LATER_STEP, Place.FIRST_STEP, Place.STEP}),
    "xformers": _ATTENTION,
    "flash-attn": _ATTENTION,
    "sageattention": _ATTENTION,
    "kernels": _ATTENTION,
    "bitsandbytes": DENOISER | TEXT,
    "torchao": DENOISER | TEXT,
    "gguf": DENOISER | TEXT,
    "optimum-quanto": DENOISER | TEXT,
    "peft": DENOISER | TEXT,
    "safetensors": EVERYWHERE,
    "accelerate": COMPUTED,
    "diffusers": EVERYWHERE - {Place.WRITTEN, Place.TOKEN_IDS, Place.EMBEDDINGS, Place.UNPROCESSED},
}
"""Where a package has its hand in; one that is not listed may have it everywhere."""
_UNLIKELY_PACKAGES: Final = frozenset({"safetensors", "accelerate", "peft"})
_CLEANERS: Final = frozenset({"ftfy", "beautifulsoup4"})
"""Packages whose presence alone decides what becomes of a prompt."""


def _family(
    pattern: str,
    cause: Cause,
    places: frozenset[Place],
    weight: float,
    size: Size = Size.ROUNDING,
    *,
    cuda_only: bool = False,
) -> tuple[re.Pattern[str], Effect]:
    return re.compile(pattern), Effect(cause, places, weight, size, cuda_only)


_REDUCED = r"torch\.(cuda\.matmul|cudnn\.(conv|rnn))\.(fp32_precision|allow_tf32)|torch\.cudnn\.allow_tf32|torch\.matmul\..*|env\.(NVIDIA_TF32|TORCH_ALLOW_TF32).*|torch\.sdp\.math_reduced_precision"  # noqa: E501
_FAMILIES: Final = (
    _family(_REDUCED, Cause.MATMUL_PRECISION, COMPUTED, 60, Size.REDUCED, cuda_only=True),
    _family(
        r"torch\..*fp32_precision|torch\.float32_matmul_precision|env\.\w+_FPMATH_MODE",
        Cause.MATMUL_PRECISION, COMPUTED, 60, Size.REDUCED,
    ),
    _family(r"torch\.sdp\..*", Cause.ATTENTION, _ATTENTION, 50),
    _family(r"env\.DIFFUSERS_ATTN.*", Cause.ATTENTION, _ATTENTION, 50, Size.LOSSY),
    _family(r"torch\.(default_dtype|autocast)", Cause.DTYPE, COMPUTED, RECORDED, Size.CAST),
    _family(
        r"torch\.(cudnn\.(benchmark|deterministic|enabled)|preferred_.*)"
        r"|env\.(CUBLAS.*|TORCH_.*|DISABLE_ADDMM.*|PYTORCH_TUNABLEOP.*)",
        Cause.KERNELS, COMPUTED, 40, cuda_only=True,
    ),
    _family(
        r"torch\.(deterministic_.*|fill_.*|mkldnn\.(enabled|deterministic))|pipeline\.offload",
        Cause.KERNELS, COMPUTED, 30,
    ),
    _family(r"cpu\.cache\..*|platform\.(libc|system)", Cause.CPU, COMPUTED, 4),
    _family(r"cpu\.(model|vendor|isa)|platform\.machine", Cause.CPU, COMPUTED, 20),
    _family(
        r"cpu\..*|env\.(ATEN_CPU.*|\w+_MAX_CPU_ISA|MKL_.*|NPY_.*)", Cause.CPU, COMPUTED, 50
    ),
    _family(r"library\..*\.architecture", Cause.CPU, COMPUTED, 40),
    _family(r"numpy\..*|library\.numpy\..*", Cause.PACKAGES, _NUMPY, 5),
    _family(r"library\..*", Cause.PACKAGES, COMPUTED, 15),
    _family(r"env\..*", Cause.KERNELS, COMPUTED, 10),
    _family(r"device\.type", Cause.GPU, COMPUTED, 60, Size.LOSSY),
    _family(
        r"gpu\..*|torch\.(cudnn|cuda|hip)|cuda\.package\..*",
        Cause.GPU, COMPUTED, 40, Size.LOSSY,
    ),
    _family(r"torch\.(version|git_version|build\..*)", Cause.PACKAGES, COMPUTED, 15),
    _family(r"scheduler\..*", Cause.SCHEDULER, SCHEDULE, RECORDED, Size.ANY),
    _family(r"guider\..*", Cause.GUIDANCE, GUIDANCE, RECORDED, Size.ANY),
    _family(r"call\.\w+\.rows", Cause.GUIDANCE, GUIDANCE | DENOISER, RECORDED, Size.ANY),
    _family(r"call\.guidance_scale", Cause.GUIDANCE, GUIDANCE - SWITCHED, RECORDED, Size.ANY),
    _family(
        r"pipeline\.callback", Cause.CALLBACK, _BETWEEN_STEPS, 0.9 * RECORDED, Size.ANY
    ),
    _family(r"generation\.batch", Cause.BATCH, EVERYWHERE, RECORDED, Size.ANY),
    _family(
        r"generation\.generator", Cause.SEED, NOISE | {Place.LATER_STEP}, RECORDED, Size.ANY
    ),
    _family(r"generation\..*", Cause.POST_PROCESSING, CONVERSION, RECORDED, Size.ANY),
    _family(r"postprocess\..*", Cause.POST_PROCESSING, POSTPROCESSED, 0, Size.ANY),
    _family(r"pipeline\.fused_loras|adapter_file\..*", Cause.LORA, DENOISER | TEXT,
            RECORDED, Size.ANY),
    _family(r"ip_adapter_file\..*", Cause.IP_ADAPTER, IMAGE_ENCODER, RECORDED, Size.ANY),
    _family(r"embedding_file\..*", Cause.EMBEDDING, TEXT | {Place.TOKEN_IDS}, RECORDED, Size.ANY),
    _family(
        r"pipeline\.attributes_sha256", Cause.PATCH, EVERYWHERE, LIKELY / 2, Size.ANY
    ),
    _family(r"pipeline\.class|model\.pipeline_sha256", Cause.MODEL, EVERYWHERE, RECORDED, Size.ANY),
    _family(r"model\.(source|revision)", Cause.MODEL, EVERYWHERE, 5, Size.ANY),
)  # fmt: skip


def effect_of(key: str) -> Effect | None:
    """Return what a difference in ``key`` does; None where nothing is known of it."""
    head, _, rest = key.partition(".")
    if head in {"model", "attention"} and "." in rest:
        component, _, field = rest.partition(".")
        return _of_component(head, component, field)
    if head == "tokenizer":
        component, _, field = rest.partition(".")
        weight = 10.0 if field in {"class", "backend"} else RECORDED
        places = _PLACES_OF[Role.TOKENIZER]
        return Effect(Cause.TOKENIZER, places, weight, component=component)
    if head == "model_file":
        return _of_file(rest)
    if head == "package":
        return _of_package(rest)
    return next((effect for pattern, effect in _FAMILIES if pattern.fullmatch(key)), None)


def _of_component(head: str, component: str, field: str) -> Effect | None:
    places = of_component(component)
    if head == "attention":
        size = Size.ANY if field.startswith("processors") else Size.ROUNDING
        return Effect(Cause.ATTENTION, places, 60, size, component=component)
    weights = CAUSES_OF_WEIGHTS.get(role_of(component))
    effects = {
        "dtype": (Cause.DTYPE, RECORDED, Size.CAST),
        "quantisation": (Cause.DTYPE, RECORDED, Size.CAST),
        "tiling": (Cause.VAE_TILING, RECORDED, Size.ANY),
        "slicing": (Cause.VAE_TILING, RECORDED / 2, Size.LOSSY),
        "memory_format": (Cause.KERNELS, 50.0, Size.ROUNDING),
        "inductor_sha256": (Cause.KERNELS, 50.0, Size.ROUNDING),
        "compiled": (Cause.KERNELS, 50.0, Size.ROUNDING),
        "adapters": (Cause.LORA, RECORDED, Size.ANY),
        # Less than what they may be there for: a dtype that a patched decoder is given.
        "hooks": (Cause.PATCH, 0.9 * RECORDED, Size.ANY),
        "forwards": (Cause.PATCH, 0.9 * RECORDED, Size.ANY),
        "switches": (Cause.PATCH, 0.9 * RECORDED, Size.ANY),
        "training": (Cause.PATCH, 0.9 * RECORDED, Size.ANY),
        "attributes_sha256": (Cause.PATCH, RECORDED / 2, Size.ANY),
        "autocast": (Cause.DTYPE, RECORDED, Size.CAST),
        "precision": (Cause.MATMUL_PRECISION, 60.0, Size.REDUCED),
        "tables_sha256": (Cause.CPU, 15.0, Size.ROUNDING),
        "class": (weights, RECORDED / 2, Size.ANY),
    }
    cause, weight, size = effects.get(field, (weights, RECORDED, Size.ANY))
    if field == "dtype":
        # The noise and the latents take the dtype of the prompt embeddings or of the denoiser.
        places |= NOISE | {Place.CONDITIONING}
    return None if cause is None else Effect(cause, places, weight, size, component=component)


def _of_file(path: str) -> Effect | None:
    component, _, name = path.partition("/")
    cause = CAUSES_OF_WEIGHTS.get(role_of(component))
    if cause is None or not name:
        return None
    # What was loaded is digested too; a file that differs says more only of its configuration.
    weight = 30.0 if name.endswith(".json") else 10.0
    return Effect(cause, of_component(component), weight, component=component)


def _of_package(name: str) -> Effect:
    places = _PACKAGE_PLACES.get(name, COMPUTED)
    weight = 2.0 if name in _UNLIKELY_PACKAGES else 60.0 if name in _CLEANERS else 15.0
    size = Size.LOSSY if name == "torch" else Size.ANY
    return Effect(Cause.PACKAGES, places, weight, size)
