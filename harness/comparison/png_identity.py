"""Whether two PNG files hold the same pixels, seen without decoding them.

A PNG is rows of filtered bytes, compressed. Files of one picture that differ in metadata, in the
compression's level or in how the data is cut into chunks have the same filtered bytes: to compare
those takes half the time of decoding both files, and ends at the first difference.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

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
