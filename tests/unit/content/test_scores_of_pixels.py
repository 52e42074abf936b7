"""Sharpness, clipping, skin and faces, on real photographs and on pictures made for them."""

import re
import sys

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageFilter

from goldenseed.content.built_in import (
    clipped_fraction,
    face_confidence,
    face_size,
    faces,
    sharpness,
    skin_fraction,
)
from goldenseed.content.scores import SCORES, Scene, score_image, value_of
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Limit

WITHOUT_MODEL = tuple(score for score in SCORES.values() if not score.needs_model)


def photograph(name: str) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(getattr(skimage.data, name)()[..., :3]))


@pytest.fixture(scope="module")
def astronaut() -> Image.Image:
    return photograph("astronaut")


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (23, 25), (64, 48)], ids=str)
@pytest.mark.parametrize("score", WITHOUT_MODEL, ids=lambda score: score.name)
def test_every_score_is_defined_and_in_its_range_for_every_image(
    score: object, mode: str, size: tuple[int, int]
):
    rng = np.random.default_rng(0)
    channels = len(Image.new(mode, (1, 1)).getbands())
    samples = rng.integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    image = Image.frombytes(mode, size, samples.tobytes())
    assert score.low <= value_of(score, Scene(image)) <= score.high


class TestSharpness:
    def test_is_the_variance_of_opencv_s_laplacian(self, astronaut: Image.Image):
        grey = np.asarray(astronaut.convert("L")).astype(np.float64)
        expected = cv2.Laplacian(grey, cv2.CV_64F).var()
        assert sharpness(Scene(astronaut)) == pytest.approx(expected, rel=1e-12)

    def test_falls_with_blur_and_is_0_for_a_flat_image(self, astronaut: Image.Image):
        blurred = [astronaut.filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 1, 2, 5)]
        values = [sharpness(Scene(each)) for each in blurred]
        assert values == sorted(values, reverse=True)
        assert values[0] > 20 * values[3]
        assert sharpness(Scene(Image.new("RGB", (9, 9), (200, 10, 10)))) == 0


class TestClippedFraction:
    def test_counts_black_and_white_but_no_pure_colour(self):
        image = Image.new("RGB", (4, 1), (255, 0, 0))
        image.putpixel((1, 0), (0, 0, 0))
        image.putpixel((2, 0), (255, 255, 255))
        assert clipped_fraction(Scene(image)) == 0.5

    def test_sees_what_is_transparent_over_white(self):
        assert clipped_fraction(Scene(Image.new("RGBA", (3, 3), (90, 90, 90, 0)))) == 1


class TestSkinFraction:
    @pytest.mark.parametrize(
        "tone", [(255, 219, 172), (224, 172, 105), (198, 134, 66), (141, 85, 36), (92, 51, 23)]
    )
    def test_knows_skin_of_every_tone(self, tone: tuple[int, int, int]):
        assert skin_fraction(Scene(Image.new("RGB", (8, 8), tone))) == 1

    @pytest.mark.parametrize("colour", [(0, 90, 200), (30, 160, 60), (128, 128, 128), (0, 0, 0)])
    def test_knows_what_is_none(self, colour: tuple[int, int, int]):
        assert skin_fraction(Scene(Image.new("RGB", (8, 8), colour))) == 0

    def test_is_the_share_inside_the_paper_s_ranges_of_bt_601(self, astronaut: Image.Image):
        red, green, blue = np.moveaxis(np.asarray(astronaut) / 255, -1, 0)
        cb = 128 - 37.797 * red - 74.203 * green + 112 * blue
        cr = 128 + 112 * red - 93.786 * green - 18.214 * blue
        expected = ((cb >= 77) & (cb <= 127) & (cr >= 133) & (cr <= 173)).mean()
        assert skin_fraction(Scene(astronaut)) == pytest.approx(expected, abs=1e-4)


class TestFaces:
    def test_the_astronaut_s_is_found_where_it_is(self, astronaut: Image.Image):
        [face] = faces(Scene(astronaut))
        assert abs(face.x + face.side / 2 - 223) < 15
        assert abs(face.y + face.side / 2 - 116) < 15
        assert face_confidence(Scene(astronaut)) == face.confidence > 3
        assert face_size(Scene(astronaut)) == pytest.approx(104 / 512, abs=0.02)

    def test_its_size_is_relative_to_the_image(self, astronaut: Image.Image):
        half = astronaut.resize((256, 256), Image.Resampling.BOX)
        whole = face_size(Scene(astronaut))
        assert face_size(Scene(half)) == pytest.approx(whole, abs=0.03)

    @pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket"])
    def test_there_is_none_where_there_is_none(self, name: str):
        assert face_confidence(Scene(photograph(name))) == 0
        assert face_size(Scene(photograph(name))) == 0

    def test_hiding_it_breaks_the_limit(self, astronaut: Image.Image):
        hidden = astronaut.copy()
        hidden.paste((128, 128, 128), (160, 50, 290, 180))
        limits = {"min_face_confidence": Limit(2.5, "suite"), "min_face_size": Limit(0.1, "case")}
        assert score_image(astronaut, None, limits)[1] == ()
        values, broken = score_image(hidden, None, limits)
        assert values == {"face_confidence": 0, "face_size": 0}
        assert [each.score for each in broken] == ["face_confidence", "face_size"]

    def test_without_opencv_names_the_extra(
        self, astronaut: Image.Image, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setitem(sys.modules, "cv2", None)
        with pytest.raises(GoldenseedError, match=re.escape("'pytest-goldenseed[opencv]'")):
            value_of(SCORES["face_confidence"], Scene(astronaut))

    def test_without_opencv_s_contrib_modules_names_the_extra(
        self, astronaut: Image.Image, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.delattr(cv2, "CascadeClassifier")
        with pytest.raises(GoldenseedError, match=re.escape("'pytest-goldenseed[opencv]'")):
            value_of(SCORES["face_size"], Scene(astronaut))
