"""The names of content limits, what they refuse, and scores that other packages offer."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from goldenseed.content.scores import (
    SCORES,
    Score,
    check_limits,
    limit_names,
    parse_limit_name,
)
from goldenseed.content.scoring import score_image
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Limit

FOLDER = Path("models/clip")


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_every_score_s_function_is_there(score: Score):
    module, _, function = score.measure.partition(":")
    assert callable(getattr(import_module(module), function))


def test_every_limit_is_read_back_as_it_is_written():
    assert [parse_limit_name(name).name for name in limit_names()] == list(limit_names())


@pytest.mark.parametrize(
    ("limits", "what", "fix"),
    [
        ({"min_sharpnes": 20}, "no content limit 'min_sharpnes'", "min_sharpness"),
        ({"sharpness": 20}, "no content limit 'sharpness'", "min_sharpness"),
        ({"min_ssim": 0.9}, "no content limit 'min_ssim'", ""),
        ({"max_clipped_fraction": 10}, "is 10, which clipped_fraction never", "from 0 to 1"),
        ({"min_sharpness": -1}, "is -1, which sharpness never reaches", "from 0 upwards"),
        ({"min_clip_score": 0.2}, "needs a model", "model: FOLDER"),
        ({"min_sharpness": (20, FOLDER)}, "has a `model`", "write `min_sharpness: 20`"),
        ({"min_skin_fraction": 0.5, "max_skin_fraction": 0.4}, "no image can keep both", "lower"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_an_error_with_its_line(
    limits: dict[str, object], what: str, fix: str
):
    given = {
        name: Limit(*(value if isinstance(value, tuple) else (value,))[:1], "suite", 7)
        for name, value in limits.items()
    }
    for name, value in limits.items():
        if isinstance(value, tuple):
            given[name] = Limit(value[0], "suite", 7, value[1])
    with pytest.raises(GoldenseedError) as caught:
        check_limits(given)
    assert what in caught.value.what
    assert fix in (caught.value.fix or "")
    assert caught.value.line == 7


def test_good_limits_pass():
    check_limits(
        {
            "min_sharpness": Limit(20, "suite"),
            "max_sharpness": Limit(20, "suite"),
            "max_face_confidence": Limit(0, "case"),
            "min_pick_score": Limit(-3, "case", 1, FOLDER),
        }
    )


def test_a_limit_holds_at_its_value_and_breaks_beyond():
    image = Image.new("L", (10, 10))
    image.paste(128, (0, 0, 10, 5))
    values, broken = score_image(
        image,
        None,
        {"max_clipped_fraction": Limit(0.5, "suite"), "min_clipped_fraction": Limit(0.6, "case")},
    )
    assert values == {"clipped_fraction": 0.5}
    assert [(each.score, each.value, each.limit.source) for each in broken] == [
        ("clipped_fraction", 0.5, "case")
    ]


def test_16_bit_images_are_refused_with_the_fix():
    with pytest.raises(GoldenseedError, match="fix: generate 8-bit images"):
        score_image(Image.new("I;16", (2, 2)), None, {"min_sharpness": Limit(1, "suite")})


def test_names_and_limits_need_neither_numpy_nor_pillow():
    code = """
import sys
from goldenseed.content.scores import check_limits
from goldenseed.suite.cases import Limit
check_limits({"min_sharpness": Limit(20, "suite")})
print({"numpy", "PIL", "torch", "cv2"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


OFFER = """
from goldenseed import Score
def width(scene):
    return scene.image.width
def broken(scene):
    raise KeyError("weights")
def nothing(scene):
    return float("nan")
WIDTH = Score(name="width", low=1, measure="offers:width")
BROKEN = Score(name="broken", measure="offers:broken")
NOTHING = Score(name="nothing", measure="offers:nothing")
"""
ENTRY_POINTS = """
[goldenseed.content]
width = offers:WIDTH
broken = offers:BROKEN
nothing = offers:NOTHING
misnamed = offers:WIDTH
absent = nowhere:AT_ALL
"""
USE = """
import sys
from PIL import Image
from goldenseed.content.scores import check_limits
from goldenseed.content.scoring import score_image
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Limit
limits = {sys.argv[1]: Limit(5, "suite")}
try:
    check_limits(limits)
    values, broken = score_image(Image.new("RGB", (4, 4)), None, limits)
    print(values, len(broken))
except GoldenseedError as error:
    print(error.what)
"""


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("min_width", "{'width': 4.0} 1"),
        ("max_width", "{'width': 4.0} 0"),
        ("min_broken", "the content score 'broken' (offers:broken) failed: KeyError: 'weights'"),
        ("min_nothing", "the content score 'nothing' (offers:nothing) returned nan, which is no"),
        ("min_misnamed", "'misnamed' of offering 1.0 (offers:WIDTH) is no goldenseed.Score called"),
        ("min_absent", "'absent' of offering 1.0 (nowhere:AT_ALL) cannot be loaded: ModuleNotF"),
    ],
)
def test_another_package_s_score_is_one_like_any_other(tmp_path: Path, limit: str, said: str):
    info = tmp_path / "offering-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offering\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "offers.py").write_text(OFFER)
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[3] / "harness")])
    done = subprocess.run(
        [sys.executable, "-c", USE, limit],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert said in done.stdout, done.stderr
