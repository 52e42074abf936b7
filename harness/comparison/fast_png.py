"""Plain PNG files decoded by kornia-rs where it is installed: Pillow's pixels in 0.4 of the time.

kornia-rs (https://github.com/kornia/kornia-rs) brings the decoder of the image-rs project, which is
written in Rust and memory-safe.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from PIL import Image

from harness.comparison.png_identity import plain_shape

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples = npt.NDArray[np.uint8]
    Decode = Callable[[bytes, tuple[int, int], str], Samples]

_MODES = {0: ("L", "mono"), 2: ("RGB", "rgb"), 6: ("RGBA", "rgba")}
"""PNG's colour types: what Pillow and kornia-rs call them."""


def decode_plain_png(data: bytes) -> tuple[Image.Image, Samples] | None:
    """Decode a PNG file whose structure and checksums were checked; None leaves it to Pillow.

    The samples are those of the image, uint8, height x width x channels.

    Only 8-bit L, RGB and RGBA is decoded, not interlaced and without chunks that say how to see it.
    Whatever kornia-rs refuses is left to Pillow as well, so that its message is the one shown. The
    checksum that zlib puts at the end of the compressed data is not compared: the checksums of
    the chunks around it were.
    """
    shape, decode = plain_shape(data), _decoder()
    if decode is None or shape is None or shape[2] not in _MODES:
        return None
    width, height, colour = shape
    mode, name = _MODES[colour]
    with suppress(Exception):  # kornia-rs raises nothing narrower
        samples = decode(data, (height, width), name).reshape(height, width, -1)
        return Image.frombytes(mode, (width, height), samples.data), samples
    return None


def _decoder() -> Decode | None:
    try:
        from kornia_rs.io import decode_image_png_u8
    except ImportError:
        return None
    return cast("Decode", decode_image_png_u8)
