"""Text in a PNG, put in without touching a pixel or any other byte of the file.

PNG specification (W3C, third edition), 5.3 (chunk layout) and 11.3.3.4 (iTXt).
"""

from __future__ import annotations

import zlib
from typing import Final

from goldenseed.core.errors import GoldenseedError

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def with_text(png: bytes, keyword: str, text: str) -> bytes:
    """Return the file with an iTXt chunk in front of its first IDAT; one of that keyword goes.

    Raises:
        GoldenseedError: the bytes are no PNG whose chunks can be followed.

    """
    if not png.startswith(_SIGNATURE):
        raise _broken("is no PNG")
    written, place, done = [_SIGNATURE], len(_SIGNATURE), False
    while place < len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        kind = png[place + 4 : place + 8]
        end = place + 12 + length
        if len(kind) < 4 or end > len(png):  # noqa: PLR2004 (a chunk's type has four letters)
            raise _broken("ends within a chunk")
        chunk = png[place:end]
        if kind == b"IDAT" and not done:
            written.append(_chunk(keyword, text))
            done = True
        if not (
            kind in {b"tEXt", b"zTXt", b"iTXt"} and chunk[8:].startswith(keyword.encode() + b"\0")
        ):
            written.append(chunk)
        place = end
    if not done:
        raise _broken("has no pixels")
    return b"".join(written)


def _chunk(keyword: str, text: str) -> bytes:
    body = b"iTXt" + keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode("utf-8")
    length = (len(body) - 4).to_bytes(4, "big")
    return length + body + zlib.crc32(body).to_bytes(4, "big")


def _broken(what: str) -> GoldenseedError:
    return GoldenseedError(what, fix="name a PNG file, as a run's folder holds them")
