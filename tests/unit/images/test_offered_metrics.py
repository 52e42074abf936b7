"""Metrics of other packages: a real distribution's metadata on the path, in a fresh process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from other_package import other_package

LIGHT = """
from goldenseed import Metric

def metric(name, measure, **options):
    return Metric(**{
        "name": name, "worst": 1, "best": 0, "cost": 5, "measure": f"far_off:{measure}", **options
    })

RED = metric("red_distance", "red", map="far_off:red_map")
NAN = metric("nan_distance", "nan")
TEXT = metric("text_distance", "text")
RAISES = metric("raising_distance", "raises")
GONE = metric("gone_distance", "gone")
MISNAMED = metric("another_distance", "red")
AIMLESS = metric("aimless_distance", "red", worst=0)
PERCENT = metric("percent_distance", "percent")
LEAVING = metric("leaving_distance", "leaves")
NO_METRIC = 1
"""
HEAVY = """
import numpy as np
from PIL import ImageStat

def red(pair):
    assert pair.current.mode == "RGB"
    first, second = (ImageStat.Stat(image).mean[0] for image in (pair.current, pair.accepted))
    return np.float32(abs(first - second) / 255)

def red_map(pair):
    return np.abs(np.subtract(*(array[..., 0] / 255 for array in pair.arrays)))

def nan(pair):
    return float("nan")

def text(pair):
    return "0.5"

def raises(pair):
    raise KeyError("weights")

def percent(pair):
    return 37.5

def leaves(pair):
    raise SystemExit(3)
"""
OFFERED = {
    "red_distance": "offers:RED",
    "nan_distance": "offers:NAN",
    "text_distance": "offers:TEXT",
    "raising_distance": "offers:RAISES",
    "gone_distance": "offers:GONE",
    "misnamed_distance": "offers:MISNAMED",
    "aimless_distance": "offers:AIMLESS",
    "number_distance": "offers:NO_METRIC",
    "broken_distance": "nowhere:AT_ALL",
    "ssim": "offers:RED",
    "percent_distance": "offers:PERCENT",
    "leaving_distance": "offers:LEAVING",
    "twice_distance": "offers:RED",
}
HEAD = """
import sys
from PIL import Image
from goldenseed import GoldenseedError, measure, metric_map
from goldenseed.images.gates import parse_gate, parse_limit
from goldenseed.images.metrics import OFFERS, look_up
from goldenseed.images.weights import check_available
a, b = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")
clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
"""


@pytest.fixture
def packages(tmp_path: Path) -> list[Path]:
    modules = {"offers": LIGHT, "far_off": HEAVY}
    return [
        other_package(tmp_path / "offering", "goldenseed.metrics", OFFERED, modules),
        other_package(tmp_path / "another", "goldenseed.metrics", {"twice_distance": "offers:NAN"}),
    ]


def run(folders: list[Path], code: str) -> str:
    paths = os.pathsep.join(map(str, [*folders, Path(__file__).parents[3] / "harness"]))
    done = subprocess.run(
        [sys.executable, "-c", HEAD + code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_is_measured_gated_and_mapped_like_a_built_in_one(packages: list[Path]):
    code = """
print(measure(a, b, ["red_distance", "peak_difference"]))
print(parse_limit(parse_gate("max_red_distance"), 0.5), metric_map(a, b, "red_distance").min())
"""
    assert run(packages, code) == ("{'peak_difference': 255.0, 'red_distance': 1.0}\n0.5 1.0")


def test_that_does_not_know_alpha_sees_the_images_on_black_and_on_white(packages: list[Path]):
    code = 'print(measure(clear, Image.new("RGBA", (4, 4), (255, 0, 0, 255)), ["red_distance"]))'
    assert run(packages, code) == "{'red_distance': 1.0}"


def test_is_not_imported_for_a_gate_nor_for_equal_images(packages: list[Path]):
    code = """
parse_gate("min_ssim"), parse_limit(parse_gate("min_ssim"), 0.9)
print("offers" in sys.modules)
parse_limit(parse_gate("max_nan_distance"), 0.5)
print(measure(a, a.copy(), ["nan_distance"]))
print("offers" in sys.modules, "far_off" in sys.modules)
"""
    assert run(packages, code) == "False\n{'nan_distance': 0.0}\nTrue False"


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("measure(a, b, ['nan_distance'])", "'nan_distance' (far_off:nan) returned nan, which is"),
        ("measure(a, b, ['text_distance'])", "(far_off:text) returned '0.5', which is no number"),
        ("measure(a, b, ['raising_distance'])", "(far_off:raises) failed: KeyError: 'weights'"),
        ("measure(a, b, ['percent_distance'])", "returned 37.5, which is not from 0 to 1, as it"),
        ("measure(a, b, ['leaving_distance'])", "(far_off:leaves) failed: SystemExit: 3"),
        ("check_available(look_up('gone_distance'))", "(far_off:gone) cannot be imported: module"),
        (
            "parse_gate('max_twice_distance')",
            "called 'twice_distance': offering 1.0 (offers:RED) and another 1.0 (offers:NAN)",
        ),
        ("measure(a, b, ['gone_distance'])", "(far_off:gone) cannot be imported: module 'far_off'"),
        ("measure(a, b, ['misnamed_distance'])", "calls itself 'another_distance'"),
        ("measure(a, b, ['aimless_distance'])", "has no direction: best is 0, worst is 0"),
        ("parse_gate('max_number_distance')", "is a int, not a goldenseed.Metric"),
        (
            "parse_gate('max_broken_distance')",
            "'broken_distance' of offering 1.0 (nowhere:AT_ALL) cannot be loaded: ModuleNotFound",
        ),
        ("parse_gate('min_red_distance')", "would fail the images that are most alike"),
        ("parse_limit(parse_gate('max_red_distance'), 2)", "which red_distance never reaches"),
    ],
)
def test_whatever_is_wrong_with_it_is_said_by_name(packages: list[Path], action: str, message: str):
    code = f"""
try:
    {action}
except GoldenseedError as error:
    print(error)
"""
    assert message in run(packages, code)


def test_never_takes_the_place_of_a_built_in_one(packages: list[Path]):
    assert run(packages, 'print(measure(a, b, ["ssim"])["ssim"] > 0)') == "True"


def test_that_has_the_name_of_a_built_in_one_is_named(packages: list[Path]):
    said = run(packages, 'print(*OFFERS.passed_over(["ssim", "psnr", "red_distance", "ssim"]))')
    assert said.startswith("the metric 'ssim' of offering 1.0 (offers:RED) is not used: goldenseed")
    assert said.count("the metric") == 1
