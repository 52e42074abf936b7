"""Contact sheets: small pictures with seed and score beside each other, as WebP files."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from goldenseed.content.scores import Scene
from goldenseed.core.files import inside, write_atomically
from goldenseed.images.picture_files import read_picture
from goldenseed.tools.sweep.sweeping import Tried

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

SIDE: Final = 160
"""Pixels of a small picture's longer side."""
COLUMNS: Final = 8
ROWS: Final = 10
_LABEL: Final = 30
_GAP: Final = 4
_QUALITY: Final = 85
_ROUNDS: Final = 30
_CHARACTERS: Final = 26
"""What fits below a picture."""


@dataclass(frozen=True, slots=True)
class Small:
    """One image as a sheet shows it."""

    tried: Tried
    picture: bytes
    """JPEG."""
    looks: npt.NDArray[np.float32]


def small_pictures(
    found: Sequence[Tried], folder: Path, looks_of: Callable[[Image], npt.NDArray[np.float32]]
) -> Iterator[Small]:
    """Yield each image small, read one after the other, with what it looks like."""
    from PIL import Image as Pillow

    for each in found:
        image = Scene(read_picture(inside(folder, each.image)).image).rgb
        looks = looks_of(image)
        image.thumbnail((SIDE, SIDE), Pillow.Resampling.LANCZOS)
        file = io.BytesIO()
        image.save(file, "JPEG", quality=_QUALITY)
        yield Small(each, file.getvalue(), looks)


def diversity(looks: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return how unlike the nearest other image each is, 0…2: one less the greatest cosine.

    ``looks`` is count x length, each row of length 1. A single image has 2.
    """
    import numpy as np

    nearest = np.full(len(looks), -1.0)
    for start in range(0, len(looks), 1000):  # the whole matrix would take 400 MB of 10,000 images
        likeness = looks[start : start + 1000] @ looks.T
        rows = np.arange(len(likeness))
        likeness[rows, start + rows] = -1.0
        nearest[start : start + 1000] = likeness.max(axis=1)
    return 1.0 - nearest


def clusters(looks: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return which of about √(n/2) groups of images that look alike each belongs to.

    k-means with starts drawn by k-means++ from a fixed seed; the largest group is 0.
    """
    import numpy as np
    from scipy.cluster.vq import kmeans2

    count = max(1, round(math.sqrt(len(looks) / 2)))
    if count == 1:
        return np.zeros(len(looks), np.int64)
    _, of = kmeans2(
        looks.astype(np.float64), count, iter=_ROUNDS, minit="++", rng=np.random.default_rng(0)
    )
    order = np.argsort(-np.bincount(of, minlength=count), kind="stable")
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    grouped: npt.NDArray[np.int64] = place[of]
    return grouped


def write_sheets(
    smalls: Sequence[Small], folder: Path, name: str, label: Callable[[Small], str]
) -> list[Path]:
    """Write sheets of 8 x 10 pictures in their order: ``sheets/NAME-001.webp``."""
    written = []
    for page, start in enumerate(range(0, len(smalls), COLUMNS * ROWS), 1):
        path = folder / "sheets" / f"{name}-{page:03d}.webp"
        data = _sheet(smalls[start : start + COLUMNS * ROWS], label)
        write_atomically(path, data, durable=False)
        written.append(path)
    return written


def _sheet(smalls: Sequence[Small], label: Callable[[Small], str]) -> bytes:
    from PIL import Image as Pillow
    from PIL import ImageDraw

    columns = min(COLUMNS, len(smalls))
    rows = math.ceil(len(smalls) / COLUMNS)
    size = (columns * (SIDE + _GAP) + _GAP, rows * (SIDE + _LABEL + _GAP) + _GAP)
    sheet = Pillow.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for index, each in enumerate(smalls):
        row, column = divmod(index, COLUMNS)
        left, top = _GAP + column * (SIDE + _GAP), _GAP + row * (SIDE + _LABEL + _GAP)
        with Pillow.open(io.BytesIO(each.picture)) as picture:
            sheet.paste(picture, (left, top))
        draw.multiline_text((left, top + SIDE + 1), label(each), fill="black", spacing=1)
    file = io.BytesIO()
    sheet.save(file, "WEBP", quality=_QUALITY)
    return file.getvalue()


def labelled(score: str) -> Callable[[Small], str]:
    """Return what is written below a picture: the seed, the axes, and a score."""

    def label(small: Small) -> str:
        tried = small.tried
        first = ", ".join([f"seed {tried.seed}", *_axes(tried.axes)])
        second = f"{score} {tried.scores[score]:.4g}" if score in tried.scores else ""
        return "\n".join(line[:_CHARACTERS] for line in (first, second))

    return label


def _axes(axes: Mapping[str, Any]) -> Iterator[str]:
    """Yield ``gs=3`` for a guidance_scale of 3; a name of underlines alone is written whole."""
    for name, value in axes.items():
        yield f"{''.join(part[:1] for part in name.split('_')) or name}={value}"
