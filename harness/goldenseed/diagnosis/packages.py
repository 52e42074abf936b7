"""Where packages have their hand in."""

from __future__ import annotations

from typing import Final

from goldenseed.diagnosis.places import Place
from goldenseed.diagnosis.where import (
    COMPUTED,
    CONVERSION,
    DENOISER,
    EVERYWHERE,
    POSTPROCESSED,
    TEXT,
    VAE,
)

NUMPY: Final = frozenset({Place.SCHEDULE, Place.NOISE, Place.STEP, Place.PICTURE}) | CONVERSION
ATTENTION: Final = DENOISER | TEXT | VAE
_TEXTS: Final = frozenset({Place.TOKEN_IDS, Place.WRITTEN})
_PICTURES: Final = CONVERSION | POSTPROCESSED | {Place.CONDITIONING, Place.LATENTS, Place.PICTURE}
PACKAGE_PLACES: Final = {
    "tokenizers": _TEXTS,
    "ftfy": _TEXTS,
    "beautifulsoup4": _TEXTS,
    "sentencepiece": _TEXTS,
    "tiktoken": _TEXTS,
    "transformers": TEXT | _TEXTS | {Place.PICTURE},
    "pillow": POSTPROCESSED | {Place.PIXELS, Place.UNPROCESSED, Place.LATENTS, Place.PICTURE},
    "torchvision": _PICTURES,
    "opencv-python": _PICTURES,
    "opencv-python-headless": _PICTURES,
    "opencv-contrib-python-headless": _PICTURES,
    "kornia": _PICTURES,
    "numpy": NUMPY,
    "scipy": frozenset({Place.SCHEDULE}),
    "torchsde": frozenset({Place.LATER_NOISE, Place.LATER_STEP, Place.FIRST_STEP, Place.STEP}),
    "xformers": ATTENTION,
    "flash-attn": ATTENTION,
    "sageattention": ATTENTION,
    "kernels": ATTENTION,
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
UNLIKELY_PACKAGES: Final = frozenset({"safetensors", "accelerate", "peft"})
CLEANERS: Final = frozenset({"ftfy", "beautifulsoup4"})
"""Packages whose presence alone decides what becomes of a prompt."""
