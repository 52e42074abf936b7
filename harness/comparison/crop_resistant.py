"""imagehash's crop-resistant hash: one hash for each bright or dark part of the picture."""

from __future__ import annotations

from typing import Any

from PIL import Image

from harness.comparison.pair import Pair

SEGMENTED = 300
"""The side to which ``imagehash`` scales an image before it looks for segments."""


def crop_resistant_distance(pair: Pair) -> float:
    """Return what share of the segments has no counterpart in the other image, 0…1.

    Steinebach, Liu and Yannikov, "Efficient Cropping-Resistant Robust Image Hashing" (ARES 2014),
    by ``imagehash.crop_resistant_hash`` at its defaults: the picture is parted at brightness 128
    and each part of more than 500 of 300 x 300 pixels gets a dhash of 64 bits; a segment finds its
    counterpart in a hash at most 16 bits away.

    The distance of ``imagehash`` counts segments of one image and depends on the order of the two;
    here it is divided by their number, and the greater of both orders is taken. Counterparts that
    are not equal add less than one segment in all. A side below 300 pixels is enlarged first, by
    repeating pixels, since a segment could come out empty.
    """
    import imagehash

    a, b = (imagehash.crop_resistant_hash(_large_enough(each)) for each in pair.grey)
    return max(_unmatched(a, b), _unmatched(b, a))


def _unmatched(a: Any, b: Any) -> float:
    return float(a - b) / len(a.segment_hashes)


def _large_enough(image: Image.Image) -> Image.Image:
    size = (max(image.width, SEGMENTED), max(image.height, SEGMENTED))
    return image if size == image.size else image.resize(size, Image.Resampling.NEAREST)
