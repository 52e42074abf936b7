"""LPIPS, DISTS and CLIP similarity with weights from a local folder."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
import waves
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPModel

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.clip import Clip, open_clip
from goldenseed.images.measure import measure
from goldenseed.images.metrics import METRICS
from tiny_pipelines import clip_image_processor, tiny_clip

LEARNED = tuple(name for name, metric in METRICS.items() if metric.weights)
SIZES = ((1, 1), (1, 40), (70, 20))


def cut(photograph: np.ndarray, left: int, top: int) -> Image.Image:
    return Image.fromarray(photograph).crop((left, top, left + 160, top + 120))


@pytest.fixture(scope="module")
def astronaut() -> Image.Image:
    return cut(skimage.data.astronaut(), 150, 40)


@pytest.fixture(scope="module")
def coffee() -> Image.Image:
    return cut(skimage.data.coffee(), 0, 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = waves.save_weights(tmp_path_factory.mktemp("weights"))
    tiny_clip(folder / "clip")
    return folder


@pytest.fixture
def weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GOLDENSEED_WEIGHTS", str(folder))
    return folder


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lpips", (0.16580508649349213, 0.2124127298593521)),
        ("dists", (0.03386044502258301, 0.03320813179016113)),
    ],
)
def test_is_its_own_package_s_value(
    weights: Path,
    astronaut: Image.Image,
    coffee: Image.Image,
    name: str,
    expected: tuple[float, float],
):
    """``waves`` says how the expected values were made."""
    mirror_image = astronaut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    found = tuple(measure(each, astronaut, [name])[name] for each in (mirror_image, coffee))
    assert found == pytest.approx(expected, abs=2e-6)


def test_dists_scales_a_large_image_down_as_its_own_package_does(weights: Path):
    large = Image.fromarray(skimage.data.astronaut())
    mirror_image = large.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    found = measure(mirror_image, large, ["dists"])["dists"]
    assert found == pytest.approx(0.04720193147659302, abs=2e-6)


def test_clip_similarity_is_the_cosine_of_the_model_s_own_features(
    weights: Path, astronaut: Image.Image, coffee: Image.Image
):
    model = CLIPModel.from_pretrained(weights / "clip")
    processor = clip_image_processor().from_pretrained(weights / "clip")
    pixels = processor(images=[astronaut, coffee], return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        pooled = model.vision_model(pixel_values=pixels).pooler_output
        one, two = model.visual_projection(pooled)
    expected = float(torch.nn.functional.cosine_similarity(one, two, dim=0))
    found = measure(coffee, astronaut, ["clip_similarity"])["clip_similarity"]
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_defined_in_range_and_symmetric(weights: Path, mode: str, size: tuple[int, int]):
    rng = np.random.default_rng(0)
    count = size[0] * size[1] * len(mode)
    images = [
        Image.frombytes(mode, size, rng.integers(0, 256, count, dtype=np.uint8).tobytes())
        for _ in range(2)
    ]
    values, swapped = measure(*images, LEARNED), measure(*reversed(images), LEARNED)
    assert swapped == pytest.approx(values, abs=1e-5)
    for name, value in values.items():
        low, high = sorted((METRICS[name].worst, METRICS[name].best))
        assert low <= value <= high, name


@pytest.mark.parametrize("name", ["lpips", "dists"])
def test_grows_with_noise(weights: Path, astronaut: Image.Image, name: str):
    grain = np.random.default_rng(1).normal(0, 1, (120, 160, 3))
    noisy = [
        Image.fromarray((astronaut + grain * each).round().clip(0, 255).astype(np.uint8))
        for each in (2, 10, 50)
    ]
    values = [measure(image, astronaut, [name])[name] for image in noisy]
    assert 0 < values[0] < values[1] < values[2]


class TestSaysWhatToDo:
    @pytest.fixture(autouse=True)
    def images(self, astronaut: Image.Image, coffee: Image.Image) -> None:
        self.pair = astronaut, coffee

    @pytest.mark.parametrize("name", LEARNED)
    def test_where_no_folder_is_named(self, name: str, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("GOLDENSEED_WEIGHTS", raising=False)
        fix = f"set GOLDENSEED_WEIGHTS to a folder that holds {METRICS[name].weights}"
        with pytest.raises(GoldenseedError, match=fix):
            measure(*self.pair, [name])

    @pytest.mark.parametrize("name", LEARNED)
    def test_where_the_folder_lacks_the_weights(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("GOLDENSEED_WEIGHTS", str(tmp_path))
        with pytest.raises(GoldenseedError, match=f"{METRICS[name].weights}: does not exist"):
            measure(*self.pair, [name])

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            (lambda tensors: tensors.pop("net.slice3.6.bias"), "no tensor 'net.slice3.6.bias'"),
            (
                lambda tensors: tensors.update({"net.slice2.3.weight": torch.zeros(9, 9, 3, 3)}),
                "tensors that do not fit together",
            ),
            (lambda tensors: tensors["lin2.model.1.weight"].neg_(), "negative linear weights"),
        ],
    )
    def test_where_the_weights_are_others(
        self, change: object, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        tensors = waves.lpips_weights()
        change(tensors)
        save_file(tensors, tmp_path / "lpips.safetensors")
        monkeypatch.setenv("GOLDENSEED_WEIGHTS", str(tmp_path))
        with pytest.raises(GoldenseedError, match=what):
            measure(*self.pair, ["lpips"])

    def test_where_the_file_is_damaged(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        (tmp_path / "dists.safetensors").write_bytes(b"\x80\x04not safetensors")
        monkeypatch.setenv("GOLDENSEED_WEIGHTS", str(tmp_path))
        with pytest.raises(GoldenseedError, match="is no readable safetensors file"):
            measure(*self.pair, ["dists"])

    @pytest.mark.parametrize("name", LEARNED)
    def test_where_the_extra_is_missing(
        self, weights: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ):
        module = "transformers" if name == "clip_similarity" else "safetensors"
        monkeypatch.setitem(sys.modules, module, None)
        for cached in ("goldenseed.images.weights._read", "goldenseed.images.clip._opened"):
            place, _, function = cached.rpartition(".")
            getattr(sys.modules[place], function).cache_clear()
        with pytest.raises(GoldenseedError, match=re.escape("'pytest-goldenseed[learned]'")):
            measure(*self.pair, [name])


def test_clip_embeds_an_image_once_for_all_its_pairs(
    weights: Path,
    astronaut: Image.Image,
    coffee: Image.Image,
    monkeypatch: pytest.MonkeyPatch,
):
    clip = open_clip(weights / "clip")
    third = astronaut.rotate(180)
    first = measure(astronaut, coffee, ["clip_similarity"])
    assert clip.image_vector(third).equal(clip._embedded(third))
    monkeypatch.setattr(Clip, "_embedded", None)
    assert measure(astronaut.copy(), coffee, ["clip_similarity"]) == first
    assert measure(coffee, third, ["clip_similarity"])["clip_similarity"] < 1
