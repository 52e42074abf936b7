"""Accepted images, each stored once under the digest of its pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.baselines.places import Places
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, sha256_hex, write_atomically

if TYPE_CHECKING:
    from PIL import Image

FILE_LIMIT_BYTES = 1 << 30


def load(places: Places, pixels_sha256: str) -> Image.Image:
    """Decode an accepted image and verify that its pixels have the digest in its name.

    The digest covers mode and size, so an image of another size is caught by it too.

    Raises:
        GoldenseedError: the file is missing, no whole PNG, or holds other pixels.

    """
    return _verified(places, pixels_sha256)[0]


def file_of(places: Places, pixels_sha256: str, file_sha256: str | None = None) -> bytes:
    """Return an accepted image's PNG file, its pixels verified as by ``load``; same errors.

    A file whose bytes have the digest ``file_sha256`` is one whose pixels were verified when they
    were accepted; it is not decoded again.
    """
    if file_sha256 is not None:
        data = _read(places.image(pixels_sha256))
        if sha256_hex(data) == file_sha256:
            return data
    return _verified(places, pixels_sha256)[1]


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, FILE_LIMIT_BYTES)
    except GoldenseedError as error:
        raise _unreadable(path, error) from error


def _verified(places: Places, pixels_sha256: str) -> tuple[Image.Image, bytes]:
    from goldenseed.core import pixels  # reading entries needs no image library

    path = places.image(pixels_sha256)
    data = _read(path)
    try:
        image = pixels.decode(data, name=str(path), formats=("PNG",))
    except GoldenseedError as error:
        raise _unreadable(path, error) from error
    found = pixels.pixels_sha256(image)
    if found != pixels_sha256:
        raise GoldenseedError(
            "does not hold the pixels that were accepted: it is an image of "
            f"{image.width} x {image.height} pixels in mode {image.mode} with the digest {found}",
            path=path,
            fix=_restore(path),
        )
    return image, data


def store(places: Places, pixels_sha256: str, image: Callable[[], Image.Image]) -> str:
    """Write an image, as the smallest PNG Pillow makes, unless a whole copy is stored already.

    ``image`` returns it, and has verified its digest. Returns the SHA-256 of the file.

    Raises:
        GoldenseedError: it cannot be written; then no part of it is there.

    """
    from goldenseed.core import pixels  # reading entries needs no image library

    try:
        return sha256_hex(file_of(places, pixels_sha256))
    except GoldenseedError:
        data = pixels.encode_png(image(), compress_level=pixels.SMALL)
        write_atomically(places.image(pixels_sha256), data)
        return sha256_hex(data)


def _unreadable(path: Path, error: GoldenseedError) -> GoldenseedError:
    what = error.what if path.exists() else "the accepted image is missing"
    return GoldenseedError(what, path=path, fix=_restore(path))


def _restore(path: Path) -> str:
    return (
        f"git checkout -- '{path}' restores the committed one; "
        "or accept the case again from a run that has the image"
    )
