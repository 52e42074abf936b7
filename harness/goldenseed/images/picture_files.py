"""Image files as ``goldenseed compare`` takes them; equal PNG files are seen without decoding.

A PNG is rows of filtered bytes, compressed. Files of one picture that differ in metadata, in the
compression's level or in how the data is cut into chunks have the same filtered bytes: to compare
those takes half the time of decoding both files, and ends at the first difference.

kornia-rs (https://github.com/kornia/kornia-rs) brings the decoder of the image-rs project, which is
written in Rust and memory-safe.

What can be had without loss is converted, and said; what cannot is refused.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PIL import Image

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular
from goldenseed.core.picture_formats import SEEN_BY, png_chunks
from goldenseed.core.pixels import MODES, has_16_bit_colour, opened

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples = npt.NDArray[np.uint8]
    Decode = Callable[[bytes, tuple[int, int], str], Samples]


LARGEST_FILE = 2**29
"""Bytes of an image file."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">I4s")
_SHAPE = struct.Struct(">IIBBBBB")
_FIRST_STEP = 64 * 1024
"""Bytes: most images that differ do so there."""
_SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}
_BYTE = 8

_SILENT = frozenset({b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs", b"bKGD", b"hIST", b"sPLT"})
"""Chunks that change neither samples nor how they are to be seen."""


def same_pixels(first: bytes, second: bytes) -> bool:
    """Whether two PNG files surely hold the same pixels; False says that they may not.

    Sure is only what is 8-bit grey or colour, with or without alpha, not interlaced, and free of
    chunks that say how to see it (a colour profile, an orientation): those are left to whoever
    decodes. Checksums are not verified here.
    """
    parts = _parts(first), _parts(second)
    if parts[0] is None or parts[1] is None or parts[0][0] != parts[1][0]:
        return False
    shape, data = parts[0]
    width, height, depth, colour, *_, interlaced = shape
    if depth != _BYTE or colour not in _SAMPLES or interlaced:
        return False
    expected = height * (1 + width * _SAMPLES[colour])
    return _same_rows(data, parts[1][1], expected)


def plain_shape(file: bytes) -> tuple[int, int, int] | None:
    """Return width, height and colour type of a PNG that ``same_pixels`` can judge, else None."""
    parts = _parts(file)
    if parts is None:
        return None
    width, height, depth, colour, *_, interlaced = parts[0]
    if depth != _BYTE or colour not in _SAMPLES or interlaced:
        return None
    return width, height, colour


def _parts(file: bytes) -> tuple[tuple[int, ...], bytes] | None:
    """Return a file's header and compressed data, or None if there is more to it than that."""
    if not file.startswith(_SIGNATURE):
        return None
    view, at = memoryview(file), len(_SIGNATURE)
    shape: tuple[int, ...] | None = None
    data: list[memoryview] = []
    while at + _HEAD.size <= len(view):
        length, kind = _HEAD.unpack_from(view, at)
        content = view[at + _HEAD.size : at + _HEAD.size + length]
        if kind == b"IHDR" and len(content) == _SHAPE.size:
            shape = _SHAPE.unpack(content)
        elif kind == b"IDAT":
            data.append(content)
        elif kind == b"IEND":
            return None if shape is None else (shape, b"".join(data))
        elif kind not in _SILENT:
            return None
        at += _HEAD.size + length + 4
    return None


def _same_rows(first: bytes, second: bytes, expected: int) -> bool:
    """Whether both inflate to the same ``expected`` bytes."""
    streams = [
        _inflated(data, expected) for data in ({first} if first == second else (first, second))
    ]
    total = 0
    try:
        for pieces in zip(*streams, strict=True):
            if pieces[0] != pieces[-1]:
                return False
            total += len(pieces[0])
    except (zlib.error, ValueError):
        return False
    return total == expected


def _inflated(data: bytes, expected: int) -> Iterator[bytes]:
    """Yield the uncompressed data in pieces that grow, all but the last as long as asked for."""
    inflate, total, step = zlib.decompressobj(), 0, _FIRST_STEP
    while total <= expected:
        piece = inflate.decompress(data, step)
        if not piece:
            return
        yield piece
        data, total, step = inflate.unconsumed_tail, total + len(piece), 4 * step


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


_ORIENTATION = 0x0112
_EXIF_FOLDER = 0x8769
_COLOUR_TAGS = {0xA001: "EXIF ColorSpace", 0xA500: "EXIF Gamma"}
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
    colours: Mapping[str, object] = field(default_factory=dict)
    """By name what says which colours the samples mean: PNG's chunks, the ICC profile, EXIF."""
    complaint: str | None = None
    """What is wrong with the file's metadata, which decides no pixel."""
    samples: Samples | None = None
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
    data = source if isinstance(source, bytes) else read_regular(source, LARGEST_FILE)
    label = name or ("the image" if isinstance(source, bytes) else str(source))
    with opened(data, name=label) as (_, image, complaints):
        if has_16_bit_colour(image):
            raise GoldenseedError("has 16 bits per colour channel", path=label, fix=_FIX)
        image.load()
        tags = _exif(image)
        orientation = tags.get(_ORIENTATION, _UPRIGHT)
        colours = _colours(image, data, tags)
        plain, converted_from = _plain(image, label)
        complaint = str(complaints[0].message).strip() if complaints else None
    plain.info = {}
    turned = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else _UPRIGHT  # noqa: PLR2004
    return StoredPicture(plain, converted_from, turned, colours, complaint)


def check_whole(data: bytes, *, name: str) -> None:
    """Decode the bytes of an image file that ``pixels.check_file`` has passed, and keep nothing.

    Of a plain PNG the rows are only inflated. Raises GoldenseedError where pixels are missing.
    """
    if not same_pixels(data, data):
        with opened(data, name=name) as (_, image, _complaints):
            image.load()


def _exif(image: Image.Image) -> Mapping[int, object]:
    """Read the tags that decide how the picture is seen; broken ones decide nothing."""
    try:
        exif = image.getexif()
        found = {**exif, **exif.get_ifd(_EXIF_FOLDER)}
    except Exception:  # noqa: BLE001 - Pillow raises whatever a broken tag leads it to
        return {}
    return {tag: found[tag] for tag in (_ORIENTATION, *_COLOUR_TAGS) if tag in found}


def _colours(image: Image.Image, data: bytes, tags: Mapping[int, object]) -> Mapping[str, object]:
    """Collect what tells a viewer which colours the samples mean."""
    chunks = dict(png_chunks(data)) if data.startswith(_SIGNATURE) else {}
    found: dict[str, object] = {k.decode(): chunks[k] for k in sorted(SEEN_BY & chunks.keys())}
    found |= {name: tags[tag] for tag, name in _COLOUR_TAGS.items() if tag in tags}
    if profile := image.info.get("icc_profile"):
        found["ICC profile"] = profile
        found.pop("iCCP", None)  # the same, compressed
    return found


def _plain(image: Image.Image, label: str) -> tuple[Image.Image, str | None]:
    mode, clear = image.mode, "transparency" in image.info
    if mode == "1":
        return image.convert("L"), "one bit"
    if mode in {"P", "PA"}:
        return image.convert("RGBA" if image.has_transparency_data else "RGB"), "a palette"
    if mode in {"L", "RGB"} and clear:
        return image.convert(f"{mode}A"), "one transparent colour"
    if mode in MODES and clear:
        what = f"has the mode {mode!r} and one level declared transparent"
        raise GoldenseedError(
            what, path=label, fix="save it without transparency, or as 8-bit grey"
        )
    if mode not in MODES:
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
