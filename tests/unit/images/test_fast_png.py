import io
import random
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import check_file
from goldenseed.images.picture_files import StoredPicture, decode_plain_png, read_checked

pytest.importorskip("kornia_rs", reason="kornia-rs, of the extra [fast], is not installed")

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


def read(data: bytes) -> StoredPicture:
    check_file(data, "the image")
    return read_checked(data, name="the image")


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
        image, samples = found
        assert (image.mode, image.size) == (mode, size)
        assert samples.shape == (size[1], size[0], CHANNELS[mode])
        assert image.tobytes() == samples.tobytes() == by_pillow(data)


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
def test_damaged_data_is_refused_or_has_the_pixels_that_it_says(mode: str):
    """The chunks' checksums are right; zlib's, which Pillow also compares, is set right for it."""
    rng = random.Random(7)
    size = (20, 30)
    whole = zlib.compress(rows(mode, size, 1)[:300] + bytes(len(rows(mode, size, 1)) - 300))
    decoded = 0
    for _ in range(300):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        found = decode_plain_png(png(mode, size, bytes(data)))
        if found is not None:
            said = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[2:])
            assert found[0].tobytes() == by_pillow(png(mode, size, zlib.compress(said)))
            decoded += 1
    assert 0 < decoded < 300


@pytest.mark.parametrize("mode", CHANNELS)
def test_what_pillow_takes_has_pillow_s_pixels(mode: str):
    size = (20, 30)
    for end in (b"", b"more", bytes(5000)):
        whole = zlib.compress(rows(mode, size, 2) + end)
        for file in (png(mode, size, whole), png(mode, size, whole[:-4])):
            expected = by_pillow(file)
            assert expected is not None
            found = decode_plain_png(file)
            assert found is not None
            assert found[0].tobytes() == expected


@pytest.mark.parametrize("mode", CHANNELS)
def test_damaged_files_are_refused(mode: str):
    rng = random.Random(3)
    whole = png(mode, (20, 30), zlib.compress(rows(mode, (20, 30), 1)))
    for _ in range(300):
        data = bytearray(whole)
        at = rng.randrange(8, len(data))
        data[at] ^= 1 << rng.randrange(8)
        with pytest.raises(GoldenseedError):
            read(bytes(data))


def test_a_header_that_promises_more_is_not_believed():
    data = zlib.compress(rows("RGB", (20, 30), 1))
    assert decode_plain_png(png("RGB", (20, 31), data)) is None
    assert decode_plain_png(png("RGB", (8192, 8192), data)) is None
    with pytest.raises(GoldenseedError, match="more pixels than"):
        read(png("RGB", (100_000, 100_000), data))


def test_without_kornia_rs_all_is_left_to_pillow(monkeypatch: pytest.MonkeyPatch):
    file = png("RGB", (4, 4), zlib.compress(rows("RGB", (4, 4), 1)))
    monkeypatch.setitem(sys.modules, "kornia_rs.io", None)
    assert decode_plain_png(file) is None
    assert read(file).image.tobytes() == by_pillow(file)


def test_a_wrong_checksum_is_refused():
    data = bytearray(png("RGB", (4, 4), zlib.compress(rows("RGB", (4, 4), 1))))
    data[-14] ^= 1
    with pytest.raises(GoldenseedError, match="corrupt"):
        read(bytes(data))
