"""Two images that are to be compared, and what several metrics need of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from harness.errors import GoldenseedError
from harness.pixels import as_array

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_EIGHT_BIT = ("L", "LA", "RGB", "RGBA")


@dataclass(frozen=True, eq=False)
class Pair:
    """Two 8-bit images of one size and mode; the work that metrics share is done once.

    Raises:
        ValueError: another size or mode: no distance is defined between such images.
        GoldenseedError: a mode that is not 8-bit L, LA, RGB or RGBA.

    """

    current: Image.Image
    accepted: Image.Image

    def __post_init__(self) -> None:
        for what in ("size", "mode"):
            current, accepted = getattr(self.current, what), getattr(self.accepted, what)
            if current != accepted:
                raise ValueError(
                    f"images of another {what} cannot be compared: {current} against {accepted}"
                )
        if self.current.mode not in _EIGHT_BIT:
            raise GoldenseedError(
                f"images of mode {self.current.mode!r} can be identical or not, "
                "but their distance cannot be measured",
                fix="generate 8-bit images, or accept exactly these pixels",
            )

    @cached_property
    def bands(self) -> tuple[Image.Image, ...]:
        """The absolute difference, 0…255, one grey image a channel."""
        pairs = zip(self.current.split(), self.accepted.split(), strict=True)
        return tuple(ImageChops.difference(current, accepted) for current, accepted in pairs)

    @cached_property
    def histogram(self) -> tuple[int, ...]:
        """How many samples (of all channels) differ by 0, 1, … 255 levels."""
        return tuple(map(sum, zip(*(band.histogram() for band in self.bands), strict=True)))

    @cached_property
    def unchanged(self) -> int:
        """How many pixels are equal in every channel."""
        return reduce(ImageChops.lighter, self.bands).histogram()[0]

    @cached_property
    def arrays(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Both images as uint8, height x width x channels."""
        return as_array(self.current), as_array(self.accepted)
