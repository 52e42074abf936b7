"""What is said of an image as it was just made, before anything is held against it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from goldenseed.baselines.store import BaselineStore
from goldenseed.runs.made import Made
from goldenseed.runs.stored import Pictures


def remarks(image: Image.Image, folder: Path, *more: str) -> object:
    pictures = Pictures(folder, BaselineStore(folder / "baselines"))
    return Made(image, "cpu", remarks=more).kept(folder, pictures)["remarks"]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (64, 64)])
def test_an_image_of_one_colour_is_said_to_be_flat(
    tmp_path: Path, mode: str, size: tuple[int, int]
):
    flat = Image.new(mode, size, "gray")
    assert remarks(flat, tmp_path, "odd") == (
        "odd",
        f"the image is flat: every pixel is {flat.getpixel((0, 0))}",
    )


@pytest.mark.parametrize("place", [(0, 0), (17, 3), (63, 63)])
def test_an_image_with_one_other_pixel_is_not_flat(tmp_path: Path, place: tuple[int, int]):
    image = Image.new("RGB", (64, 64), "gray")
    image.putpixel(place, (128, 128, 129))
    assert remarks(image, tmp_path) == ()
