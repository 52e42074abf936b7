"""Against NumPy's own words for the same statistics."""

import math

import numpy as np
import pytest
from PIL import Image

from goldenseed.core.pixels import as_array
from goldenseed.images.pair import Pair
from goldenseed.images.statistics import (
    changed_fraction,
    mean_difference,
    p99_difference,
    peak_difference,
    psnr,
)

Images = tuple[Image.Image, Image.Image]


def differences(images: Images) -> np.ndarray:
    current, accepted = (as_array(image).astype(int) for image in images)
    return np.abs(current - accepted)


def test_peak_is_the_greatest_difference(images: Images):
    assert peak_difference(Pair(*images)) == differences(images).max()


def test_p99_is_the_uninterpolated_percentile(images: Images):
    expected = np.percentile(differences(images), 99, method="inverted_cdf")
    assert p99_difference(Pair(*images)) == expected


def test_mean_is_over_all_samples(images: Images):
    assert mean_difference(Pair(*images)) == pytest.approx(differences(images).mean(), rel=1e-12)


def test_changed_fraction_counts_pixels_and_not_samples(images: Images):
    assert changed_fraction(Pair(*images)) == (differences(images) > 0).any(axis=2).mean()


def test_psnr_is_ten_decades_of_the_squared_error(images: Images):
    squares = np.mean(differences(images) ** 2)
    expected = 10 * np.log10(255**2 / squares) if squares else math.inf
    assert psnr(Pair(*images)) == pytest.approx(expected, rel=1e-12)


def test_p99_leaves_out_at_most_one_sample_in_a_hundred():
    accepted = Image.new("L", (10, 20))
    current = accepted.copy()
    for column in range(2):
        current.putpixel((column, 0), 50)
    assert p99_difference(Pair(current, accepted)) == 0
    current.putpixel((2, 0), 50)
    assert p99_difference(Pair(current, accepted)) == 50


def test_a_change_of_alpha_alone_counts():
    accepted = Image.new("RGBA", (4, 4), (9, 9, 9, 255))
    current = Image.new("RGBA", (4, 4), (9, 9, 9, 254))
    assert changed_fraction(Pair(current, accepted)) == 1
    assert peak_difference(Pair(current, accepted)) == 1


def test_black_against_white_is_the_worst_of_each():
    pair = Pair(Image.new("RGB", (5, 5)), Image.new("RGB", (5, 5), "white"))
    values = [f(pair) for f in (peak_difference, p99_difference, mean_difference, psnr)]
    assert values == [255, 255, 255, 0]
