"""Pairs of images of every kind that metrics must hold for."""

import pytest
from comparison_pictures import CHANNELS, KINDS, SIZES, picture
from PIL import Image


@pytest.fixture(
    params=[(kind, mode, size) for kind in KINDS for mode in CHANNELS for size in SIZES],
    ids=lambda case: "-".join(map(str, case)),
)
def images(request: pytest.FixtureRequest) -> tuple[Image.Image, Image.Image]:
    """Two different images of one kind, mode and size."""
    return picture(*request.param, seed=1), picture(*request.param, seed=2)


@pytest.fixture
def scene() -> Image.Image:
    """One picture of 96 x 64 pixels in RGB, with waves, an edge and grain."""
    return picture("natural", "RGB", (96, 64), seed=5)
