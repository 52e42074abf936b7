"""A content score as plain data, and what it is given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image


@dataclass(frozen=True, kw_only=True)
class Score:
    """A number that says something of one image, as suites and reports know it.

    It is plain data, and ``measure`` is only imported when an image is scored; a package that
    offers one keeps it in a module that imports nothing heavy::

        # in pyproject.toml: [project.entry-points."goldenseed.content"]
        #                    hand_count = "hands:HAND_COUNT"
        HAND_COUNT = harness.Score(name="hand_count", low=0, measure="hands.counting:hand_count")
    """

    name: str
    """Lower case; suites write ``min_<name>`` and ``max_<name>``."""
    measure: str
    """``module:function``, which takes a ``Scene`` and returns a number, never NaN."""
    low: float = -math.inf
    """The least value there can be."""
    high: float = math.inf
    """The greatest value there can be."""
    needs_model: bool = False
    """Whether a limit has to name a model's folder: ``{value: 0.25, model: models/clip}``."""
    extra: str = ""
    """What ``measure`` needs besides the core dependencies: an extra of this package."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One image with what it was made from."""

    image: Image
    """8-bit L, LA, RGB or RGBA."""
    prompt: str | None = None
    model: Path | None = None
    """The folder of the score's model, where it needs one."""

    @cached_property
    def rgb(self) -> Image:
        """The image in RGB; what is transparent is seen over white."""
        from PIL import Image

        if not self.image.mode.endswith("A"):
            return self.image.convert("RGB")
        behind = Image.new("RGBA", self.image.size, (255, 255, 255, 255))
        return Image.alpha_composite(behind, self.image.convert("RGBA")).convert("RGB")

    @cached_property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """``rgb`` as uint8, height x width x 3."""
        import numpy as np

        return np.asarray(self.rgb)

    @cached_property
    def grey(self) -> npt.NDArray[np.uint8]:
        """The brightness (ITU-R 601) of ``rgb`` as uint8, height x width."""
        import numpy as np

        return np.asarray(self.rgb.convert("L"))
