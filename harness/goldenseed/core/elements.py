"""The elements of what one call returned: pictures and tensors; digest, file and kind of each."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular
from goldenseed.core.tensor_files import parsed_tensor

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
    Content: TypeAlias = Image | Array

TENSOR_MODES = ("float16", "float32", "float64")
"""What stands for the mode of a tensor: the dtype of its numbers."""
RETURNED_LIMIT = 1 << 28
"""The most bytes of a file that is returned in a picture's place."""
TENSOR_LIMIT = 1 << 30
"""The most bytes of a tensor's file."""
MOST = 4096
"""The most elements of one case."""

_MAGIC = (1, 0)


def sequence_sha256(elements: Iterable[tuple[str, str]]) -> str:
    r"""Return the one digest of a call's elements: their names and digests, in order.

    Hashed is ``goldenseed-sequence-1`` and a zero byte, then for each element its name, a zero
    byte, its digest in lower-case hexadecimal digits and a newline.
    """
    lines = "".join(f"{name}\0{sha256}\n" for name, sha256 in elements)
    return hashlib.sha256(f"goldenseed-sequence-1\0{lines}".encode()).hexdigest()


def is_tensor(mode: str) -> bool:
    """Whether a mode is that of a tensor, not of a picture."""
    return mode in TENSOR_MODES


def kind_of(content: Content) -> tuple[tuple[int, int], str]:
    """Return size and mode: of a picture Pillow's; of a tensor its dtype is the mode.

    A tensor's width is its last dimension, and its height the product of the others.
    """
    from PIL.Image import Image

    if isinstance(content, Image):
        return content.size, content.mode
    *rows, width = content.shape or (1,)
    return (width, math.prod(rows)), str(content.dtype)


def content_sha256(content: Content) -> str:
    r"""Return the digest of a picture (``pixels_sha256``) or of a tensor.

    Of a tensor is hashed ``goldenseed-tensor-1``, the dtype and the shape (``1x77x768``), a zero
    byte after each, and its numbers in C order, little-endian.
    """
    from PIL.Image import Image

    from goldenseed.core.pixels import pixels_sha256

    if isinstance(content, Image):
        return pixels_sha256(content)
    shape = "x".join(map(str, content.shape))
    digest = hashlib.sha256(f"goldenseed-tensor-1\0{content.dtype}\0{shape}\0".encode("ascii"))
    digest.update(content.tobytes())
    return digest.hexdigest()


def values_sha256(content: Content) -> str:
    """Return the SHA-256 of the bytes alone, as a trace has it of the stage ``pixels``."""
    return hashlib.sha256(content.tobytes()).hexdigest()


def suffix_of(mode: str) -> str:
    """Return the suffix of an element's file: ``.png``, of a tensor ``.npy``."""
    return ".npy" if is_tensor(mode) else ".png"


def encoded(content: Content, *, compress_level: int = 1) -> bytes:
    """Write a picture as PNG (see ``encode_png``), or a tensor as NumPy's format 1.0."""
    from PIL.Image import Image

    from goldenseed.core.pixels import encode_png

    if isinstance(content, Image):
        return encode_png(content, compress_level=compress_level)
    import numpy as np

    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, content, version=_MAGIC, allow_pickle=False)
    return buffer.getvalue()


def decoded(source: Path | bytes, mode: str, *, name: str | None = None) -> Content:
    """Read a picture or, where ``mode`` is that of one, a tensor, from a file nobody vouches for.

    Raises:
        GoldenseedError: no whole PNG; no tensor of floats in NumPy's format 1.0, cut short, with
            bytes after its end, or larger than ``TENSOR_LIMIT``.

    """
    from goldenseed.core.pixels import decode

    if not is_tensor(mode):
        return decode(source, name=name, formats=("PNG",))
    path = source if isinstance(source, Path) else Path(name or "tensor.npy")
    data = read_regular(source, TENSOR_LIMIT) if isinstance(source, Path) else source
    values = parsed_tensor(path, data).values()
    if str(values.dtype) not in TENSOR_MODES or encoded(values) != data:
        raise GoldenseedError(
            f"holds {values.dtype} values, or is not written as goldenseed writes a tensor",
            path=path,
            fix="restore the file, or run the suite again",
        )
    return values


def read_returned(given: bytes | str | PathLike[str], name: str) -> tuple[Image, bytes]:
    """Decode a picture's file, given as its bytes or its path; return the bytes with it.

    They say more than the pixels. ``name`` is what messages call bytes. Raises GoldenseedError
    where there is no such file, or it is no whole PNG, JPEG or WebP, or beyond ``RETURNED_LIMIT``.
    """
    from goldenseed.core.pixels import decode

    data = given if isinstance(given, bytes) else read_regular(Path(given), RETURNED_LIMIT)
    return decode(data, name=name if isinstance(given, bytes) else str(given)), data


def relative_distance(current: Array, accepted: Array) -> float:
    """Return the Euclidean norm of the difference over that of ``accepted``, in float64.

    Infinite where only ``accepted`` is all zero; raises ValueError for other shapes.
    """
    import numpy as np

    if current.shape != accepted.shape:
        raise ValueError(f"tensors of the shapes {current.shape} and {accepted.shape}")
    before = accepted.astype(np.float64)
    moved = float(np.linalg.norm((current.astype(np.float64) - before).ravel()))
    norm = float(np.linalg.norm(before.ravel()))
    return moved / norm if norm else (math.inf if moved else 0.0)
