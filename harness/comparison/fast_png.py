"""Plain PNG files decoded by Wuffs where it is installed: Pillow's pixels in half of the time.

Wuffs (https://github.com/google/wuffs) is Google's memory-safe decoder, in Python as ``pywuffs``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from PIL import Image

from harness.comparison.png_identity import plain_shape

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MODES = {0: ("L", "Y", 1), 2: ("RGB", "RGB", 3), 6: ("RGBA", "RGBA_NONPREMUL", 4)}
"""PNG's colour types: what Pillow and Wuffs call them, and how many channels they have."""


def decode_plain_png(data: bytes) -> Image.Image | None:
    """Decode a PNG file whose structure and checksums were checked; None leaves it to Pillow.

    Only 8-bit L, RGB and RGBA is decoded, not interlaced and without chunks that say how to see it.
    Whatever Wuffs refuses is left to Pillow as well, so that its message is the one that is shown.
    """
    shape = plain_shape(data)
    if shape is None or shape[2] not in _MODES:
        return None
    width, height, colour = shape
    mode, pixel_format, channels = _MODES[colour]
    decoder = _decoder(pixel_format)
    if decoder is None:
        return None
    found = decoder.decode(data)
    if found.error_message:
        return None
    samples: npt.NDArray[np.uint8] = found.pixbuf
    if samples.shape != (height, width, channels):
        return None
    return Image.frombytes(mode, (width, height), samples.tobytes())


@cache
def _decoder(pixel_format: str) -> Any:
    """Return Wuffs' decoder of PNG and nothing else, or None where it is not installed."""
    try:
        import pywuffs
        from pywuffs import aux
    except ImportError:
        return None
    config = aux.ImageDecoderConfig()
    config.enabled_decoders = [pywuffs.ImageDecoderType.PNG]
    # Wuffs' binding skips checksums unless told otherwise: zlib's is the one of the pixels.
    config.quirks = {pywuffs.ImageDecoderQuirks.IGNORE_CHECKSUM: 0}
    config.pixel_format = getattr(pywuffs.PixelFormat, pixel_format)
    return aux.ImageDecoder(config)
