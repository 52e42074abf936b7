import pytest
from PIL import Image

from goldenseed.images.measure import difference_image

Images = tuple[Image.Image, Image.Image]


def test_is_an_rgb_picture_of_the_same_size(images: Images):
    shown = difference_image(*images)
    assert (shown.mode, shown.size) == ("RGB", images[0].size)


def test_is_black_exactly_where_the_images_agree(images: Images):
    current, accepted = images
    shown = difference_image(current, accepted)
    for x in range(current.width):
        for y in range(current.height):
            same = current.getpixel((x, y)) == accepted.getpixel((x, y))
            assert (shown.getpixel((x, y)) == (0, 0, 0)) == same


@pytest.mark.parametrize(("level", "shown"), [(0, 0), (1, 48), (2, 56), (26, 248), (27, 255)])
def test_shows_one_level_clearly_and_more_as_brighter(level: int, shown: int):
    accepted = Image.new("RGB", (1, 1), (100, 100, 100))
    current = Image.new("RGB", (1, 1), (100, 100 - level, 100))
    assert difference_image(current, accepted).getpixel((0, 0)) == (0, shown, 0)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_shows_a_change_of_alpha_in_grey(mode: str):
    accepted = Image.new(mode, (1, 1))
    current = accepted.copy()
    current.putalpha(1)
    assert difference_image(current, accepted).getpixel((0, 0)) == (48, 48, 48)


def test_another_size_is_refused():
    with pytest.raises(ValueError, match="another size"):
        difference_image(Image.new("L", (1, 1)), Image.new("L", (1, 2)))
