import sys

import numpy as np
import pytest
import skimage.data
from PIL import Image
from skimage.metrics import structural_similarity

from goldenseed.core.pixels import as_array
from goldenseed.images.pair import Pair
from goldenseed.images.ssim import ms_ssim, ssim, ssim_map


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
    assert ssim(Pair(*images)) == pytest.approx(by_scikit_image(*images), abs=1e-12)


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


def wavy(height: int, width: int, channels: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    waves = np.sin(np.arange(height * width * channels) * 0.37 + seed).reshape(height, width, -1)
    return (128 + 90 * waves + rng.normal(0, 9, waves.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "size", [(11, 11), (11, 500), (500, 11), (12, 33), (40, 42), (41, 43), (64, 106), (33, 107)]
)
def test_is_scikit_image_s_for_sizes_around_that_of_a_stripe(size: tuple[int, int], channels: int):
    first, second = (wavy(*size, channels, seed) for seed in (1, 2))
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    pair = [Image.frombytes(mode, size[::-1], each.tobytes()) for each in (first, second)]
    assert ssim(Pair(*pair)) == pytest.approx(by_scikit_image(*pair), abs=1e-12)


@pytest.mark.parametrize("rows", [(0, 1), (5, 6), (59, 60), (20, 23), (0, 60)])
@pytest.mark.parametrize("columns", [(0, 1), (5, 6), (149, 150), (30, 34), (60, 70), (0, 150)])
def test_is_scikit_image_s_wherever_they_differ(rows: tuple[int, int], columns: tuple[int, int]):
    first = wavy(60, 150, 3, 1)
    second = first.copy()
    second[slice(*rows), slice(*columns)] ^= 0x3F
    pair = Image.fromarray(first), Image.fromarray(second)
    assert ssim(Pair(*pair)) == pytest.approx(by_scikit_image(*pair), abs=1e-12)


def drawings() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images in which float32 rounds the same way over and over."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:256, :256]
    halves = np.where(x < 128, 20, 235)
    ramp = np.broadcast_to(np.arange(1024) // 4, (128, 1024))
    dither = ((x + y) % 3 == 0) * 8
    blocks = [np.kron(rng.integers(0, 256, (8, 8)), np.ones((32, 32))) for _ in range(2)]
    return {
        "one half moved": (np.full((256, 256), 100), np.where(x < 128, 200, 100)),
        "dither turned round": (halves + dither, halves - dither),
        "dither on one": (halves + dither, halves),
        "ramp mirrored": (ramp, ramp[:, ::-1]),
        "blocks": (blocks[0], blocks[1]),
        "ramp and a brighter one": (ramp * 0.6, ramp * 0.6 + 100),
        "flat and a level brighter": (np.full((256, 256), 254), np.full((256, 256), 255)),
        "flat and bright": (np.full((256, 256), 3), np.full((256, 256), 255)),
        "nearly flat and bright": (
            np.full((256, 256), 255) - (rng.random((256, 256)) < 0.01),
            np.full((256, 256), 180) + (rng.random((256, 256)) < 0.01),
        ),
        "slopes": ((x + y) // 2, 255 - (x + 2 * y) // 3),
        "checks": ((x + y) % 2 * 255, (x // 2 + y // 2) % 2 * 255),
        "negative": (blocks[0], 255 - blocks[0]),
        "black and white": (np.where(x < 90, 0, 255), np.where(y < 90, 0, 255)),
    }


@pytest.mark.parametrize("name", drawings())
def test_is_scikit_image_s_for_drawings(name: str):
    pair = [Image.fromarray(each.clip(0, 255).astype(np.uint8)) for each in drawings()[name]]
    assert ssim(Pair(*pair)) == pytest.approx(by_scikit_image(*pair), abs=1e-12)


CHANGES = {
    "mirrored": lambda image: image[:, ::-1],
    "grain": lambda image: image + np.random.default_rng(1).normal(0, 3, image.shape),
    "contrast": lambda image: (image - 128.0) * 0.8 + 128,
    "shifted": lambda image: np.roll(image, 4, axis=1),
    "patch": lambda image: np.where(np.indices(image.shape)[0] // 64 == 3, 60, image),
}


@pytest.mark.parametrize("change", CHANGES)
def test_is_scikit_image_s_for_a_photograph(change: str):
    photograph = skimage.data.astronaut()
    changed = Image.fromarray(CHANGES[change](photograph).clip(0, 255).astype(np.uint8))
    pair = Image.fromarray(photograph), changed
    assert ssim(Pair(*pair)) == pytest.approx(by_scikit_image(*pair), abs=1e-12)
    similarity = ssim_map(Pair(*pair))
    assert similarity[5:-5, 5:-5].mean() == pytest.approx(by_scikit_image(*pair), abs=1e-12)


def test_is_scikit_image_s_for_a_very_large_image():
    moon = Image.fromarray(skimage.data.moon()).resize((3000, 2100))
    pair = moon, moon.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert ssim(Pair(*pair)) == pytest.approx(by_scikit_image(*pair), abs=1e-12)


def patterns(height: int, width: int) -> list[Image.Image]:
    """Two images made of whole numbers alone."""
    y, x, channel = np.mgrid[:height, :width, :3]
    samples = (x * y // 7 + 31 * channel) % 256, (x * x // 5 + y * (channel + 2)) % 251
    return [Image.fromarray(each.astype(np.uint8)) for each in samples]


def test_has_the_same_bits_everywhere():
    assert ssim(Pair(*patterns(70, 300))).hex() == "0x1.32ee4c8d8f370p-4"


@pytest.mark.parametrize("extra", ["cv2", "kornia_rs", "torch", "skimage", "scipy"])
def test_is_the_same_whatever_else_is_installed(extra: str, monkeypatch: pytest.MonkeyPatch):
    pair = Pair(*patterns(70, 300))
    installed = bits(pair)
    monkeypatch.setitem(sys.modules, extra, None)
    assert bits(pair) == installed


def bits(pair: Pair) -> list[float | bytes]:
    return [ssim(pair), ms_ssim(pair), ssim_map(pair).tobytes()]


def test_numba_s_code_gives_the_same_bits(
    images: tuple[Image.Image, Image.Image], monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("numba")
    compiled = bits(Pair(*images))
    monkeypatch.setitem(sys.modules, "goldenseed.images.ssim_compiled", None)
    assert bits(Pair(*images)) == compiled


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(11, 11), (42, 43), (43, 300), (75, 811)])
def test_numba_s_code_gives_the_same_bits_around_its_stripes(
    size: tuple[int, int], channels: int, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("numba")
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    samples = (wavy(*size, channels, seed) for seed in (1, 2))
    pair = Pair(*(Image.frombytes(mode, size[::-1], each.tobytes()) for each in samples))
    compiled = bits(pair)
    monkeypatch.setitem(sys.modules, "goldenseed.images.ssim_compiled", None)
    assert bits(pair) == compiled


def test_numba_s_code_gives_the_same_bits_for_drawings_and_photographs(
    monkeypatch: pytest.MonkeyPatch,
):
    pytest.importorskip("numba")
    photograph = skimage.data.astronaut()
    changed = [each(photograph) for each in CHANGES.values()]
    both = [*drawings().values(), *((photograph, each) for each in changed)]
    pairs = [
        Pair(*(Image.fromarray(each.clip(0, 255).astype(np.uint8)) for each in pair))
        for pair in both
    ]
    compiled = [ssim(pair) for pair in pairs]
    monkeypatch.setitem(sys.modules, "goldenseed.images.ssim_compiled", None)
    assert [ssim(pair) for pair in pairs] == compiled


def test_numba_s_code_needs_no_place_to_be_kept(monkeypatch: pytest.MonkeyPatch):
    numba = pytest.importorskip("numba")
    kept: list[bool] = []
    njit = numba.njit

    def without_a_place(signature: object, *, cache: bool = False, **options: object) -> object:
        kept.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(signature, **options)

    monkeypatch.setattr(numba, "njit", without_a_place)
    from goldenseed.images.ssim_compiled import compiled

    assert compiled("int64(int64)")(lambda number: number + 1)(1) == 2
    assert kept == [True, False]


def test_is_the_mean_of_its_map_however_the_image_is_cut_into_tiles():
    pair = Pair(*patterns(90, 700))
    assert ssim(pair) == pytest.approx(ssim_map(pair)[5:-5, 5:-5].mean(), abs=1e-13)


@pytest.mark.parametrize("place", [(0, 0), (95, 63), (47, 30), (4, 60), (90, 5)])
def test_sees_a_single_pixel_anywhere(scene: Image.Image, place: tuple[int, int]):
    spotted = scene.copy()
    spotted.putpixel(place, (255, 0, 255))
    assert ssim(Pair(spotted, scene)) == pytest.approx(by_scikit_image(spotted, scene), abs=1e-12)
    reached = np.argwhere(ssim_map(Pair(spotted, scene)) < 1)
    assert np.abs(reached - place[::-1]).max() <= 5


def test_with_a_mask_is_the_mean_over_the_pixels_that_count(scene: Image.Image):
    spotted = scene.copy()
    spotted.paste("red", (10, 10, 14, 14))
    mask = Image.new("L", scene.size, 255)
    mask.paste(0, (0, 0, 20, 20))
    assert ssim(Pair.of(spotted, scene, mask)) == 1
    spotted.paste("red", (60, 40, 64, 44))
    pair = Pair.of(spotted, scene, mask)
    counted = np.asarray(mask)[5:-5, 5:-5] > 0
    assert ssim(pair) == pytest.approx(ssim_map(pair)[5:-5, 5:-5][counted].mean(), abs=1e-13)
