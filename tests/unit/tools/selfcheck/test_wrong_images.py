"""Wrong images: of the right size, really wrong, and the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from goldenseed.core.pixels import as_array, pixels_sha256
from goldenseed.tools.selfcheck.wrong_images import alterations, altered, rounded_otherwise


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 24)) -> Image.Image:
    """Return a coloured ramp with a bright square."""
    image = Image.merge("RGB", [Image.linear_gradient("L").resize(size)] * 3)
    image = Image.blend(image, Image.new("RGB", size, (200, 40, 90)), 0.5)
    image.paste((250, 250, 10), (20, 4, 30, 12))
    image = image.convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.linear_gradient("L").resize(size))
    return image


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("name", list(alterations()))
def test_a_wrong_image_keeps_size_mode_and_alpha(name: str, mode: str):
    right = picture(mode)
    wrong = altered(right, alterations()[name])
    assert (wrong.size, wrong.mode) == (right.size, mode)
    if mode.endswith("A"):
        assert wrong.getchannel("A").tobytes() == right.getchannel("A").tobytes()
    grey = mode.startswith("L")
    assert (wrong.tobytes() == right.tobytes()) == (grey and name == "hue-turned")
    assert pixels_sha256(altered(right, alterations()[name])) == pixels_sha256(wrong)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2)])
@pytest.mark.parametrize("name", list(alterations()))
def test_even_the_smallest_images_can_be_altered(name: str, size: tuple[int, int]):
    assert altered(picture(size=size), alterations()[name]).size == size


def test_what_leaves_on_the_right_comes_in_on_the_left():
    right = as_array(picture())
    wrong = as_array(altered(picture(), alterations()["shift-4"]))
    assert np.array_equal(wrong, np.roll(right, 4, axis=1))


def test_a_sixteenth_is_replaced():
    ramp = Image.fromarray(np.arange(64 * 32, dtype=np.uint32).view(np.uint8).reshape(32, 64, 4))
    wrong = altered(ramp.convert("RGB"), alterations()["patch-replaced"])
    changed = (as_array(wrong) != as_array(ramp.convert("RGB"))).any(axis=2)
    assert changed.sum() == 16 * 8
    assert changed[12:20, 24:40].all()


def test_contrast_falls_by_a_fifth():
    right, wrong = picture(), altered(picture(), alterations()["contrast-80"])
    assert as_array(wrong).std() == pytest.approx(0.8 * as_array(right).std(), rel=0.1)


def test_rounding_moves_the_stated_share_by_one_level():
    right = picture(size=(100, 50))
    moved = as_array(rounded_otherwise(right, 0.01)).astype(int) - as_array(right)
    assert np.count_nonzero(moved) == 150
    assert set(np.unique(moved)) <= {-1, 0, 1}
