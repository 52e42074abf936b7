"""What an image looks like, as a vector of length 1: the cosine of two says how alike they are."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from goldenseed.core.reading import open_regular
from goldenseed.images.clip import open_clip

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL.Image import Image

PLAIN: Final = "hash-and-colours-1"
"""The kind that needs no model."""
_HASH_SIZE: Final = 8
_GRID: Final = 4


def plain_vector(image: Image) -> npt.NDArray[np.float32]:
    """Return 112 numbers of an RGB image, of length 1: half its forms, half its colours.

    The 64 bits of its perceptual hash (``imagehash.phash``) as plus and minus one, and the mean
    CIELAB colours of a grid of 4 x 4 fields; each half has the length 1/√2.
    """
    import imagehash
    from PIL import Image as Pillow
    from skimage.color import rgb2lab

    bits = imagehash.phash(image, hash_size=_HASH_SIZE).hash.ravel()
    small = image.resize((_GRID, _GRID), Pillow.Resampling.BOX)
    colours = rgb2lab(np.asarray(small)).ravel() - np.tile([50.0, 0.0, 0.0], _GRID**2)
    return np.concatenate([_unit(np.where(bits, 1.0, -1.0)), _unit(colours)]).astype(
        np.float32
    ) / np.float32(np.sqrt(2))


def clip_vector(image: Image, folder: Path) -> tuple[str, npt.NDArray[np.float32]]:
    """Return the kind and the vector of an RGB image by the CLIP model in a folder.

    The kind has the digest of the model's weights: vectors of two models are never compared.

    Raises:
        GoldenseedError: no usable model in the folder.

    """
    vector = open_clip(folder).image_vector(image).numpy().astype(np.float32)
    return clip_kind(folder), vector


def clip_kind(folder: Path) -> str:
    """Name the vectors that the CLIP model in a folder makes."""
    with open_regular(folder / "model.safetensors") as file:
        return f"clip-{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


def _unit(vector: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length else vector, np.float64)
