import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from harness.comparison.fast_png import decode_plain_png
from harness.comparison.stored_picture import read_picture
from harness.errors import GoldenseedError

pytest.importorskip("pywuffs", reason="pywuffs, of the extra [fast], is not installed")

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
COLOURS = {"L": 0, "RGB": 2, "RGBA": 6}


def chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(mode: str, size: tuple[int, int], data: bytes, interlaced: int = 0) -> bytes:
    head = struct.pack(">IIBBBBB", *size, 8, COLOURS[mode], 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def rows(mode: str, size: tuple[int, int], seed: int) -> bytes:
    """Random filtered rows: every filter of PNG, every byte."""
    rng = random.Random(seed)
    row = size[0] * CHANNELS[mode]
    return b"".join(bytes([rng.randrange(5)]) + rng.randbytes(row) for _ in range(size[1]))


def by_pillow(data: bytes) -> bytes | None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return image.tobytes()
    except (OSError, SyntaxError, ValueError):
        return None


@pytest.mark.parametrize("mode", CHANNELS)
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (3, 7), (33, 17), (64, 300)])
def test_has_pillow_s_pixels_for_every_filter(mode: str, size: tuple[int, int]):
    for seed in range(5):
        data = png(mode, size, zlib.compress(rows(mode, size, seed)))
        found = decode_plain_png(data)
        assert found is not None
        assert (found.mode, found.size) == (mode, size)
        assert found.tobytes() == by_pillow(data)


def test_leaves_everything_else_to_pillow():
    image = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    for other in (image.convert("P"), image.convert("1"), image.convert("LA")):
        buffer = io.BytesIO()
        other.save(buffer, "PNG")
        assert decode_plain_png(buffer.getvalue()) is None
    transparent, webp = io.BytesIO(), io.BytesIO()
    image.save(transparent, "PNG", transparency=(0, 0, 0))
    image.save(webp, "WEBP", lossless=True)
    assert decode_plain_png(transparent.getvalue()) is None
    assert decode_plain_png(webp.getvalue()) is None
    interlaced = png("L", (1, 1), zlib.compress(b"\0\7"), interlaced=1)
    assert decode_plain_png(interlaced) is None


@pytest.mark.parametrize("mode", CHANNELS)
def test_damaged_data_is_refused_or_has_pillow_s_pixels(mode: str):
    rng = random.Random(7)
    size = (20, 30)
    whole = zlib.compress(rows(mode, size, 1)[:300] + bytes(len(rows(mode, size, 1)) - 300))
    for _ in range(300):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        file = png(mode, size, bytes(data))
        found, expected = decode_plain_png(file), by_pillow(file)
        assert found is None or found.tobytes() == expected


def test_a_wrong_checksum_is_refused():
    data = bytearray(png("RGB", (4, 4), zlib.compress(rows("RGB", (4, 4), 1))))
    data[-14] ^= 1
    with pytest.raises(GoldenseedError, match="corrupt"):
        read_picture(bytes(data))
