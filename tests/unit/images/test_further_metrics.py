"""MS-SSIM, FLIP, crop-resistant hash, colour moments and saliency-weighted SSIM."""

import re
from collections.abc import Callable

import imagehash
import numpy as np
import pytest
import torch
from comparison_pictures import CHANNELS, picture
from flip_evaluator import evaluate
from PIL import Image, ImageFilter
from pytorch_msssim import ms_ssim as reference_ms_ssim
from skimage.color import rgb2lab

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.measure import measure, metric_map
from goldenseed.images.metrics import METRICS
from goldenseed.images.pair import Pair
from goldenseed.images.perceived import saliency, weighted_ssim
from goldenseed.images.ssim import ms_ssim, ssim, ssim_map
from goldenseed.images.statistics import colour_moments_distance

FURTHER = (
    "ms_ssim",
    "flip",
    "crop_resistant_distance",
    "colour_moments_distance",
    "saliency_ssim",
)
SYMMETRIC = tuple(name for name in FURTHER if name != "saliency_ssim")
SIZES = ((1, 1), (1, 17), (17, 1), (48, 33))


def noisy(image: Image.Image, strength: float) -> Image.Image:
    rng = np.random.default_rng(3)
    samples = np.asarray(image) + rng.normal(0, strength, np.shape(image))
    return Image.fromarray(samples.round().clip(0, 255).astype(np.uint8))


def blurred(image: Image.Image, radius: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(radius))


@pytest.fixture(scope="module")
def large() -> Image.Image:
    return picture("natural", "RGB", (220, 180), seed=5)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("mode", ["L", "RGBA"])
@pytest.mark.parametrize("kind", ["random", "natural", "flat"])
def test_defined_in_range_and_symmetric_for_every_kind_of_image(
    kind: str, mode: str, size: tuple[int, int]
):
    one, two = (picture(kind, mode, size, seed) for seed in (1, 2))
    values = measure(one, two, FURTHER)
    for name, value in values.items():
        low, high = sorted((METRICS[name].worst, METRICS[name].best))
        assert low <= value <= high, name
    swapped = measure(two, one, SYMMETRIC)
    assert swapped == pytest.approx({name: values[name] for name in SYMMETRIC}, abs=1e-6)


@pytest.mark.parametrize("name", FURTHER)
@pytest.mark.parametrize("mode", CHANNELS)
def test_the_functions_themselves_give_equal_images_the_best_value(name: str, mode: str):
    """``measure`` asks no function about equal images; a changed pixel under a mask comes close."""
    module, _, function = METRICS[name].measure.partition(":")
    metric: Callable[[Pair], float] = getattr(__import__(module, fromlist=["_"]), function)
    image = picture("natural", mode, (40, 30), seed=1)
    assert metric(Pair(image, image.copy())) == pytest.approx(METRICS[name].best, abs=1e-12)


@pytest.mark.parametrize("name", ["ms_ssim", "flip", "colour_moments_distance", "saliency_ssim"])
@pytest.mark.parametrize(
    ("change", "strengths"), [(noisy, (2, 8, 32, 90)), (blurred, (0.6, 1.5, 4, 10))]
)
def test_moves_one_way_as_a_change_grows(
    name: str,
    change: Callable[[Image.Image, float], Image.Image],
    strengths: tuple[float, ...],
    large: Image.Image,
):
    values = [measure(change(large, each), large, [name])[name] for each in strengths]
    assert values == sorted(values, reverse=METRICS[name].higher_is_better)
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("name", ["flip", "colour_moments_distance", "crop_resistant_distance"])
def test_a_change_of_alpha_alone_is_seen(name: str):
    scene = picture("natural", "RGBA", (64, 48), seed=1)
    solid = scene.copy()
    solid.putalpha(255)
    half = scene.copy()
    half.putalpha(Image.linear_gradient("L").resize(scene.size))
    assert measure(half, solid, [name])[name] > 0


def test_what_is_wholly_transparent_is_not_seen_by_flip():
    red, blue = (Image.new("RGBA", (9, 9), (*colour, 0)) for colour in ((255, 0, 0), (0, 0, 255)))
    assert measure(red, blue, ["flip", "peak_difference"]) == {"peak_difference": 255, "flip": 0}


class TestMsSsim:
    @pytest.mark.parametrize("kind", ["random", "natural", "one-level"])
    @pytest.mark.parametrize("mode", ["L", "RGB"])
    def test_is_pytorch_msssim_s_for_an_even_size(self, kind: str, mode: str):
        first = picture(kind, mode, (256, 192), 1)
        images = first, noisy(first, 12)
        tensors = [
            torch.tensor(pixels, dtype=torch.float64).permute(2, 0, 1)[None]
            for pixels in Pair(*images).arrays
        ]
        along = torch.exp(-(torch.arange(-5, 6, dtype=torch.float64) ** 2) / (2 * 1.5**2))
        window = (along / along.sum()).repeat(len(tensors[0][0]), 1, 1, 1)  # its own is float32
        expected = float(reference_ms_ssim(*tensors, data_range=255, win=window))
        assert ms_ssim(Pair(*images)) == pytest.approx(
            expected, abs=1e-8
        )  # its weights are float32

    @pytest.mark.parametrize(
        ("side", "scales"), [(161, 5), (160, 4), (81, 4), (80, 3), (41, 3), (40, 2), (21, 2)]
    )
    def test_has_as_many_scales_as_leave_the_window_room(self, side: int, scales: int):
        one = picture("natural", "L", (side, side + 9), 1)
        two = noisy(one, 20)
        weights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:scales]
        product, a, b = 1.0, *(pixels[..., 0].astype(float) for pixels in Pair(one, two).arrays)
        for scale, weight in enumerate(weights):
            product *= contrast_structure(a, b, scale == scales - 1) ** (
                weight * 1.0001 / sum(weights)
            )
            a, b = halved(a), halved(b)
        assert ms_ssim(Pair(one, two)) == pytest.approx(product, abs=1e-12)

    def test_of_an_image_with_room_for_one_scale_is_ssim(self):
        images = [picture("natural", "RGB", (19, 20), seed) for seed in (1, 2)]
        assert ms_ssim(Pair(*images)) == max(0, ssim(Pair(*images)))

    def test_counts_only_what_the_mask_counts(self, large: Image.Image):
        mask = Image.new("L", large.size, 255)
        mask.paste(0, (0, 0, 110, 180))
        half_noisy = large.copy()
        half_noisy.paste(noisy(large, 30).crop((110, 0, 220, 180)), (110, 0))
        everywhere = measure(half_noisy, large, ["ms_ssim"])["ms_ssim"]
        assert measure(half_noisy, large, ["ms_ssim"], mask=mask)["ms_ssim"] < everywhere - 0.05


def contrast_structure(a: np.ndarray, b: np.ndarray, with_luminance: bool) -> float:
    """Wang's formula with the window's weights written out, position by position."""
    along = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(along, along) / along.sum() ** 2
    values = []
    views = (np.lib.stride_tricks.sliding_window_view(each, (11, 11)) for each in (a, b))
    for x, y in zip(*(view.reshape(-1, 11, 11) for view in views), strict=True):
        mean_x, mean_y = (window * x).sum(), (window * y).sum()
        variances = (window * (x - mean_x) ** 2).sum() + (window * (y - mean_y) ** 2).sum()
        covariance = (window * (x - mean_x) * (y - mean_y)).sum()
        value = (2 * covariance + 58.5225) / (variances + 58.5225)
        if with_luminance:
            value *= (2 * mean_x * mean_y + 6.5025) / (mean_x**2 + mean_y**2 + 6.5025)
        values.append(value)
    return float(np.mean(values))


def halved(plane: np.ndarray) -> np.ndarray:
    rows = np.vstack([plane, plane[-1:]])[: plane.shape[0] + plane.shape[0] % 2]
    even = np.hstack([rows, rows[:, -1:]])[:, : rows.shape[1] + rows.shape[1] % 2]
    return even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).mean(axis=(1, 3))


class TestFlip:
    def test_is_flip_evaluator_s_of_the_accepted_and_the_current_image(self, large: Image.Image):
        other = noisy(large, 20)
        unit = [np.asarray(image, dtype=np.float32) / 255 for image in (large, other)]
        _, expected, used = evaluate(*unit, "LDR", applyMagma=False)
        assert measure(other, large, ["flip"])["flip"] == expected
        assert used["ppd"] == pytest.approx(67, abs=0.1)

    def test_s_map_has_the_metric_as_its_mean(self, large: Image.Image):
        other = noisy(large, 20)
        map_ = metric_map(other, large, "flip")
        assert map_ is not None
        assert map_.shape == (180, 220)
        assert map_.mean() == pytest.approx(measure(other, large, ["flip"])["flip"], abs=1e-6)

    def test_an_evaluator_that_exits_becomes_an_error(
        self, monkeypatch: pytest.MonkeyPatch, large: Image.Image
    ):
        """An unknown range is one of the things over which flip-evaluator calls ``sys.exit``."""

        def hopeless(reference: object, test: object, _range: str, **options: object) -> object:
            return evaluate(reference, test, "neither", **options)

        monkeypatch.setattr("flip_evaluator.evaluate", hopeless)
        with pytest.raises(GoldenseedError, match="gave up with exit status 1"):
            measure(noisy(large, 5), large, ["flip"])


class TestCropResistantHash:
    def test_is_imagehash_s_distance_over_the_segments_the_greater_of_both_orders(self):
        one, two = (picture("natural", "RGB", (320, 310), seed) for seed in (1, 2))
        a, b = (imagehash.crop_resistant_hash(each) for each in (one, two))
        expected = max((a - b) / len(a.segment_hashes), (b - a) / len(b.segment_hashes))
        assert measure(one, two, ["crop_resistant_distance"]) == {
            "crop_resistant_distance": pytest.approx(expected, abs=1e-12)
        }

    def test_sees_a_mirrored_picture_but_not_one_level(self, large: Image.Image):
        brighter = large.point(lambda level: min(255, level + 1))
        mirrored = large.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        name = "crop_resistant_distance"
        assert measure(brighter, large, [name])[name] < 0.05
        assert measure(mirrored, large, [name])[name] > 0.5


class TestColourMoments:
    def test_of_flat_images_is_the_sum_of_the_differences_in_lab(self):
        colours = (200, 30, 60), (90, 140, 10)
        images = [Image.new("RGB", (5, 4), colour) for colour in colours]
        labs = [rgb2lab(np.array([[colour]], dtype=np.uint8)) for colour in colours]
        expected = np.abs(labs[0] - labs[1]).sum()
        assert colour_moments_distance(Pair(*images)) == pytest.approx(expected, abs=1e-3)

    def test_has_spread_and_skewness_as_well_as_the_mean(self):
        """Three greys of one mean lightness in other shares: L* 0, 50 and 100 by their sRGB."""
        black, middle, white = 0, 119, 255
        even = Image.frombytes("L", (4, 1), bytes([black, white, black, white]))
        flat = Image.frombytes("L", (4, 1), bytes([middle] * 4))
        # standard deviation 50 against 0, third moments and means alike (119 is L* 50.03)
        assert colour_moments_distance(Pair(even, flat)) == pytest.approx(50, abs=0.5)
        skewed = Image.frombytes("L", (4, 1), bytes([black, black, black, white]))
        means, spreads = 25, abs(25 * 3**0.5 - 50)
        third = (0.75 * (-25) ** 3 + 0.25 * 75**3) ** (1 / 3)
        assert colour_moments_distance(Pair(skewed, even)) == pytest.approx(
            means + spreads + third, abs=0.5
        )

    def test_does_not_see_where_the_colours_are(self, large: Image.Image):
        turned = large.transpose(Image.Transpose.ROTATE_180)
        assert colour_moments_distance(Pair(turned, large)) == pytest.approx(0, abs=1e-9)


class TestSaliencySsim:
    def object_on_grey(self) -> Image.Image:
        scene = Image.new("RGB", (128, 96), (120, 120, 120))
        rng = np.random.default_rng(0)
        thing = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        scene.paste(Image.fromarray(thing), (20, 30))
        return scene

    def spoilt(self, scene: Image.Image, corner: tuple[int, int]) -> Image.Image:
        other = scene.copy()
        box = (*corner, corner[0] + 32, corner[1] + 32)
        other.paste(noisy(scene.crop(box), 25), box)
        return other

    def test_a_change_where_people_look_counts_more(self):
        scene = self.object_on_grey()
        on_the_object, beside_it = (self.spoilt(scene, at) for at in ((20, 30), (90, 30)))
        plain = [measure(each, scene, ["ssim"])["ssim"] for each in (on_the_object, beside_it)]
        weighed = [
            measure(each, scene, ["saliency_ssim"])["saliency_ssim"]
            for each in (on_the_object, beside_it)
        ]
        assert plain[0] > plain[1]
        assert weighed[0] < weighed[1]

    def test_in_a_flat_image_is_the_mean_of_the_map(self):
        flat = Image.new("RGB", (30, 30), (90, 90, 90))
        other = noisy(flat, 5)
        assert not saliency(flat).any()
        expected = float(ssim_map(Pair(other, flat)).mean())
        assert measure(other, flat, ["saliency_ssim"]) == {
            "saliency_ssim": pytest.approx(expected, abs=1e-12)
        }

    def test_takes_a_map_of_one_s_own(self):
        scene = self.object_on_grey()
        other = self.spoilt(scene, (20, 30))
        weights = np.zeros((96, 128))
        weights[60:90, 70:100] = 1
        assert weighted_ssim(Pair(other, scene), weights) == 1
        weights[30:60, 20:50] = 1
        assert weighted_ssim(Pair(other, scene), weights) < 0.99

    @pytest.mark.parametrize("weights", [np.ones((3, 3)), np.full((96, 128), -1), np.nan])
    def test_refuses_a_map_that_is_none(self, weights: np.ndarray):
        scene = self.object_on_grey()
        with pytest.raises(ValueError, match="finite, not negative and 96 x 128"):
            weighted_ssim(Pair(scene, scene), weights * np.ones_like(weights))

    def test_leaves_out_what_the_mask_leaves_out(self):
        scene = self.object_on_grey()
        mask = Image.new("L", scene.size, 255)
        mask.paste(0, (10, 20, 70, 80))
        other = self.spoilt(scene, (20, 30))
        far = measure(self.spoilt(other, (90, 60)), scene, ["saliency_ssim"], mask=mask)
        assert measure(other, scene, ["saliency_ssim"], mask=mask) == {"saliency_ssim": 1}
        assert far["saliency_ssim"] < 1

    def test_without_opencv_s_contrib_modules_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch
    ):
        scene = self.object_on_grey()
        monkeypatch.delattr("cv2.saliency")
        with pytest.raises(GoldenseedError, match=re.escape("pytest-goldenseed[opencv]")):
            measure(self.spoilt(scene, (0, 0)), scene, ["saliency_ssim"])


@pytest.mark.parametrize(("name", "module"), [("saliency_ssim", "cv2"), ("flip", "flip_evaluator")])
def test_a_missing_package_is_named_with_its_extra(
    name: str, module: str, monkeypatch: pytest.MonkeyPatch, scene: Image.Image
):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    fix = re.escape(f"pip install 'pytest-goldenseed[{METRICS[name].extra}]'")
    with pytest.raises(GoldenseedError, match=fix):
        measure(noisy(scene, 5), scene, [name])
