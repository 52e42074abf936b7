"""How far apart two images' colours are as a whole, wherever they are in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from harness.comparison.pair import Pair

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def colour_moments_distance(pair: Pair) -> float:
    """Return the distance of the colour moments in CIELAB, 0 for equal images, no upper bound.

    Stricker and Orengo, "Similarity of Color Images" (SPIE 2420, 1995): the sum over the three
    channels of the differences of mean, standard deviation and skewness, the last being the cube
    root of the third central moment, so that all three are in the channel's unit. Every weight is
    1; the channels are L*, a* and b* for D65 (the paper's HSV has a hue that jumps at red). Two
    flat images that differ in lightness alone are as far apart as their L*.
    """
    import numpy as np

    current, accepted = map(_moments, pair.rgb)
    return float(np.abs(current - accepted).sum())


def _moments(image: Image.Image) -> npt.NDArray[np.float64]:
    """Return mean, standard deviation and cube root of the third moment of L*, a*, b*: 3 x 3."""
    import numpy as np
    from skimage.color import rgb2lab

    unit = np.asarray(image, dtype=np.float32) / np.float32(255)
    lab = rgb2lab(unit).reshape(-1, 3).astype(np.float64)
    mean = lab.mean(axis=0)
    centred = lab - mean
    return np.stack([mean, lab.std(axis=0), np.cbrt((centred**3).mean(axis=0))])
