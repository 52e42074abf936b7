"""Perceptual hashes from ``imagehash`` at their default sizes; distances are in differing bits.

Images with alpha are hashed on black and on white. A hash alone is weak: solid blue and solid white
share a phash (imagehash issue 134).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image

from goldenseed.images.pair import Pair


def average_hash_distance(pair: Pair) -> float:
    """Return how many of 64 bits differ: each says if an 8 x 8 cell is brighter than the mean."""
    import imagehash

    return _distance(pair.grey, imagehash.average_hash)


def phash_distance(pair: Pair) -> float:
    """Return how many of 64 bits differ: the signs of the lowest 8 x 8 cosine frequencies."""
    import imagehash

    return _distance(pair.grey, imagehash.phash)


def dhash_distance(pair: Pair) -> float:
    """Return how many of 64 bits differ: each says if brightness rises from a cell to the next."""
    import imagehash

    return _distance(pair.grey, imagehash.dhash)


def whash_distance(pair: Pair) -> float:
    """Return how many of 64 bits differ: the lowest 8 x 8 Haar coefficients over their median."""
    import imagehash

    return _distance(pair.grey, imagehash.whash)


def colorhash_distance(pair: Pair) -> float:
    """Return how many of 42 bits differ: the shares of black, grey, and six hues, faint and bright.

    The only hash here that sees colour; position plays no part.
    """
    import imagehash

    return _distance(pair.rgb, imagehash.colorhash)


def _distance(
    images: tuple[Image.Image, Image.Image], hash_of: Callable[[Image.Image], Any]
) -> float:
    current, accepted = map(hash_of, images)
    return float(current - accepted)


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
    return max(float(a - b) / len(a.segment_hashes), float(b - a) / len(b.segment_hashes))


def _large_enough(image: Image.Image) -> Image.Image:
    size = (max(image.width, SEGMENTED), max(image.height, SEGMENTED))
    return image if size == image.size else image.resize(size, Image.Resampling.NEAREST)
