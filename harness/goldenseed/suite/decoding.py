"""Input files as the values that a pipeline is given: pictures and tensors, decoded as defined.

A picture is decoded as ``diffusers.utils.load_image`` does it (turned as its EXIF says, converted
to the mode, no colour management), with two doubts less: alpha is never dropped, and 16 bits a
channel are never cut, without being asked for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_TENSOR = 1024 * 1024 * 1024
"""Bytes of a file of tensors."""
TENSORS = (".safetensors", ".npy")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_ALPHA = ("LA", "RGBA", "PA", "La", "RGBa")


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as its file has it."""

    dtype: str
    """As torch names it: ``float32``."""
    shape: tuple[int, ...]
    data: bytes
    """Its numbers in C order, little-endian."""


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
        plain = turned.convert(mode or "RGB")
    plain.info = {}
    return plain


def read_tensor(path: Path, key: str | None) -> Tensor:
    """Read a tensor of finite numbers, by its key where the file holds several, or raise."""
    data = read_regular(path, LARGEST_TENSOR)
    tensor = _numpy_file(path, data) if path.suffix.lower() == ".npy" else _named(path, data, key)
    if not _is_finite(tensor):
        raise GoldenseedError("holds NaN or infinite values", path=path, fix="save it again")
    return tensor


_BY_SAFETENSORS = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "U8": "uint8",
    "BOOL": "bool",
}
_EXPONENT = {"bfloat16": 0x7F80, "float16": 0x7C00}
"""The bits that are all set in what is not finite."""


def _named(path: Path, data: bytes, key: str | None) -> Tensor:
    from safetensors import SafetensorError, deserialize

    try:
        found: dict[str, Any] = dict(deserialize(data))  # type: ignore[no-untyped-call]
    except (SafetensorError, ValueError) as error:
        raise GoldenseedError(
            f"cannot be read as .safetensors: {error}", path=path, fix="save it again"
        ) from error
    names = ", ".join(sorted(found)[:9])
    if key is None and len(found) != 1:
        raise GoldenseedError(
            f"holds {len(found)} tensors: {names}", path=path, fix="name one with `key:`"
        )
    entry = found.get(key) if key is not None else next(iter(found.values()))
    if entry is None:
        raise GoldenseedError(f"has no tensor {key!r}", path=path, fix=f"it holds {names}")
    return Tensor(
        _known(path, _BY_SAFETENSORS.get(entry["dtype"]), entry["dtype"]),
        tuple(entry["shape"]),
        bytes(entry["data"]),
    )


def _numpy_file(path: Path, data: bytes) -> Tensor:
    from tokenize import TokenError

    import numpy as np

    try:
        values = np.load(BytesIO(data), allow_pickle=False)
    except (OSError, ValueError, EOFError, LookupError, MemoryError, SyntaxError, TokenError) as e:
        raise GoldenseedError(
            f"cannot be read as .npy: {e}", path=path, fix="save it again with numpy.save"
        ) from e
    if not isinstance(values, np.ndarray):
        raise GoldenseedError("holds several arrays", path=path, fix="save one with numpy.save")
    plain = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    name = _known(path, plain.dtype.name, values.dtype.name)
    return Tensor(name, values.shape, plain.tobytes())


def _known(path: Path, dtype: str | None, called: str) -> str:
    if dtype is None or dtype not in _BY_SAFETENSORS.values():
        known = ", ".join(_BY_SAFETENSORS.values())
        raise GoldenseedError(f"holds {called} values", path=path, fix=f"use one of {known}")
    return dtype


def _is_finite(tensor: Tensor) -> bool:
    import numpy as np

    if bits := _EXPONENT.get(tensor.dtype):
        return bool(((np.frombuffer(tensor.data, np.uint16) & bits) != bits).all())
    if not tensor.dtype.startswith("float"):
        return True
    return bool(np.isfinite(np.frombuffer(tensor.data, tensor.dtype)).all())


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
