"""Reading back the images that a run left behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import GoldenseedError
from harness.files import inside
from harness.runs.record import CaseRecord

if TYPE_CHECKING:
    from PIL.Image import Image


def stored_image(folder: Path, case: CaseRecord) -> Image:
    """Decode the image of ``case`` from its run's folder and verify that it is the recorded one.

    Raises:
        GoldenseedError: the case has no image, its file is missing or damaged or lies outside the
            folder, or its pixels (size and mode included) are not those on record.

    """
    from harness.pixels import decode, pixels_sha256

    if case.image is None or case.pixels_sha256 is None:
        raise GoldenseedError(
            f"no image was recorded: the verdict was {case.verdict.value}"
            + (f" ({case.error.strip()})" if case.error else ""),
            path=folder,
            fix="mend what the message names and run the suite again",
        )
    path = inside(folder, case.image)
    image = decode(path, formats=("PNG",))
    found = pixels_sha256(image)
    if found != case.pixels_sha256:
        raise GoldenseedError(
            f"holds the pixels {found[:12]}…, not the recorded {case.pixels_sha256[:12]}…",
            path=path,
            fix="copy the run's folder again from where it was made, or run the suite again",
        )
    return image


def stored_mask(folder: Path, case: CaseRecord) -> Image | None:
    """Decode the mask under which ``case`` was judged; None where all pixels counted.

    Raises:
        GoldenseedError: its file is missing or damaged or lies outside the folder.

    """
    from harness.pixels import decode

    return decode(inside(folder, case.masked.image), formats=("PNG",)) if case.masked else None
