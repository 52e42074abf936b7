"""Pictures that are cut off, of other kinds, or seen in other ways than their samples say."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.picture_formats import is_whole
from goldenseed.core.pixels import decode
from goldenseed.images.clip import open_clip
from goldenseed.images.compare import Outcome, compare
from goldenseed.images.weights import read_tensors


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    return small.resize(size).convert(mode)


def encoded(kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture().save(buffer, kind, **options)
    return buffer.getvalue()


def twice(folder: Path, data: bytes, suffix: str) -> tuple[Path, Path]:
    paths = folder / f"a{suffix}", folder / f"b{suffix}"
    for path in paths:
        path.write_bytes(data)
    return paths


KINDS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {},
    "WEBP": {"lossless": True},
}
CUTS = [1, 2, 3, 4, 12, 20, 100, 300]


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08"}]
)
def test_a_whole_jpeg_is_identical_to_its_copy(tmp_path: Path, options: dict[str, Any]):
    assert compare(*twice(tmp_path, encoded("JPEG", **options), ".jpg")).outcome == "identical"


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_file_cut_off_anywhere_is_refused_beside_its_copy(tmp_path: Path, kind: str, cut: int):
    data = encoded(kind, **KINDS[kind])
    with pytest.raises(GoldenseedError, match="truncated"):
        compare(*twice(tmp_path, data[:-cut], f".{kind.lower()}"))


def test_a_progressive_jpeg_cut_between_its_scans_is_refused(tmp_path: Path):
    data = encoded("JPEG", progressive=True)
    last_scan = data.rindex(b"\xff\xda")
    with pytest.raises(GoldenseedError, match="truncated"):
        compare(*twice(tmp_path, data[:last_scan], ".jpg"))


def test_the_end_of_a_thumbnail_is_not_the_end_of_a_jpeg():
    thumbnail = encoded("JPEG")
    data = encoded("JPEG", exif=b"Exif\0\0" + thumbnail)
    assert is_whole(data, "JPEG")
    assert not is_whole(data[:-2], "JPEG")


def test_what_a_camera_writes_behind_a_jpeg_is_let_pass(tmp_path: Path):
    data = encoded("JPEG") + b"SEFT trailer \xff\xd8"
    assert compare(*twice(tmp_path, data, ".jpg")).passed


def png(*chunks: tuple[bytes, bytes], header: bytes | None = None, rows: bytes = b"") -> bytes:
    head = header or struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
    content = zlib.compress(rows or b"\0\x10\x20" * 2)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", content), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


@pytest.mark.parametrize("chunks", [(), [(b"gAMA", bytes(4))]], ids=["plain", "gAMA"])
@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("depth", [1, 8, 16])
def test_a_png_whose_checksums_hold_and_whose_rows_are_missing_is_refused(
    tmp_path: Path, depth: int, interlaced: int, chunks: Any
):
    data = png(*chunks, header=struct.pack(">IIBBBBB", 2, 200, depth, 0, 0, 0, interlaced))
    with pytest.raises(GoldenseedError, match="truncated"):
        compare(*twice(tmp_path, data, ".png"))
    with pytest.raises(GoldenseedError, match="truncated"):
        decode(data)
    Image.new("L", (2, 200)).save(tmp_path / "c.png")
    with pytest.raises(GoldenseedError, match="truncated"):
        compare(tmp_path / "c.png", tmp_path / "b.png")


@pytest.mark.parametrize("colour", [0, 2, 6])
def test_missing_rows_are_seen_where_memory_held_a_white_picture(colour: int):
    samples = {0: 1, 2: 3, 6: 4}[colour]
    header = struct.pack(">IIBBBBB", 64, 64, 8, colour, 0, 0, 0)
    row = b"\0" + b"\xff" * 64 * samples
    for held in (row * 63 + row[:-1], row * 63, row * 32, row, row[:1]):
        assert decode(png(header=header, rows=row * 64)).getextrema()
        with pytest.raises(GoldenseedError, match="truncated"):
            decode(png(header=header, rows=held))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 5), (8, 8), (17, 33)])
def test_no_row_of_an_interlaced_png_is_asked_for_in_vain(size: tuple[int, int]):
    width, height = size
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
    counts = [
        (len(range(left, width, right)), len(range(top, height, down)))
        for left, top, right, down in [*passes, (0, 1, 1, 2)]
    ]
    rows = b"".join(b"\0" * (1 + columns) * many for columns, many in counts if columns)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    assert decode(png(header=header, rows=rows)).size == size
    with pytest.raises(GoldenseedError, match="truncated"):
        decode(png(header=header, rows=rows[:-1] or b"\0"))


GAMMA = (b"gAMA", struct.pack(">I", 100_000))
OTHER_GAMMA = (b"gAMA", struct.pack(">I", 45_455))
PRIMARIES = (b"cHRM", struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600))


@pytest.mark.parametrize(
    ("a", "b", "named"),
    [
        ([], [GAMMA], "gAMA"),
        ([GAMMA], [OTHER_GAMMA], "gAMA"),
        ([], [PRIMARIES], "cHRM"),
        ([], [(b"sRGB", b"\0")], "sRGB"),
        ([(b"sRGB", b"\0")], [(b"sRGB", b"\1")], "sRGB"),
        ([], [(b"cICP", b"\x09\x10\0\1")], "cICP"),
        ([GAMMA], [(b"cICP", b"\x09\x10\0\1")], "cICP, gAMA"),
        ([], [(b"mDCV", bytes(24))], "mDCV"),
    ],
)
def test_equal_pixels_that_want_to_be_seen_otherwise_are_said_to(
    tmp_path: Path, a: list[tuple[bytes, bytes]], b: list[tuple[bytes, bytes]], named: str
):
    (tmp_path / "a.png").write_bytes(png(*a))
    (tmp_path / "b.png").write_bytes(png(*b))
    found = compare(tmp_path / "a.png", tmp_path / "b.png")
    assert found.outcome is Outcome.IDENTICAL
    (note,) = found.notes
    assert note.startswith(f"other colour information ({named}): pixels are compared as stored")


def test_a_colour_space_in_exif_counts_like_one_in_a_chunk(tmp_path: Path):
    for name, space in (("a", 1), ("b", 0xFFFF)):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0xA001] = space
        picture().save(tmp_path / f"{name}.webp", lossless=True, exif=exif)
    (note,) = compare(tmp_path / "a.webp", tmp_path / "b.webp").notes
    assert note.startswith("other colour information (EXIF ColorSpace)")


def test_the_same_information_on_both_sides_is_not_mentioned(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(png(GAMMA))
    (tmp_path / "b.png").write_bytes(png((b"tEXt", b"a\0b"), GAMMA))
    assert compare(tmp_path / "a.png", tmp_path / "b.png").notes == ()


def test_16_bit_grey_with_a_transparent_level_is_refused_for_its_transparency(tmp_path: Path):
    head = struct.pack(">IIBBBBB", 2, 2, 16, 0, 0, 0, 0)
    for name, level in (("a", b"\0\0"), ("b", b"\0\1")):
        data = png((b"tRNS", level), header=head, rows=bytes(10))
        (tmp_path / f"{name}.png").write_bytes(data)
    with pytest.raises(GoldenseedError, match="one level declared transparent"):
        compare(tmp_path / "a.png", tmp_path / "b.png")


BAD_EXIF = [
    b"Exif\0\0II*\0\x08\0\0\0\xff\xff",  # 65,535 entries, none there
    b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x10F, 2, 9999, 5000) + bytes(4),
]


@pytest.mark.parametrize("exif", BAD_EXIF)
def test_a_sound_picture_with_broken_metadata_is_compared_and_says_so(tmp_path: Path, exif: bytes):
    (tmp_path / "a.jpg").write_bytes(encoded("JPEG", exif=exif))
    with Image.open(tmp_path / "a.jpg") as image:
        Image.frombytes("RGB", image.size, image.tobytes()).save(tmp_path / "b.png")
    found = compare(tmp_path / "a.jpg", tmp_path / "b.png")
    assert found.outcome is Outcome.IDENTICAL
    assert found.notes[0].startswith("A has broken metadata, which decides no pixel: ")


def test_a_broken_table_of_pictures_leaves_a_jpeg_its_own(tmp_path: Path):
    whole = encoded("JPEG")
    header = b"MPF\0II*\0\x08\0\0\0\xff\xff"
    segment = b"\xff\xe2" + struct.pack(">H", len(header) + 2) + header
    (tmp_path / "a.jpg").write_bytes(whole[:2] + segment + whole[2:])
    (tmp_path / "b.jpg").write_bytes(whole)
    found = compare(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert found.outcome is Outcome.IDENTICAL
    assert found.notes[0].startswith("A has broken metadata")


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF", "ICO", "JPEG2000", "PPM"])
def test_another_format_is_named(tmp_path: Path, kind: str):
    names = {"JPEG2000": "JPEG 2000", "PPM": "Netpbm"}
    with pytest.raises(GoldenseedError, match=f"is in the format {names.get(kind, kind)}, and"):
        compare(*twice(tmp_path, encoded(kind), ".png"))


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\0\0\0\x20ftypavif", "AVIF"),
        (b"\0\0\0\x20ftypheic", "HEIF"),
        (b"\0\0\0\x0cJXL \r\n", "JPEG XL"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_a_format_that_no_decoder_here_may_know_is_named(tmp_path: Path, start: bytes, name: str):
    with pytest.raises(GoldenseedError, match=f"is in the format {name}, and only PNG"):
        compare(*twice(tmp_path, start + bytes(40), ".png"))


def test_what_is_no_picture_at_all_is_called_damaged(tmp_path: Path):
    with pytest.raises(GoldenseedError, match="or its header is damaged"):
        compare(*twice(tmp_path, b"nothing of the kind", ".png"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_metric_s_weights_and_a_score_s_model_are_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(GoldenseedError, match="not a regular file"):
        read_tensors(tmp_path / "model.safetensors", ("a",))
    with pytest.raises(GoldenseedError, match="not a regular file"):
        open_clip(tmp_path)
