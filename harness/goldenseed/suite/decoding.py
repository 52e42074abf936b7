"""Input files as the values that a pipeline is given: pictures and tensors, decoded as defined.

A picture is decoded as ``diffusers.utils.load_image`` does it (turned as its EXIF says, converted
to the mode, no colour management), with two doubts less: alpha is never dropped, and 16 bits a
channel are never cut, without being asked for.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular
from goldenseed.core.tensor_files import Tensor, parsed_tensor

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_TENSOR = 1024 * 1024 * 1024
"""Bytes of a file of tensors."""
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_ALPHA = ("LA", "RGBA", "PA", "La", "RGBa")


def read_picture(path: Path, mode: str | None) -> Image:
    """Decode a picture into ``mode`` (L, RGB or RGBA; None is RGB and takes no alpha), or raise."""
    from PIL import ImageOps

    from goldenseed.core.pixels import has_16_bit_colour, opened

    with opened(path) as (label, image, _):
        if image.mode.startswith("I") or image.mode == "F" or has_16_bit_colour(image):
            raise GoldenseedError(
                "has more than 8 bits a channel",
                path=label,
                fix="save it with 8 bits a channel, or its values as a .npy or .safetensors file",
            )
        if mode is None and (image.mode in _ALPHA or "transparency" in image.info):
            raise GoldenseedError(
                "has transparent pixels",
                path=label,
                fix="say what becomes of them: `mode: RGBA` keeps them, `mode: RGB` drops them",
            )
        turned = ImageOps.exif_transpose(image)
        plain = turned if turned.mode == (mode or "RGB") else turned.convert(mode or "RGB")
    plain.info = {}
    return plain


def read_tensor(path: Path, key: str | None) -> Tensor:
    """Read a tensor of finite numbers, by its key where the file holds several, or raise."""
    return parsed_tensor(path, read_regular(path, LARGEST_TENSOR), key)


def described(value: Image | Tensor) -> dict[str, JsonValue]:
    """Return what a recipe says of a value: its digest, and of what kind it is."""
    if isinstance(value, Tensor):
        head = f"goldenseed-tensor-1\0{value.dtype}\0{'x'.join(map(str, value.shape))}\0"
        digest = hashlib.sha256(head.encode("ascii"))
        digest.update(value.data)
        shape: list[JsonValue] = [*value.shape]
        return {"tensor_sha256": digest.hexdigest(), "dtype": value.dtype, "shape": shape}
    from goldenseed.core.pixels import pixels_sha256

    return {
        "pixels_sha256": pixels_sha256(value),
        "mode": value.mode,
        "width": value.width,
        "height": value.height,
    }
