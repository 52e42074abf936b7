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
    parse_limit_name,
    score_image,
)
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Limit
from other_package import other_package

FOLDER = Path("models/clip")


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_every_score_s_function_is_there(score: Score):
    module, _, function = score.measure.partition(":")
    assert callable(getattr(import_module(module), function))


def test_every_limit_is_read_back_as_it_is_written():
    names = [f"{way}_{score}" for score in SCORES for way in ("min", "max")]
    assert [parse_limit_name(name).name for name in names] == names


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
def vast(scene):
    return 7
def leaving(scene):
    raise SystemExit(3)
NUMBER = 1
FLAT = Score(name="flat", low=1, high=1, measure="offers:width")
VAST = Score(name="vast", low=0, high=1, measure="offers:vast")
LEAVING = Score(name="leaving", measure="offers:leaving")
GONE = Score(name="gone", measure="offers:gone")
WIDTH = Score(name="width", low=1, measure="offers:width")
BROKEN = Score(name="broken", measure="offers:broken")
NOTHING = Score(name="nothing", measure="offers:nothing")
"""
OFFERED = {
    "width": "offers:WIDTH",
    "broken": "offers:BROKEN",
    "nothing": "offers:NOTHING",
    "misnamed": "offers:WIDTH",
    "number": "offers:NUMBER",
    "flat": "offers:FLAT",
    "vast": "offers:VAST",
    "leaving": "offers:LEAVING",
    "gone": "offers:GONE",
    "twice": "offers:WIDTH",
    "absent": "nowhere:AT_ALL",
}
USE = """
import sys
from PIL import Image
from goldenseed.content.scores import check_limits
from goldenseed.content.scores import score_image
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Limit
limits = {sys.argv[1]: Limit(1, "suite")}
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
        ("min_width", "{'width': 4.0} 0"),
        ("max_width", "{'width': 4.0} 1"),
        ("min_broken", "the content score 'broken' (offers:broken) failed: KeyError: 'weights'"),
        ("min_nothing", "the content score 'nothing' (offers:nothing) returned nan, which is no"),
        ("min_misnamed", "'misnamed' of offering 1.0 (offers:WIDTH) calls itself 'width'"),
        ("min_number", "'number' of offering 1.0 (offers:NUMBER) is a int, not a goldenseed.Score"),
        ("min_flat", "'flat' of offering 1.0 (offers:FLAT) has no range: low is 1, high is 1"),
        ("min_vast", "(offers:vast) returned 7, which is not from 0 to 1, as it says of itself"),
        ("min_leaving", "the content score 'leaving' (offers:leaving) failed: SystemExit: 3"),
        ("min_gone", "the content score 'gone' (offers:gone) cannot be imported: module 'offers'"),
        ("min_twice", "called 'twice': offering 1.0 (offers:WIDTH) and another 1.0 (offers:BROK"),
        ("min_absent", "'absent' of offering 1.0 (nowhere:AT_ALL) cannot be loaded: ModuleNotF"),
    ],
)
def test_another_package_s_score_is_one_like_any_other(tmp_path: Path, limit: str, said: str):
    first = other_package(tmp_path / "offering", "goldenseed.content", OFFERED, {"offers": OFFER})
    second = other_package(tmp_path / "another", "goldenseed.content", {"twice": "offers:BROKEN"})
    harness = Path(__file__).parents[3] / "harness"
    paths = os.pathsep.join(map(str, (first, second, harness)))
    done = subprocess.run(
        [sys.executable, "-c", USE, limit],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert said in done.stdout, done.stderr
