"""Wrong images made from a right one by pure functions: what gates have to fail. Alpha stays."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping
from functools import partial
from operator import methodcaller
from types import MappingProxyType

from PIL import Image, ImageChops, ImageEnhance, ImageFilter

Alteration = Callable[[Image.Image], Image.Image]
"""Makes another image of an 8-bit ``L`` or ``RGB`` image, of the same size and mode."""

NEIGHBOUR = "neighbour-seed"
OTHER_CASE = "other-case"

_SEED = 0
_SHORT_SHIFT, _LONG_SHIFT = 4, 16
"""In pixels; what leaves on the right comes in on the left."""
_TURN = 85
"""A third of the circle of hues, which Pillow counts in 256 steps."""
_BLUR_RADIUS = 2
"""The Gaussian's sigma in pixels."""
_CONTRAST = 0.8
_JPEG_QUALITY = 30


def alterations() -> Mapping[str, Alteration]:
    """Return every alteration of a single image by name, in the order in which it is shown."""
    return MappingProxyType(
        {
            "black": partial(_flat, level=0),
            "white": partial(_flat, level=255),
            "noise": _noise,
            "shift-4": partial(ImageChops.offset, xoffset=_SHORT_SHIFT, yoffset=0),
            "shift-16": partial(ImageChops.offset, xoffset=_LONG_SHIFT, yoffset=0),
            "hue-turned": _hue_turned,
            "blurred": methodcaller("filter", ImageFilter.GaussianBlur(_BLUR_RADIUS)),
            "patch-replaced": _patch_replaced,
            "contrast-80": lambda image: ImageEnhance.Contrast(image).enhance(_CONTRAST),
            "upside-down": methodcaller("transpose", Image.Transpose.ROTATE_180),
            "jpeg-30": _as_jpeg,
        }
    )


def altered(image: Image.Image, alteration: Alteration) -> Image.Image:
    """Apply ``alteration`` to the colours of an 8-bit L, LA, RGB or RGBA image; alpha stays."""
    if not image.mode.endswith("A"):
        return alteration(image)
    *colours, alpha = image.split()
    plain = Image.merge(image.mode[:-1], colours)
    return Image.merge(image.mode, (*alteration(plain).split(), alpha))


def rounded_otherwise(image: Image.Image, share: float) -> Image.Image:
    """Move ``share`` (0…1) of the samples, by a fixed seed, by one level, as rounding does."""
    samples = bytearray(image.tobytes())
    count = max(1, round(share * len(samples)))
    for place in random.Random(_SEED).sample(range(len(samples)), count):  # noqa: S311
        samples[place] += 1 if samples[place] < 255 else -1  # noqa: PLR2004
    return Image.frombytes(image.mode, image.size, bytes(samples))


def _flat(image: Image.Image, *, level: int) -> Image.Image:
    return Image.new(image.mode, image.size, (level,) * len(image.getbands()))


def _noise(image: Image.Image) -> Image.Image:
    """Return samples that are independent and uniform on 0…255."""
    length = image.width * image.height * len(image.getbands())
    samples = random.Random(_SEED).randbytes(length)  # noqa: S311 - a picture, no secret
    return Image.frombytes(image.mode, image.size, samples)


def _hue_turned(image: Image.Image) -> Image.Image:
    """Turn every hue by 120 degrees; grey pixels have none and stay."""
    if image.mode == "L":
        return image.copy()
    hue, saturation, value = image.convert("HSV").split()
    turned = hue.point([(level + _TURN) % 256 for level in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert(image.mode)


def _patch_replaced(image: Image.Image) -> Image.Image:
    """Put the upper left sixteenth of the picture over its middle."""
    width, height = max(1, image.width // 4), max(1, image.height // 4)
    result = image.copy()
    patch = image.crop((0, 0, width, height))
    result.paste(patch, ((image.width - width) // 2, (image.height - height) // 2))
    return result


def _as_jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=_JPEG_QUALITY)
    with Image.open(file) as decoded:
        return decoded.convert(image.mode)
