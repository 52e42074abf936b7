"""Perceptual hashes from ``imagehash`` at their default sizes; the distance is in differing bits.

Images with alpha are hashed on black and on white. A hash alone is weak: solid blue and solid white
share a phash (imagehash issue 134).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image

from harness.comparison.pair import Pair


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
