import hashlib
import io
import random
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import (
    MODES,
    SMALL,
    as_array,
    check_file,
    decode,
    encode_png,
    pixels_sha256,
)

SAMPLES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 2}
"""Bytes a pixel."""


def noise(mode: str, width: int = 17, height: int = 5) -> Image.Image:
    raw = random.Random(7).randbytes(width * height * SAMPLES[mode])
    return Image.frombytes(mode, (width, height), raw)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:  # noqa: A002
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(*chunks: bytes, width: int = 4, height: int = 4) -> bytes:
    """A grey PNG with extra chunks before its (valid) pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = zlib.compress(bytes(4 * 5))
    return b"".join(
        (b"\x89PNG\r\n\x1a\n", head, *chunks, chunk(b"IDAT", rows), chunk(b"IEND", b""))
    )


class TestDigest:
    @pytest.mark.parametrize("mode", MODES)
    def test_is_what_its_description_says(self, mode: str):
        raw = random.Random(1).randbytes(3 * 2 * SAMPLES[mode])
        image = Image.frombytes(mode, (3, 2), raw)
        text = b"goldenseed-pixels-1\0" + mode.encode() + b"\0" + b"3x2\0" + raw
        assert pixels_sha256(image) == hashlib.sha256(text).hexdigest()

    def test_stays_what_it_was_in_archives(self):
        image = Image.frombytes("RGB", (2, 1), bytes([255, 0, 0, 0, 128, 255]))
        expected = "dc362e68e953199c56ad207e74cd5e9d3d83c4619b5c60bd95e3a467bdbc5006"
        assert pixels_sha256(image) == expected

    def test_of_16_bit_grey_is_little_endian(self):
        image = Image.new("I;16", (1, 1), 0x0102)
        text = b"goldenseed-pixels-1\0I;16\x001x1\0\x02\x01"
        assert pixels_sha256(image) == hashlib.sha256(text).hexdigest()

    @pytest.mark.parametrize("level", [0, 1, 6, 9])
    def test_does_not_depend_on_the_compression(self, level: int):
        image = noise("RGB")
        assert pixels_sha256(decode(encode_png(image, compress_level=level))) == pixels_sha256(
            image
        )

    def test_does_not_depend_on_the_file_format(self):
        image = noise("RGBA")
        image.putalpha(255)
        webp = encoded(image.convert("RGB"), "WEBP", lossless=True)
        assert pixels_sha256(decode(webp)) == pixels_sha256(image.convert("RGB"))

    def test_sees_one_level_in_one_sample(self):
        image = noise("RGB")
        other = image.copy()
        red, green, blue = other.getpixel((16, 4))
        other.putpixel((16, 4), (red, green, blue ^ 1))
        assert pixels_sha256(other) != pixels_sha256(image)

    def test_sees_the_shape(self):
        raw = bytes(12)
        shapes = [("L", (12, 1)), ("L", (6, 2)), ("L", (2, 6)), ("RGB", (4, 1)), ("LA", (6, 1))]
        digests = {pixels_sha256(Image.frombytes(mode, size, raw)) for mode, size in shapes}
        assert len(digests) == len(shapes)

    @pytest.mark.parametrize("mode", ["1", "P", "PA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16B"])
    def test_refuses_modes_that_are_not_judged(self, mode: str):
        with pytest.raises(GoldenseedError, match=r"fix: save the image as 8-bit L, LA, RGB"):
            pixels_sha256(Image.new(mode, (2, 2)))


class TestEncodePng:
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 5)])
    def test_loses_nothing(self, mode: str, size: tuple[int, int]):
        image = noise(mode, *size)
        back = decode(encode_png(image))
        assert (back.mode, back.size, back.tobytes()) == (mode, size, image.tobytes())

    def test_writes_the_same_bytes_each_time(self):
        image = noise("RGB")
        assert encode_png(image, compress_level=SMALL) == encode_png(image, compress_level=SMALL)

    def test_writes_pixels_and_nothing_else(self):
        text = PngImagePlugin.PngInfo()
        text.add_text("parameters", "a red apple")
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        data = encoded(noise("RGB"), "PNG", pnginfo=text, icc_profile=profile, dpi=(72, 72))
        with Image.open(io.BytesIO(data)) as image:
            assert {"icc_profile", "parameters"} <= set(image.info)
            assert encode_png(image) == encode_png(noise("RGB"))

    def test_leaves_the_image_as_it_was(self):
        image = noise("RGB")
        image.info["icc_profile"] = b"kept"
        encode_png(image)
        assert image.info == {"icc_profile": b"kept"}


class TestDecode:
    def test_reads_a_path_as_it_reads_bytes(self, tmp_path: Path):
        (tmp_path / "image.png").write_bytes(encode_png(noise("RGB")))
        assert decode(tmp_path / "image.png").tobytes() == noise("RGB").tobytes()

    def test_keeps_no_metadata_and_no_open_file(self):
        image = decode(encoded(noise("RGB"), "PNG", dpi=(72, 72)))
        assert (type(image), image.info) == (Image.Image, {})

    def test_does_not_rotate_by_exif(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        assert decode(encoded(noise("RGB"), "PNG", exif=exif)).size == (17, 5)

    def test_goes_by_the_content_and_not_by_the_name(self, tmp_path: Path):
        (tmp_path / "image.png").write_bytes(encoded(noise("RGB"), "JPEG"))
        assert decode(tmp_path / "image.png").size == (17, 5)
        with pytest.raises(
            GoldenseedError, match=r"image\.png: is in the format JPEG, and only PNG"
        ):
            decode(tmp_path / "image.png", formats=("PNG",))

    def test_reads_no_format_that_is_not_listed(self):
        with pytest.raises(GoldenseedError, match="is in the format TIFF"):
            decode(encoded(noise("RGB"), "TIFF"))

    @pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"hello", bytes(1000)])
    def test_names_what_is_no_image(self, data: bytes):
        with pytest.raises(GoldenseedError, match=r"baseline of x: .*\n  fix: restore"):
            decode(data, name="baseline of x")

    def test_a_missing_file_is_named(self, tmp_path: Path):
        with pytest.raises(GoldenseedError, match=r"none\.png: cannot be read: No such file"):
            decode(tmp_path / "none.png")

    @pytest.mark.parametrize("mode", MODES)
    def test_refuses_a_png_cut_anywhere(self, mode: str):
        data = encode_png(noise(mode))
        for length in range(len(data)):
            with pytest.raises(GoldenseedError):
                decode(data[:length])

    def test_refuses_a_png_with_any_one_bit_flipped(self):
        data = bytearray(encode_png(noise("RGB", 4, 4)))
        for position in range(8 * len(data)):
            data[position // 8] ^= 1 << position % 8
            with pytest.raises(GoldenseedError):
                decode(bytes(data))
            data[position // 8] ^= 1 << position % 8

    @pytest.mark.parametrize("format", ["WEBP", "JPEG"])
    def test_refuses_another_file_cut_in_the_middle(self, format: str):  # noqa: A002
        data = encoded(noise("RGB", 64, 64), format)
        for length in range(0, len(data) - 64, 7):
            with pytest.raises(GoldenseedError):
                decode(data[:length])

    @pytest.mark.parametrize("format", ["PNG", "WEBP", "JPEG"])
    def test_random_damage_raises_one_kind_of_error(self, format: str):  # noqa: A002
        data = encoded(noise("RGB", 32, 32), format)
        chance = random.Random(3)
        for _ in range(150):
            damaged = bytearray(data)
            for _ in range(chance.randint(1, 8)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            try:
                decode(bytes(damaged))
            except GoldenseedError:
                continue

    def test_refuses_bytes_after_the_end(self):
        with pytest.raises(GoldenseedError, match="goes on after its end"):
            decode(encode_png(noise("RGB")) + b"more")

    def test_refuses_several_frames(self):
        frames = [noise("RGB"), Image.new("RGB", (17, 5))]
        for format_, options in (("PNG", {}), ("WEBP", {"lossless": True})):
            data = encoded(frames[0], format_, save_all=True, append_images=frames[1:], **options)
            with pytest.raises(GoldenseedError, match="several frames"):
                decode(data)

    def test_refuses_a_palette(self):
        with pytest.raises(GoldenseedError, match="has the mode 'P'"):
            decode(encoded(Image.new("P", (2, 2)), "PNG"))

    @pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)])
    def test_refuses_16_bit_colour_instead_of_halving_it(self, colour_type: int, channels: int):
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, colour_type, 0, 0, 0))
        rows = chunk(b"IDAT", zlib.compress(bytes(1 + 2 * channels)))
        data = b"\x89PNG\r\n\x1a\n" + head + rows + chunk(b"IEND", b"")
        with pytest.raises(GoldenseedError, match="has 16 bits per colour channel"):
            decode(data)

    def test_refuses_a_colour_declared_transparent(self):
        data = encoded(Image.new("RGB", (2, 2)), "PNG", transparency=(0, 0, 0))
        with pytest.raises(GoldenseedError, match="declares one colour transparent"):
            decode(data)

    def test_many_threads_leave_the_warnings_alone(self):
        filters = list(warnings.filters)
        data = encode_png(noise("RGB"))
        with ThreadPoolExecutor(8) as pool:
            digests = set(pool.map(lambda _: pixels_sha256(decode(data)), range(64)))
        assert digests == {pixels_sha256(noise("RGB"))}
        assert warnings.filters == filters

    @pytest.mark.parametrize("side", [8193, 12_000, 60_000, 2**31 - 1])
    def test_refuses_a_bomb_by_its_header(self, side: int):
        with pytest.raises(GoldenseedError, match="fix: use a smaller image"):
            decode(png(width=side, height=side), name="bomb.png")

    def test_refuses_a_jpeg_bomb_by_its_header(self):
        data = encoded(Image.new("RGB", (0x0123, 0x0321)), "JPEG")
        bomb = data.replace(b"\x03\x21\x01\x23", b"\xea\x60\xea\x60")
        with pytest.raises(GoldenseedError, match="fix: use a smaller image"):
            decode(bomb)

    def test_a_bomb_takes_no_memory(self):
        """A real one, within Pillow's own limit, in a process that may take little more."""
        code = """
import resource, sys, zlib
sys.path.insert(0, sys.argv[1])
from test_pixels import chunk, struct
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import decode
rows = zlib.compressobj()
row = bytes(1 + 9_000)
data = b"".join(rows.compress(row) for _ in range(9_000)) + rows.flush()
head = chunk(b"IHDR", struct.pack(">IIBBBBB", 9_000, 9_000, 8, 0, 0, 0, 0))
bomb = b"\\x89PNG\\r\\n\\x1a\\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode(bomb)
except GoldenseedError as error:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
        command = [sys.executable, "-c", code, str(Path(__file__).parent)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert int(done.stdout) < 20_000  # KiB; the pixels would take 79,000

    def test_takes_as_many_pixels_as_it_is_told(self):
        data = encode_png(Image.new("L", (10, 10)))
        assert decode(data, pixel_limit=100).size == (10, 10)
        with pytest.raises(GoldenseedError, match="10 x 10 pixels, more than the 99 allowed"):
            decode(data, pixel_limit=99)

    @pytest.mark.parametrize(
        "extra",
        [
            chunk(b"zTXt", b"key\0\0" + zlib.compress(bytes(50_000_000))),
            chunk(b"iTXt", b"key\0\1\0\0\0" + zlib.compress(bytes(50_000_000))),
            chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(50_000_000))),
            struct.pack(">I", 2**31 - 1) + b"tEXtkey\0",
            b"".join([chunk(b"tEXt", b"key\0" + bytes(900_000))] * 80),
        ],
        ids=["zTXt", "iTXt", "iCCP", "length", "many"],
    )
    def test_refuses_text_that_explodes(self, extra: bytes):
        with pytest.raises(GoldenseedError, match="truncated or corrupt"):
            decode(png(extra))

    def test_refuses_a_file_far_too_large_for_its_pixels(self, tmp_path: Path):
        with (tmp_path / "image.png").open("wb") as file:
            file.truncate(18 * 2**20)
        with pytest.raises(GoldenseedError, match="larger than the"):
            decode(tmp_path / "image.png", pixel_limit=1000)

    def test_leaves_pillow_s_settings_and_the_warnings_alone(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 123)
        filters = list(warnings.filters)
        data = encode_png(noise("RGB"))
        decode(data)
        with pytest.raises(GoldenseedError):
            decode(data[:-20])
        assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS) == (True, 123)
        assert warnings.filters == filters

    @pytest.mark.parametrize("format", ["PNG", "WEBP", "JPEG"])
    def test_is_strict_even_where_pillow_was_told_to_be_lenient(
        self,
        format: str,  # noqa: A002
        monkeypatch: pytest.MonkeyPatch,
    ):
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        data = encoded(noise("RGB", 64, 64), format)
        with pytest.raises(GoldenseedError):
            decode(data[: len(data) // 2])


class TestCheckFile:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    def test_passes_a_whole_file(self, kind: str):
        check_file(encoded(noise("RGB"), kind), "image.png")

    @pytest.mark.parametrize("damage", ["cut", "flip", "more", "text", "empty", "bomb"])
    def test_refuses_a_damaged_one(self, damage: str):
        whole = encode_png(noise("RGB"))
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        data = {
            "cut": whole[:-5],
            "flip": bytes(flipped),
            "more": whole + b"\0",
            "text": b"GIF89a",
            "empty": b"",
            "bomb": png(width=60_000, height=60_000),
        }[damage]
        with pytest.raises(GoldenseedError, match=r"image\.png: .*\n  fix: "):
            check_file(data, "image.png")


class TestAsArray:
    @pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
    def test_is_height_by_width_by_channels(self, mode: str, channels: int):
        image = noise(mode)
        array = as_array(image)
        assert (array.shape, array.dtype) == ((5, 17, channels), "uint8")
        assert array.tobytes() == image.tobytes()

    def test_may_be_written_without_changing_the_image(self):
        image = Image.new("L", (2, 2))
        as_array(image)[:] = 9
        assert image.getpixel((0, 0)) == 0

    @pytest.mark.parametrize("mode", ["I;16", "P", "F"])
    def test_refuses_what_is_not_8_bit(self, mode: str):
        with pytest.raises(GoldenseedError, match="only 8-bit images are measured"):
            as_array(Image.new(mode, (2, 2)))


def test_importing_pixels_pulls_in_pillow_but_not_numpy():
    code = "import sys, goldenseed.core.pixels; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def with_rows(image: Image.Image, rows: int, *, interlaced: bool = False) -> bytes:
    """A PNG of ``image`` whose compressed data ends properly after so many rows."""
    width = image.width * len(image.getbands())
    raw = image.tobytes()
    data = b"".join(b"\0" + raw[at * width : (at + 1) * width] for at in range(rows))
    colour = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}[image.mode]
    header = struct.pack(">IIBBBBB", *image.size, 8, colour, 0, 0, int(interlaced))
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("last", [0, 1], ids=["black at the end", "not black at the end"])
def test_a_png_that_lacks_rows_is_refused_whatever_its_last_row_shows(mode: str, last: int):
    image = Image.new("RGBA", (5, 9), (90, 80, 70, 255)).convert(mode)
    image.paste((0, 0, 0, 0)[: len(mode)] if mode != "L" else 0, (0, 8, 5, 9))
    if last:
        image.putpixel((4, 8), (0, 0, 7, 0)[: len(mode)] if mode != "L" else 7)
    assert decode(with_rows(image, 9)).tobytes() == image.tobytes()
    for rows in (0, 1, 8):
        with pytest.raises(GoldenseedError, match=r"rows are missing|truncated"):
            decode(with_rows(image, rows))


def test_a_png_in_passes_that_lacks_rows_is_refused():
    image = Image.new("RGB", (5, 9), (90, 80, 70))
    with pytest.raises(GoldenseedError, match=r"rows are missing|truncated"):
        decode(with_rows(image, 3, interlaced=True))
