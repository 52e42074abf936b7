"""Images as pixels: their digest, lossless encoding, and decoding that trusts no file."""

from __future__ import annotations

import hashlib
import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageFile, UnidentifiedImageError

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular
from goldenseed.core.picture_formats import format_of, is_whole, lacks_rows, without_end

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MODES = ("L", "LA", "RGB", "RGBA", "I;16")
"""The Pillow modes that are judged: 8-bit grey, colour, each with or without alpha; 16-bit grey."""

FORMATS = ("PNG", "WEBP", "JPEG")
"""The file formats that are read."""

PIXEL_LIMIT = 64 * 2**20
"""The most pixels an image file may hold: 8192 x 8192."""

FAST = 1
"""zlib level for images of a run: written once, read once, seldom kept."""

SMALL = 4
"""zlib level for accepted images, which are kept for years.

Level 5 takes a third longer for 2 % less, level 9 twenty times as long for 7 % less (51 pictures of
128x128 pixels that the embedded model made).
"""

_SAVE_AS = "save the image as 8-bit L, LA, RGB or RGBA, or 16-bit grey"
_RESTORE = "restore the file from version control, or generate the image again"

_ONE_AT_A_TIME = threading.Lock()


def pixels_sha256(image: Image.Image) -> str:
    r"""Return the SHA-256 of an image's pixels as 64 lower-case hexadecimal digits.

    File format, compression, metadata and Pillow's version play no part. What is hashed, in order:

    1. ``goldenseed-pixels-1`` and a zero byte;
    2. the mode (one of ``MODES``) and a zero byte, ``<width>x<height>`` and a zero byte, in ASCII;
    3. the samples, row by row from the top, left to right, channels interleaved in the mode's
       order, one byte each (``I;16``: two bytes, little-endian).

    To check one with nothing but Pillow::

        image = PIL.Image.open(path)
        head = f"goldenseed-pixels-1\0{image.mode}\0{image.width}x{image.height}\0"
        print(hashlib.sha256(head.encode() + image.tobytes()).hexdigest())

    Raises:
        GoldenseedError: a mode outside ``MODES``.

    """
    _check_mode(image.mode, "the image")
    head = f"goldenseed-pixels-1\0{image.mode}\0{image.width}x{image.height}\0"
    digest = hashlib.sha256(head.encode("ascii"))
    digest.update(image.tobytes())
    return digest.hexdigest()


def encode_png(image: Image.Image, *, compress_level: int = FAST) -> bytes:
    """Write an image as a PNG file that holds its pixels and nothing else.

    No time, no text, no colour profile: one Pillow version writes the same pixels as the same
    bytes. Another may not, so compare pixels, never files. ``compress_level`` is zlib's, 0…9.

    Raises:
        GoldenseedError: a mode outside ``MODES``.

    """
    _check_mode(image.mode, "the image")
    bare = image.copy()
    bare.info = {}
    buffer = io.BytesIO()
    bare.save(buffer, format="PNG", compress_level=compress_level)
    return buffer.getvalue()


def decode(
    source: Path | bytes,
    *,
    name: str | None = None,
    formats: tuple[str, ...] = FORMATS,
    pixel_limit: int = PIXEL_LIMIT,
) -> Image.Image:
    """Decode an image file that nobody vouches for, wholly, into one of ``MODES``.

    The content decides what the file is, not its name; the pixel count is checked from the header
    before anything is decoded, and every checksum of a PNG before it is used. The pixels are those
    stored: no rotation by EXIF, no colour management, no metadata kept.

    Args:
        source: the file, or its bytes.
        name: what error messages call it; the path where there is one.
        formats: the accepted ones of ``FORMATS``.
        pixel_limit: the most pixels, width x height.

    Raises:
        GoldenseedError: no image in an accepted format, truncated or corrupt, too many pixels,
            several frames, bytes after the end of a PNG, or a mode outside ``MODES``.

    """
    with opened(source, name=name, formats=formats, pixel_limit=pixel_limit) as (label, image, _):
        _check_samples(image, label)
        image.load()
        _check_mode(image.mode, label)
        plain = image.copy()
    plain.info = {}
    return plain


@contextmanager
def opened(
    source: Path | bytes,
    *,
    name: str | None = None,
    formats: tuple[str, ...] = FORMATS,
    pixel_limit: int = PIXEL_LIMIT,
) -> Iterator[tuple[str, ImageFile.ImageFile, list[warnings.WarningMessage]]]:
    """Open an image file that nobody vouches for; give its name for messages, and the image.

    That a PNG holds all of its rows is checked on leaving, since loading it shows that as a rule.
    The third is what Pillow complains of in its metadata, which decides no pixel: it grows inside
    the ``with``.

    Its structure is checked and its pixels are not loaded yet. Whatever is raised inside the
    ``with`` becomes an error that names the file: load the pixels there, and little else.

    Raises:
        GoldenseedError: as ``decode``, but for the mode.

    """
    label, data = _read(source, name, pixel_limit)
    with _strict(label, data, formats) as complaints:
        _check_structure(data, label, formats, pixel_limit)
        readable = without_end(data) if format_of(data) == "JPEG" else data
        with Image.open(io.BytesIO(readable), formats=formats) as image:
            yield label, image, complaints
            if image.format == "PNG" and lacks_rows(image, data):
                raise GoldenseedError("is truncated: rows are missing", path=label, fix=_RESTORE)


def check_file(data: bytes, label: str) -> None:
    """Check what can be known of an image file without decoding it.

    Raises:
        GoldenseedError: as ``opened``.

    """
    with _strict(label, data, FORMATS):
        _check_structure(data, label, FORMATS, PIXEL_LIMIT)


def has_16_bit_colour(image: ImageFile.ImageFile) -> bool:
    """Whether the file holds 16 bits per colour channel, of which Pillow reads the upper 8."""
    return image.mode != "I;16" and any("16" in str(tile[3]) for tile in image.tile)


def as_array(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Return an 8-bit image's samples as uint8, height x width x channels, 0…255.

    Grey has one channel, alpha is the last one. The array is a copy that may be written.

    Raises:
        GoldenseedError: a mode that is not 8-bit L, LA, RGB or RGBA.

    """
    import numpy as np

    if image.mode not in MODES or image.mode == "I;16":
        raise GoldenseedError(
            f"the image has the mode {image.mode!r}: only 8-bit images are measured",
            fix="convert it to L, LA, RGB or RGBA",
        )
    return np.array(image, dtype=np.uint8).reshape(image.height, image.width, -1)


def _read(source: Path | bytes, name: str | None, pixel_limit: int) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        return name or "the image", source
    # Nothing lossless needs more than 8 bytes a pixel; the rest is room for metadata.
    return name or str(source), read_regular(source, 8 * pixel_limit + 16 * 2**20)


def _check_mode(mode: str, label: str) -> None:
    if mode not in MODES:
        raise GoldenseedError(f"has the mode {mode!r}", path=label, fix=_SAVE_AS)


def _check_structure(data: bytes, label: str, formats: tuple[str, ...], pixel_limit: int) -> None:
    """Check what can be known of a file without decoding it."""
    if not data:
        raise GoldenseedError("is empty", path=label, fix=_RESTORE)
    file = io.BytesIO(data)
    image = Image.open(file, formats=formats)
    if image.width * image.height > pixel_limit:
        raise GoldenseedError(
            f"holds {image.width} x {image.height} pixels, more than the {pixel_limit:,} allowed",
            path=label,
            fix="use a smaller image",
        )
    if getattr(image, "n_frames", 1) > 1:
        raise GoldenseedError("holds several frames", path=label, fix="save one still image")
    # Pillow need not see a JPEG's end marker, and stops after the name of a PNG's last chunk.
    whole = is_whole(data, format_of(data))
    if image.format == "PNG":
        image.verify()
        whole = whole and file.tell() + 4 == len(data)
    if not whole:
        raise GoldenseedError("is truncated, or goes on after its end", path=label, fix=_RESTORE)


def _check_samples(image: ImageFile.ImageFile, label: str) -> None:
    """Refuse what the decoded samples would not show.

    That is 16-bit colour, of which Pillow keeps the upper 8 bits, and one colour declared
    transparent, with which a viewer shows another picture than the one that is judged.
    """
    if "transparency" in image.info:
        raise GoldenseedError("declares one colour transparent", path=label, fix=_SAVE_AS)
    if has_16_bit_colour(image):
        raise GoldenseedError("has 16 bits per colour channel", path=label, fix=_SAVE_AS)


def _unknown(label: str, data: bytes, formats: tuple[str, ...]) -> GoldenseedError:
    """Name what Pillow could not identify: another format, or one of ``formats`` with damage."""
    found = format_of(data)
    if found is None or found in formats:
        what = "is no image in a format that is accepted here, or its header is damaged"
        return GoldenseedError(what, path=label, fix=_RESTORE)
    what = f"is in the format {found}, and only {', '.join(formats)} can be read"
    return GoldenseedError(what, path=label, fix=f"save it as {formats[0]}, without loss")


@contextmanager
def _strict(
    label: str, data: bytes, formats: tuple[str, ...]
) -> Iterator[list[warnings.WarningMessage]]:
    """Make Pillow refuse what it would guess, and name the file in whatever it raises.

    Its exceptions for a bad file are many (OSError, SyntaxError, ValueError, struct.error, …), so
    all are caught: whatever a decoder raises over a file, the file is what is wrong.
    """
    with _pillow_s_strictest() as complaints:
        try:
            yield complaints
        except (GoldenseedError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            raise GoldenseedError(
                "holds more pixels than can be read safely", path=label, fix="use a smaller image"
            ) from error
        except UnidentifiedImageError as error:
            raise _unknown(label, data, formats) from error
        except Exception as error:
            raise GoldenseedError(
                f"is truncated or corrupt: {error or type(error).__name__}",
                path=label,
                fix=_RESTORE,
            ) from error


_OF_METADATA = "Image appears to be a malformed MPO|(Possibly c|C)orrupt EXIF|XMP data"
"""How Pillow's warnings about no pixel begin; its TIFF reader's are all about EXIF here."""


@contextmanager
def _pillow_s_strictest() -> Iterator[list[warnings.WarningMessage]]:
    """Refuse truncated files and raise warnings over malformed ones, whoever set it otherwise.

    Warnings about metadata are collected instead. Both settings belong to the whole process, so one
    thread at a time borrows them.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("always", _OF_METADATA, UserWarning)
        warnings.filterwarnings("always", "", UserWarning, r"PIL\.TiffImagePlugin")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        lenient = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield complaints
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = lenient
