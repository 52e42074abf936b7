"""Accepted images, each stored once under the digest of its pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.baselines.places import Places
from harness.errors import GoldenseedError
from harness.files import read_regular, write_atomically

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


def file_of(places: Places, pixels_sha256: str) -> bytes:
    """Return an accepted image's PNG file, its pixels verified as by ``load``; same errors."""
    return _verified(places, pixels_sha256)[1]


def _verified(places: Places, pixels_sha256: str) -> tuple[Image.Image, bytes]:
    from harness import pixels  # reading entries needs no image library

    path = places.image(pixels_sha256)
    try:
        data = read_regular(path, FILE_LIMIT_BYTES)
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


def is_whole(places: Places, pixels_sha256: str) -> bool:
    """Say whether the image is stored and holds the right pixels."""
    try:
        load(places, pixels_sha256)
    except GoldenseedError:
        return False
    return True


def store(places: Places, image: Image.Image, pixels_sha256: str) -> None:
    """Write an image whose digest the caller has verified, as the smallest PNG Pillow makes.

    Raises:
        GoldenseedError: it cannot be written; then no part of it is there.

    """
    from harness import pixels  # reading entries needs no image library

    data = pixels.encode_png(image, compress_level=pixels.SMALL)
    write_atomically(places.image(pixels_sha256), data)


def _unreadable(path: Path, error: GoldenseedError) -> GoldenseedError:
    what = error.what if path.exists() else "the accepted image is missing"
    return GoldenseedError(what, path=path, fix=_restore(path))


def _restore(path: Path) -> str:
    return (
        f"git checkout -- '{path}' restores the committed one; "
        "or accept the case again from a run that has the image"
    )
