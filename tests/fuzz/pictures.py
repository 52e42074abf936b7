"""Pictures: decoded, compared, and read as inputs and masks of a case."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fuzz.mutations import Changes, edited_bytes, put
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import decode
from goldenseed.images.compare import compare
from goldenseed.images.terms import mask_of
from goldenseed.suite.inputs import InputFile


@cache
def pictures() -> tuple[bytes, ...]:
    return tuple(_pictures())


def _pictures() -> Iterator[bytes]:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0xA001] = 1
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        grey = Image.new("I;16", (7, 9), 300) if mode == "I;16" else image.convert(mode)
        yield _encoded(grey, "PNG")
    yield _encoded(image, "PNG", exif=exif)
    yield _encoded(image.convert("P"), "PNG", transparency=3)
    yield _encoded(image, "JPEG", exif=exif)
    yield _encoded(image, "JPEG", progressive=True)
    yield _encoded(image.convert("CMYK"), "JPEG")
    yield _encoded(image, "WEBP", lossless=True, exif=exif)
    yield _encoded(image.convert("RGBA"), "WEBP")


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(changes: Changes, folder: Path) -> None:
    """Decode a damaged picture, and compare it with its copy and with the sound one."""
    good = pictures()[changes[0][2] % len(pictures())]
    data = edited_bytes(good, changes)
    a, b = put(folder, "a.png", data), put(folder, "b.png", data)
    sound = put(folder, "c.png", good)
    for reader in (lambda: decode(data), lambda: compare(a, b), lambda: compare(a, sound)):
        with contextlib.suppress(GoldenseedError):
            reader()


def _png_with_checksums(data: bytes) -> bytes:
    """Give each chunk of a PNG the checksum of what it holds now."""
    out, at = data[:8], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + length]
        out += data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return out


def png(changes: Changes, folder: Path) -> None:
    """Damage a PNG below its checksums, where Pillow and our own parsers come to see it."""
    good = pictures()[changes[0][2] % 9]
    data = _png_with_checksums(edited_bytes(good, changes))
    a, b = put(folder, "a.png", data), put(folder, "b.png", data)
    sound = put(folder, "c.png", good)
    for reader in (lambda: decode(data), lambda: compare(a, b), lambda: compare(a, sound)):
        with contextlib.suppress(GoldenseedError):
            reader()


MODES = (None, "L", "RGB", "RGBA")


def input_picture(changes: Changes, folder: Path) -> None:
    """Give a pipeline a damaged picture, its checksums right or wrong."""
    number = changes[0][2]
    data = edited_bytes(pictures()[number % len(pictures())], changes)
    if number % 3 and data.startswith(b"\x89PNG"):
        data = _png_with_checksums(data)
    file = put(folder, "a.png", data)
    InputFile("a.png", file, MODES[changes[0][1] % 4], None, folder / "s", 1).read_as_recorded()


def mask(changes: Changes, folder: Path) -> None:
    """Mask an image with a damaged picture and with regions that may lie anywhere."""
    white = Image.new("L", (7, 9), 255)
    white.paste(0, (1, 1, 3, 3))
    number = changes[0][2]
    good = _encoded(white, ("PNG", "WEBP", "JPEG")[number % 3])
    data = edited_bytes(good, changes) if number % 4 else good
    if number % 5:
        data = _png_with_checksums(data) if data.startswith(b"\x89PNG") else data
    file = put(folder, "m.png", data)
    where, what, number = changes[-1]
    regions = [(where % 9, what % 9, number % 9, 1 + where % 5)] if what % 2 else []
    mask_of((7, 9), file=file, ignore=regions)
