"""An image file as ``goldenseed compare`` takes it: more kinds than a baseline, none guessed.

What can be had without loss is converted, and said; what cannot is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from harness.comparison.fast_png import decode_plain_png
from harness.errors import GoldenseedError
from harness.pixels import MODES, has_16_bit_colour, opened

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_ORIENTATION = 0x0112
_UPRIGHT = 1

_FIX = "save it as 8-bit grey, RGB or RGBA, with the colours you mean"


@dataclass(frozen=True, slots=True, eq=False)
class StoredPicture:
    """The pixels of a file, and what else decides how the file looks."""

    image: Image.Image
    """L, LA, RGB, RGBA or I;16, as stored: neither rotated nor colour managed."""
    converted_from: str | None = None
    """What the file holds, where that was converted without loss."""
    orientation: int = _UPRIGHT
    """EXIF's, 1…8: what a viewer does to the picture before it shows it."""
    profile: bytes | None = None
    """The ICC profile."""
    samples: npt.NDArray[np.uint8] | None = None
    """The image as height x width x channels, where decoding gave it."""


def read_checked(data: bytes, *, name: str) -> StoredPicture:
    """Read the bytes of an image file that ``pixels.check_file`` has passed, as ``read_picture``.

    Raises:
        GoldenseedError: as ``read_picture``.

    """
    fast = decode_plain_png(data)
    if fast is None:
        return read_picture(data, name=name)
    image, samples = fast
    return StoredPicture(image, samples=samples)


def read_picture(source: Path | bytes, *, name: str | None = None) -> StoredPicture:
    """Read an image file.

    Palettes become RGB, or RGBA where any entry is transparent; one colour declared transparent
    becomes alpha; one bit becomes grey.

    Raises:
        GoldenseedError: what ``pixels.decode`` refuses as no image; CMYK and other colour spaces;
            16 bits per colour channel.

    """
    with opened(source, name=name) as (label, image):
        if has_16_bit_colour(image):
            raise GoldenseedError("has 16 bits per colour channel", path=label, fix=_FIX)
        image.load()
        orientation = image.getexif().get(_ORIENTATION, _UPRIGHT)
        profile = image.info.get("icc_profile")
        plain, converted_from = _plain(image, label)
    plain.info = {}
    return StoredPicture(plain, converted_from, int(orientation), profile)


def _plain(image: Image.Image, label: str) -> tuple[Image.Image, str | None]:
    mode, clear = image.mode, "transparency" in image.info
    if mode == "1":
        return image.convert("L"), "one bit"
    if mode in {"P", "PA"}:
        return image.convert("RGBA" if image.has_transparency_data else "RGB"), "a palette"
    if mode in {"L", "RGB"} and clear:
        return image.convert(f"{mode}A"), "one transparent colour"
    if mode not in MODES or clear:
        raise GoldenseedError(f"has the mode {mode!r}", path=label, fix=_FIX)
    return image.copy(), None


def in_one_mode(
    first: Image.Image, second: Image.Image
) -> tuple[Image.Image, Image.Image, str | None]:
    """Bring two images to the least 8-bit mode that holds both; say which, if one was converted.

    16-bit images are left as they are.
    """
    modes = {first.mode, second.mode}
    if len(modes) == 1 or "I;16" in modes:
        return first, second, None
    colour = "RGB" if any(mode.startswith("RGB") for mode in modes) else "L"
    common = colour + ("A" if any(mode.endswith("A") for mode in modes) else "")
    return first.convert(common), second.convert(common), common
