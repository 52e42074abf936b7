"""Two images that are to be compared, and what several metrics need of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import as_array

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_EIGHT_BIT = ("L", "LA", "RGB", "RGBA")
_OPAQUE = {"LA": "L", "RGBA": "RGB"}

BLANK = 128
"""The level of every sample, alpha too, that a mask leaves out: the same in both images."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two 8-bit images of one size and mode; the work that metrics share is done once.

    ``mask`` is a grey image of that size: 255 where a pixel counts, 0 where it does not. Use
    ``Pair.of`` to have the pixels that do not count made equal. ``samples`` is ``arrays`` where
    decoding the images has made them already.

    Raises:
        ValueError: another size or mode: no distance is defined between such images.
        GoldenseedError: a mode that is not 8-bit L, LA, RGB or RGBA.
    """

    current: Image.Image
    accepted: Image.Image
    mask: Image.Image | None = None
    samples: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]] | None = None

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
        if self.mask is not None and self.mask.size != self.current.size:
            raise ValueError(f"the mask has {self.mask.size}, the images have {self.current.size}")

    @classmethod
    def of(cls, current: Image.Image, accepted: Image.Image, mask: Image.Image | None) -> Pair:
        """Make a pair in which the pixels that ``mask`` leaves out are ``BLANK`` in both images."""
        if mask is None:
            return cls(current, accepted)
        cls(current, accepted, mask)
        blank = Image.new(current.mode, current.size, (BLANK,) * len(current.getbands()))
        return cls(
            Image.composite(current, blank, mask), Image.composite(accepted, blank, mask), mask
        )

    @cached_property
    def difference(self) -> Image.Image:
        """The absolute difference, 0…255, an image of the same mode."""
        return ImageChops.difference(self.current, self.accepted)

    @cached_property
    def bands(self) -> tuple[Image.Image, ...]:
        """The absolute difference, 0…255, one grey image a channel."""
        return self.difference.split()

    @cached_property
    def equal(self) -> bool:
        """Whether all pixels that count are equal."""
        return self.difference.getbbox(alpha_only=False) is None

    @cached_property
    def counted(self) -> int:
        """How many pixels count."""
        if self.mask is None:
            return self.current.width * self.current.height
        return self.mask.histogram()[255]

    @cached_property
    def histogram(self) -> tuple[int, ...]:
        """How many of the samples (of all channels) that count differ by 0, 1, … 255 levels."""
        # Band by band: before Pillow 12 the histogram of LA had that of the grey band twice.
        counts = [band.histogram(self.mask) for band in self.bands]
        return tuple(map(sum, zip(*counts, strict=True)))

    @cached_property
    def changed(self) -> int:
        """How many pixels that count differ in any channel."""
        unchanged = reduce(ImageChops.lighter, self.bands).histogram(self.mask)[0]
        return self.counted - unchanged

    @cached_property
    def arrays(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Both images as uint8, height x width x channels."""
        return self.samples or (as_array(self.current), as_array(self.accepted))

    @cached_property
    def weights(self) -> npt.NDArray[np.bool_] | None:
        """Which pixels count, height x width; None where all do."""
        return None if self.mask is None else as_array(self.mask)[..., 0] > 0

    @cached_property
    def grey(self) -> tuple[Image.Image, Image.Image]:
        """Both images as their brightness (ITU-R 601), as ``imagehash`` sees them."""
        return self.current.convert("L"), self.accepted.convert("L")

    @cached_property
    def rgb(self) -> tuple[Image.Image, Image.Image]:
        """Both images in RGB, alpha dropped: for metrics that see them ``composited``."""
        return self.current.convert("RGB"), self.accepted.convert("RGB")

    @property
    def composited(self) -> tuple[Pair, ...]:
        """The pair without alpha: on black and on white, or itself where there is no alpha."""
        # A cached reference to itself would keep the images until the garbage is collected.
        return self._without_alpha if self.current.mode in _OPAQUE else (self,)

    @cached_property
    def _without_alpha(self) -> tuple[Pair, ...]:
        return tuple(
            Pair(_on(level, self.current), _on(level, self.accepted), self.mask)
            for level in (0, 255)
        )


def unit(image: Image.Image) -> npt.NDArray[np.float32]:
    """Return an image as float32, 0…1, height x width x channels."""
    import numpy as np

    return np.asarray(image, dtype=np.float32) / np.float32(255)


def _on(level: int, image: Image.Image) -> Image.Image:
    mode = _OPAQUE[image.mode]
    background = Image.new("RGBA", image.size, (level, level, level, 255))
    return Image.alpha_composite(background, image.convert("RGBA")).convert(mode)
