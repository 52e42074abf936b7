import imagehash
import pytest
from PIL import Image, ImageDraw

from goldenseed.images import hashes
from goldenseed.images.metrics import METRICS
from goldenseed.images.pair import Pair

NAMES = ("average_hash", "phash", "dhash", "whash", "colorhash")


def distance(name: str, current: Image.Image, accepted: Image.Image) -> float:
    return float(getattr(hashes, f"{name}_distance")(Pair(current, accepted)))


@pytest.mark.parametrize("name", NAMES)
def test_is_imagehash_s_own_distance(name: str, scene: Image.Image):
    accepted = scene.transpose(Image.Transpose.ROTATE_180)
    function = getattr(imagehash, name)
    expected = function(scene) - function(accepted)
    assert distance(name, scene, accepted) == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (8, 8)])
def test_holds_for_every_mode_and_tiny_images(name: str, mode: str, size: tuple[int, int]):
    black, white = Image.new(mode, size), Image.new("L", size, 255).convert(mode)
    assert distance(name, black, black.copy()) == 0
    assert 0 <= distance(name, black, white) <= METRICS[f"{name}_distance"].worst


@pytest.mark.parametrize("name", ["average_hash", "phash", "dhash", "whash"])
def test_stays_within_its_bits_at_the_opposite_picture(name: str, scene: Image.Image):
    opposite = scene.point([255 - level for level in range(256)] * 3)
    assert 32 < distance(name, scene, opposite) <= METRICS[f"{name}_distance"].worst


def test_only_colorhash_sees_a_flat_change_of_colour():
    """The known weakness of perceptual hashes: imagehash issue 134."""
    blue, red = Image.new("RGB", (64, 64), "blue"), Image.new("RGB", (64, 64), "red")
    assert {name: distance(name, blue, red) > 0 for name in NAMES} == {
        "average_hash": False,
        "phash": False,
        "dhash": False,
        "whash": False,
        "colorhash": True,
    }


def test_phash_sees_another_shape():
    circle, square = Image.new("RGB", (64, 64)), Image.new("RGB", (64, 64))
    ImageDraw.Draw(circle).ellipse((8, 8, 40, 40), fill="white")
    ImageDraw.Draw(square).rectangle((30, 20, 62, 60), fill="white")
    assert distance("phash", circle, square) > 10
