"""Each step makes what its library makes; own functions; steps that do not repeat themselves."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from goldenseed.core.errors import GoldenseedError
from goldenseed.postprocess.running import Steps, check_libraries, described
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite

Make = Callable[..., Image.Image]
CaseOf = Callable[..., Case]
KERNEL = "kernel: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]"
MINE = """
import numpy as np
calls = []

def inverted(image, times=1):
    image[:] = 255 - image
    return image

def random(image):
    return np.random.default_rng().integers(0, 256, image.shape, dtype=np.uint8)

def counting(image):
    calls.append(image.shape)
    return image

def floats(image):
    return image / 255

def fails(image):
    raise KeyError("amount")
"""


@pytest.fixture
def case_of(tmp_path: Path) -> Iterator[CaseOf]:
    (tmp_path / "toy").mkdir()
    (tmp_path / "own_steps_of_tests.py").write_text(MINE)

    def case_of(*steps: str) -> Case:
        path = tmp_path / "toy.suite.yaml"
        listed = "".join(f"  - {step}\n" for step in steps)
        cases = "cases: [{id: a, prompt: x, seeds: [3]}]\n"
        path.write_text(f"suite: toy\nmodel: {{source: toy}}\npostprocess:\n{listed}{cases}")
        return load_suite(path).cases[0]

    yield case_of
    sys.modules.pop("own_steps_of_tests", None)


@pytest.fixture
def made(case_of: CaseOf) -> Make:
    def made(image: Image.Image, *steps: str) -> Image.Image:
        return list(Steps(lambda _: "cpu").run(case_of(*steps), image))[-1][1]

    return made


@pytest.fixture
def picture() -> Image.Image:
    levels = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    return Image.fromarray(levels).filter(ImageFilter.GaussianBlur(1))


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.mode == other.mode and one.size == other.size and one.tobytes() == other.tobytes()


def jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80, subsampling=2)
    return Image.open(buffer)


KNOWN: dict[str, Callable[[Image.Image], Image.Image]] = {
    "{step: resize, width: 9, height: 7, filter: lanczos}": lambda image: image.resize(
        (9, 7), Image.Resampling.LANCZOS
    ),
    "{step: resize, width: 9, height: 7, filter: area, library: opencv}": (
        lambda image: Image.fromarray(
            cv2.resize(np.asarray(image), (9, 7), interpolation=cv2.INTER_AREA)
        )
    ),
    "{step: crop, left: 2, top: 3, width: 8, height: 9}": lambda image: image.crop((2, 3, 10, 12)),
    "{step: sharpen, radius: 2, percent: 150, threshold: 3}": lambda image: image.filter(
        ImageFilter.UnsharpMask(2, 150, 3)
    ),
    f"{{step: sharpen, {KERNEL}}}": lambda image: image.filter(
        ImageFilter.Kernel((3, 3), (0, -1, 0, -1, 5, -1, 0, -1, 0), scale=1)
    ),
    f"{{step: sharpen, library: opencv, {KERNEL}}}": lambda image: Image.fromarray(
        cv2.filter2D(np.asarray(image), -1, np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], float))
    ),
    "{step: sharpen, library: opencv, radius: 2, percent: 50}": lambda image: Image.fromarray(
        cv2.addWeighted(
            np.asarray(image), 1.5, cv2.GaussianBlur(np.asarray(image), (0, 0), 2), -0.5, 0
        )
    ),
    "{step: colour, brightness: 1.1, contrast: 0.9, saturation: 1.5}": lambda image: (
        ImageEnhance.Color(
            ImageEnhance.Contrast(ImageEnhance.Brightness(image).enhance(1.1)).enhance(0.9)
        ).enhance(1.5)
    ),
    "{step: encode, format: jpeg, quality: 80, subsampling: '4:2:0'}": jpeg,
    "{step: encode, format: webp, lossless: true}": lambda image: image,
    "{step: 'own_steps_of_tests:inverted'}": lambda image: image.point(lambda level: 255 - level),
}


@pytest.mark.parametrize("step", KNOWN)
def test_a_step_makes_what_its_library_makes(made: Make, picture: Image.Image, step: str):
    assert same(made(picture, step), KNOWN[step](picture))


@pytest.mark.parametrize("mode", ["L", "RGBA"])
@pytest.mark.parametrize(
    "step",
    [
        f"{{step: sharpen, {KERNEL}}}",
        f"{{step: sharpen, library: opencv, {KERNEL}}}",
        "{step: vignette, strength: 1}",
        "{step: colour, gamma: 2}",
        "{step: watermark, text: ab, size: 8, colour: '#ff0000', place: centre, opacity: 0.5}",
        "{step: encode, format: webp, quality: 80}",
    ],
)
def test_mode_and_transparency_stay(made: Make, picture: Image.Image, step: str, mode: str):
    given = picture.convert(mode)
    if mode == "RGBA":
        given.putalpha(picture.getchannel("R"))
    found = made(given, step)
    assert (found.mode, found.size) == (given.mode, given.size)
    assert not same(found, given)
    if mode == "RGBA" and "watermark" not in step:
        assert found.getchannel("A").tobytes() == given.getchannel("A").tobytes()


def test_a_vignette_is_what_its_formula_says(made: Make):
    white = Image.new("L", (5, 3), 255)
    found = np.asarray(made(white, "{step: vignette, strength: 0.8, radius: 0.5}"))
    x, y = np.meshgrid((np.arange(5) - 2) / 2.5, (np.arange(3) - 1) / 1.5)
    squared = (x**2 + y**2) / 2
    share = 1 - 0.8 * np.maximum(squared - 0.25, 0) / 0.75
    assert np.array_equal(found, np.rint(255 * share))
    assert found[1, 2] == 255


def test_a_table_of_colours_is_looked_up(made: Make, tmp_path: Path, picture: Image.Image):
    corners = [(r, g, b) for b in (0, 1) for g in (0, 1) for r in (0, 1)]
    rows = "".join(f"{b} {g} {r}\n" for r, g, b in corners)
    (tmp_path / "swap.cube").write_text(f"# red and blue\nLUT_3D_SIZE 2\n{rows}")
    red, green, blue = picture.split()
    swapped = Image.merge("RGB", (blue, green, red))
    found = made(picture, "{step: colour, table: swap.cube}")
    assert np.abs(np.asarray(found, int) - np.asarray(swapped, int)).max() <= 1


def test_a_picture_is_laid_into_its_corner(made: Make, tmp_path: Path):
    Image.new("RGBA", (3, 2), (255, 0, 0, 128)).save(tmp_path / "logo.png")
    step = "{step: watermark, picture: logo.png, place: bottom-left, margin: 1, opacity: 1}"
    found = np.asarray(made(Image.new("RGB", (8, 8)), step))
    marked = np.argwhere(found[..., 0] > 0)
    assert (marked.min(0).tolist(), marked.max(0).tolist()) == ([5, 1], [6, 3])
    assert found[..., 0].max() == 128


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{step: crop, left: 30, top: 0, width: 8, height: 8}", "`crop`: the rectangle reaches 38"),
        (
            "{step: watermark, text: long, size: 99, colour: '#000000', place: centre, opacity: 1}",
            "use a smaller watermark",
        ),
        ("{step: 'own_steps_of_tests:nothing'}", "has no function nothing"),
        ("{step: 'own_steps_of_tests:floats'}", "it returned float64 values of shape (24, 32, 3)"),
        ("{step: 'own_steps_of_tests:fails'}", "it raised KeyError: 'amount'"),
        ("{step: 'own_steps_of_tests:inverted', arguments: {k: 1}}", "does not take its `argum"),
    ],
)
def test_a_step_that_cannot_be_done_is_named_with_its_line(
    made: Make, picture: Image.Image, step: str, said: str
):
    with pytest.raises(GoldenseedError) as caught:
        made(picture, "{step: vignette, strength: 0.1}", step)
    assert said in str(caught.value)
    assert caught.value.line == 5
    assert caught.value.what.startswith("the post-processing step `")


def test_what_a_library_raises_over_a_picture_is_said_of_the_step(made: Make):
    with pytest.raises(
        GoldenseedError, match="`encode`: pillow raised ValueError: encoding error"
    ) as found:
        made(Image.new("L", (1, 16384)), "{step: encode, format: webp, quality: 5}")
    assert found.value.line == 4


def test_a_function_that_does_not_say_what_it_takes_is_called(made: Make, picture: Image.Image):
    assert same(made(picture, "{step: 'numpy:array'}"), picture)


def test_a_step_that_makes_two_pictures_of_one_is_named(made: Make, picture: Image.Image):
    with pytest.raises(GoldenseedError, match=r"`own_steps_of_tests:random`: it is not determ"):
        made(picture, "{step: 'own_steps_of_tests:random'}")


def test_only_the_first_picture_of_a_step_is_made_twice(case_of: CaseOf, picture: Image.Image):
    steps, case = Steps(lambda _: "cpu"), case_of("{step: 'own_steps_of_tests:counting'}")
    for _ in range(3):
        list(steps.run(case, picture))
    assert len(sys.modules["own_steps_of_tests"].calls) == 4


def test_what_computes_the_steps_is_described(case_of: CaseOf):
    case = case_of(
        f"{{step: sharpen, library: opencv, {KERNEL}}}",
        "{step: encode, format: jpeg, quality: 80, subsampling: '4:2:0'}",
    )
    found = described(case.postprocess)
    assert found.keys() == {
        "postprocess.opencv",
        "postprocess.pillow",
        "postprocess.libjpeg_turbo",
    }
    assert found["postprocess.opencv"] == cv2.__version__


def test_a_suite_that_needs_opencv_is_refused_where_it_is_not(
    case_of: CaseOf, monkeypatch: pytest.MonkeyPatch
):
    suite = case_of(f"{{step: sharpen, library: opencv, {KERNEL}}}").suite
    check_libraries(suite)
    monkeypatch.delitem(sys.modules, "cv2")
    monkeypatch.setattr("goldenseed.postprocess.running.find_spec", lambda name: None)
    with pytest.raises(GoldenseedError, match=r"yaml:4: `sharpen` is computed by OpenCV, which"):
        check_libraries(suite)
