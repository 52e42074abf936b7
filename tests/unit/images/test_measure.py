import gc
import math
import subprocess
import sys
import weakref
from importlib import import_module

import pytest
from PIL import Image

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.measure import measure, measured
from goldenseed.images.metrics import METRICS, Metric, look_up
from goldenseed.images.pair import Pair

Images = tuple[Image.Image, Image.Image]

CHEAP = tuple(name for name, metric in METRICS.items() if metric.cost < 200 and not metric.extra)
"""The others, and their dependence on the images' order, are looked at in pages of their own."""


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_metric_s_functions_are_there(metric: Metric):
    for place in filter(None, (metric.measure, metric.map)):
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(module), function))


def test_equal_images_have_every_metric_s_best_value(images: Images):
    measured = measure(images[0], images[0].copy(), METRICS)
    assert measured == {name: metric.best for name, metric in METRICS.items()}


def test_images_are_let_go_without_collecting_garbage(images: Images):
    gc.collect()
    gc.disable()
    try:
        pair = Pair(*images)
        measured(pair, CHEAP)
        kept = weakref.ref(pair)
        del pair
        assert kept() is None
    finally:
        gc.enable()


def test_every_value_is_within_the_metric_s_range(images: Images):
    for name, value in measure(*images, CHEAP).items():
        low, high = sorted((METRICS[name].worst, METRICS[name].best))
        assert low <= value <= high, name


def test_the_order_of_the_two_images_does_not_matter(images: Images):
    current, accepted = images
    assert measure(current, accepted, CHEAP) == pytest.approx(
        measure(accepted, current, CHEAP), rel=1e-12
    )


def test_measuring_leaves_the_images_as_they_were(images: Images):
    before = [image.tobytes() for image in images]
    measure(*images, CHEAP)
    assert [image.tobytes() for image in images] == before


def test_measures_what_is_named_and_the_cheapest_first(scene: Image.Image):
    measured = measure(scene, scene.copy(), ["ssim", "psnr", "ssim", "peak_difference"])
    assert list(measured) == ["peak_difference", "psnr", "ssim"]


def test_values_are_plain_floats(scene: Image.Image):
    assert {type(value) for value in measure(scene, scene.copy(), METRICS).values()} == {float}


def test_psnr_of_equal_images_is_infinite(scene: Image.Image):
    assert measure(scene, scene.copy(), ["psnr"]) == {"psnr": math.inf}


def test_statistics_need_neither_scipy_nor_scikit_image():
    code = """
import sys
from PIL import Image
from goldenseed.images.measure import measure
image = Image.new("RGB", (4, 4))
measure(image, image, ["peak_difference", "p99_difference", "changed_fraction", "psnr"])
print({"numpy", "scipy", "skimage", "imagehash", "numba", "kornia_rs"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_an_unknown_metric_is_named_with_the_nearest():
    image = Image.new("L", (1, 1))
    with pytest.raises(GoldenseedError, match=r"no metric 'p_hash'\n  fix: .*phash_distance"):
        measure(image, image, ["p_hash"])


@pytest.mark.parametrize(
    ("current", "accepted", "what"),
    [
        (Image.new("L", (2, 3)), Image.new("L", (3, 2)), "another size"),
        (Image.new("RGB", (2, 2)), Image.new("RGBA", (2, 2)), "another mode"),
    ],
)
def test_images_of_another_size_or_mode_have_no_distance(
    current: Image.Image, accepted: Image.Image, what: str
):
    with pytest.raises(ValueError, match=what):
        measure(current, accepted, ["psnr"])


def test_16_bit_images_are_refused_with_the_fix():
    image = Image.new("I;16", (2, 2))
    with pytest.raises(GoldenseedError, match="fix: generate 8-bit images"):
        Pair(image, image)


def test_a_metric_s_name_says_which_way_is_better():
    better_up = {name for name in METRICS if look_up(name).higher_is_better}
    assert better_up == {"ssim", "psnr", "ms_ssim", "saliency_ssim", "clip_similarity"}
