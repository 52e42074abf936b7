import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity

from harness.comparison.pair import Pair
from harness.comparison.structure import ssim
from harness.pixels import as_array


def by_scikit_image(current: Image.Image, accepted: Image.Image, **options: int) -> float:
    return structural_similarity(
        as_array(current),
        as_array(accepted),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=-1,
        **options,
    )


def test_is_scikit_image_s(images: tuple[Image.Image, Image.Image]):
    if min(images[0].size) < 11:
        images = tuple(image.resize((11, 12)) for image in images)
    assert ssim(Pair(*images)) == pytest.approx(by_scikit_image(*images), abs=1e-6)


def test_holds_for_every_size(images: tuple[Image.Image, Image.Image]):
    assert -1 <= ssim(Pair(*images)) <= 1


def test_equal_images_have_one(images: tuple[Image.Image, Image.Image]):
    assert ssim(Pair(images[0], images[0].copy())) == 1


def test_of_a_small_image_is_the_mean_over_what_the_largest_odd_window_leaves():
    rng = np.random.default_rng(0)
    small = [Image.fromarray(rng.integers(0, 256, (8, 30), dtype=np.uint8)) for _ in range(2)]
    _, everywhere = structural_similarity(
        *map(np.asarray, small),
        win_size=7,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )
    assert ssim(Pair(*small)) == pytest.approx(everywhere[3:-3, 3:-3].mean(), abs=1e-12)


def test_of_one_pixel_compares_its_brightness():
    black, white = Image.new("L", (1, 1), 0), Image.new("L", (1, 1), 255)
    constant = (0.01 * 255) ** 2
    assert ssim(Pair(black, white)) == pytest.approx(constant / (255**2 + constant))


def test_falls_as_noise_grows(scene: Image.Image):
    rng = np.random.default_rng(1)
    grain = rng.normal(0, 1, (64, 96, 3))
    values = []
    for strength in (1, 4, 16, 64):
        noisy = (as_array(scene) + strength * grain).round().clip(0, 255).astype(np.uint8)
        values.append(ssim(Pair(Image.fromarray(noisy), scene)))
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.5
