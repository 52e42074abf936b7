"""Accepted images, each stored once under the digest of its pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.baselines.places import Places
from harness.errors import GoldenseedError
from harness.files import write_atomically

if TYPE_CHECKING:
    from PIL import Image


def load(places: Places, pixels_sha256: str) -> Image.Image:
    """Decode an accepted image and verify that its pixels have the digest in its name.

    The digest covers mode and size, so an image of another size is caught by it too.

    Raises:
        GoldenseedError: the file is missing, no whole PNG, or holds other pixels.

    """
    from harness import pixels  # reading entries needs no image library

    path = places.image(pixels_sha256)
    try:
        image = pixels.decode(path, formats=("PNG",))
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
    return image


def check(places: Places, pixels_sha256: str, size: tuple[int, int] | None) -> None:
    """Check that an accepted image is there and whole, without decoding its pixels.

    Costs little more than reading the file. ``size`` is the expected (width, height) in pixels.

    Raises:
        GoldenseedError: the file is missing, no whole PNG, or of another size.

    """
    from PIL import Image  # reading entries needs no image library

    from harness import pixels

    path = places.image(pixels_sha256)
    try:
        pixels.check_png(path)
    except GoldenseedError as error:
        raise _unreadable(path, error) from error
    if size is None:
        return
    with Image.open(path, formats=("PNG",)) as image:
        found = image.size
    if found != size:
        raise GoldenseedError(
            f"is {found[0]} x {found[1]} pixels, but {size[0]} x {size[1]} were accepted",
            path=path,
            fix=_restore(path),
        )


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
