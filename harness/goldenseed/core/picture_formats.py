"""Image files: which format, by the first bytes, whether they are whole, how they are to be seen.

Sources: PNG (third edition) 5.6 and 11.3.2, JPEG (ITU-T T.81) annex B, WebP container specification
(RFC 9649) 2.4, ISO 14496-12 4.3 for ``ftyp``.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageFile

_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"mif1", b"msf1"), "HEIF"),
    **dict.fromkeys((b"isom", b"iso2", b"mp41", b"mp42", b"qt  "), "MPEG-4"),
}
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"8BPS": "Photoshop",
    b"v/1\x01": "OpenEXR",
    b"qoif": "QOI",
    b"DDS ": "DDS",
    b"\0\0\x01\0": "ICO",
    b"\x1aE\xdf\xa3": "WebM",
    b"version https://git-lfs": "Git LFS pointer",
}
_PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
_PNG_SIGNATURE_BYTES = 8
_PNG_CHUNK = struct.Struct(">I4s")
_PNG_HEADER = struct.Struct(">IIBBBBB")
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By PNG's colour type, a pixel."""
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""First column and row of each pass, and how far apart its columns and rows are."""
_STEP_BYTES = 2**20
_BY_ROWS = frozenset({"L", "LA", "RGB", "RGBA"})
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
"""In coded data: neither a stuffed byte nor a restart."""
_EOI, _SOS, _RIFF = b"\xd9", b"\xda", 8
_ONE_SCAN = frozenset({b"\xc0", b"\xc1"})
"""The frames of baseline and extended sequential coding, by Huffman's codes."""
_LOOKED_AHEAD_BYTES = 8
_PORTABLE = re.compile(rb"P[1-7]\s")

SEEN_BY = frozenset(
    {b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI", b"mDCv", b"cLLi"}
)
"""PNG chunks that say which colours the samples mean."""


def format_of(data: bytes) -> str | None:
    """Name the format that a file's first bytes are those of, accepted here or not."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12])
    if _PORTABLE.match(data):
        return "Netpbm"
    return next((name for start, name in _BEGINNINGS.items() if data.startswith(start)), None)


def is_whole(data: bytes, name: str | None) -> bool:
    """Tell whether a PNG, JPEG or WEBP file ends where its format says that it does.

    A JPEG may go on after its end marker, as cameras write them; the others may not.
    """
    if name == "PNG":
        return data.endswith(_PNG_END)
    if name == "WEBP":
        size = int.from_bytes(data[4:8], "little") + _RIFF
        return len(data) in {size, size + size % 2}
    return name != "JPEG" or _ends(data)


def _ends(data: bytes) -> bool:
    """Tell whether a JPEG has its end marker; a thumbnail's own one lies inside a segment."""
    return any(marker == _EOI for marker, _ in _markers(data))


def _markers(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Walk a JPEG's segments up to its end marker; yield each marker and where it ends.

    What stands between two segments is passed over, as decoders do.
    """
    at = 2
    while found := _JPEG_MARKER.search(data, at):
        marker, at = found.group(1), found.end()
        yield marker, at
        if marker == _EOI:
            return
        at += int.from_bytes(data[at : at + 2], "big")


def without_end(data: bytes) -> bytes:
    """Return a JPEG whose pixels its decoder has to find: without the marker that it would believe.

    libjpeg makes up what is missing before an end marker, in grey, and only where data runs out
    does Pillow refuse the file. So zeros stand in the marker's place: as many as the decoder looks
    ahead, in which it finds a few blocks at most. That is done where one scan has all pixels; a
    progressive file, or one that goes on after its end, is returned as it is.
    """
    markers = list(_markers(data))
    kinds = [marker for marker, _ in markers]
    one_scan = kinds.count(_SOS) == 1 and not _ONE_SCAN.isdisjoint(kinds)
    if one_scan and markers[-1] == (_EOI, len(data)):
        return data[:-2] + bytes(_LOOKED_AHEAD_BYTES)
    return data


def lacks_rows(image: ImageFile.ImageFile, data: bytes) -> bool:
    """Tell whether a PNG, whose file is ``data``, lacks rows, which Pillow leaves 0.

    Rows are decoded from the top, so where a sample of the last one is not 0, none is missing. To
    inflate the file once more tells it for certain, and takes as long as decoding it: that is done
    for images that are not loaded, come in several passes, or end in a row of 0.
    """
    loaded = not image.tile and "interlace" not in image.info and image.mode in _BY_ROWS
    last = (0, image.height - 1, *image.size)
    shown = loaded and 0 not in image.size and image.crop(last).getbbox() is not None
    return not shown and not _has_all_rows(data)


def _has_all_rows(data: bytes) -> bool:
    """Tell whether a PNG's compressed data holds every row: Pillow leaves black what is missing."""
    chunks = list(_chunks(data))
    if not chunks or len(chunks[0][1]) != _PNG_HEADER.size:
        return False
    width, height, depth, colour, *_, interlaced = _PNG_HEADER.unpack(chunks[0][1])
    bits = depth * _SAMPLES.get(colour, 1)
    missing: int = sum(
        rows * (1 + (columns * bits + 7) // 8)
        for columns, rows in (_passes(width, height) if interlaced else [(width, height)])
        if columns
    )
    inflate = zlib.decompressobj()
    packed = b"".join(content for kind, content in chunks if kind == b"IDAT")
    try:
        while missing > 0 and (rows := inflate.decompress(packed, min(missing, _STEP_BYTES))):
            missing -= len(rows)
            packed = inflate.unconsumed_tail
    except zlib.error:
        return False
    return missing <= 0


def _passes(width: int, height: int) -> Iterator[tuple[int, int]]:
    """Yield columns and rows of Adam7's seven passes (PNG, 8.1)."""
    for left, top, right, down in _ADAM7:
        yield -(-(width - left) // right), -(-(height - top) // down)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of the chunks of a PNG that was checked, before its pixels."""
    for kind, content in _chunks(data):
        if kind == b"IDAT":
            return
        yield kind, bytes(content)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view, at = memoryview(data), _PNG_SIGNATURE_BYTES
    while at + _PNG_CHUNK.size <= len(data):
        length, kind = _PNG_CHUNK.unpack_from(data, at)
        at += _PNG_CHUNK.size
        yield kind, view[at : at + length]
        at += length + 4
