"""Masks: which pixels count when two images are compared."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from harness.comparison.terms import Region
from harness.errors import GoldenseedError
from harness.pixels import decode

COUNTS = 128
"""The level of a mask file from which on a pixel counts."""


def mask_of(
    size: tuple[int, int],
    *,
    file: Path | None = None,
    ignore: Iterable[Region] = (),
    path: Path | None = None,
    line: int | None = None,
) -> Image.Image | None:
    """Return a mask for images of ``size``: mode L, 255 where a pixel counts, 0 where not.

    ``file`` is an image of that size, white where pixels count and black where they do not (grey
    from ``COUNTS`` on counts); ``ignore`` are regions that do not. None if both are empty.

    Args:
        size: width and height.
        file: the mask's file.
        ignore: the regions.
        path: what asks for the mask, for messages.
        line: its line.

    Raises:
        GoldenseedError: a mask that cannot be read, of another size or with alpha, a region that
            reaches beyond the image, or no pixel left that counts.

    """
    regions = tuple(ignore)
    if file is None and not regions:
        return None
    mask = Image.new("L", size, 255) if file is None else _read(file, size, path, line)
    for left, top, width, height in regions:
        right, bottom = left + width, top + height
        inside = 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
        if not inside:
            raise GoldenseedError(
                f"the region [{left}, {top}, {width}, {height}] (left, top, width, height) "
                f"is not inside the image, which has {size[0]} x {size[1]} pixels",
                path=path,
                line=line,
                fix="correct it; every region is at least one pixel",
            )
        mask.paste(0, (left, top, right, bottom))
    if not mask.getbbox():
        raise GoldenseedError(
            "the mask leaves no pixel that counts",
            path=path or file,
            line=line,
            fix="ignore less; a mask file is white where pixels count",
        )
    return mask


def _read(file: Path, size: tuple[int, int], path: Path | None, line: int | None) -> Image.Image:
    image = decode(file)
    fault = None
    if image.mode not in {"L", "RGB"}:
        fault = f"has the mode {image.mode!r}, not 8-bit grey or RGB"
    elif image.size != size:
        fault = f"has {image.width} x {image.height} pixels, the image has {size[0]} x {size[1]}"
    if fault:
        raise GoldenseedError(
            f"the mask {file.name} {fault}",
            path=path or file,
            line=line if path else None,
            fix="draw the mask in the image's size, white where pixels count",
        )
    return image.convert("L").point([255 * (level >= COUNTS) for level in range(256)])
