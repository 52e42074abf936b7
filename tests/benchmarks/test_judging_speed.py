"""How long judging a 1024 x 1024 image takes, beside what it is judged against.

Run with ``pytest tests/benchmarks/test_judging_speed.py --benchmark-only``.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from goldenseed.baselines.store import BaselineStore
from goldenseed.baselines.verified import Verified
from goldenseed.core.pixels import (
    FAST,
    SMALL,
    check_file,
    decode,
    encode_png,
    pixels_sha256,
)
from goldenseed.images.measure import difference_image, measure
from goldenseed.images.metrics import METRICS

SIDE = 1024
WITHOUT_WEIGHTS = tuple(name for name, metric in METRICS.items() if not metric.weights)


def picture(seed: int) -> Image.Image:
    """Smooth waves with a little grain: compresses to about half, as generated images do."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
    smooth = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=float)
    grainy = smooth + rng.normal(0, 2, smooth.shape)
    return Image.fromarray(grainy.round().clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def current() -> Image.Image:
    return picture(1)


@pytest.fixture(scope="module")
def accepted() -> Image.Image:
    return picture(2)


@pytest.fixture
def file(tmp_path: Path, current: Image.Image) -> Path:
    path = tmp_path / "image.png"
    path.write_bytes(encode_png(current))
    return path


@pytest.mark.benchmark(group="identical image")
def test_judging_it(benchmark: BenchmarkFixture, current: Image.Image):
    among = {f"{number:064x}" for number in range(8)} | {pixels_sha256(current)}
    assert benchmark(lambda: pixels_sha256(current) in among)


@pytest.mark.benchmark(group="identical image")
def test_reading_its_file_with_pillow_alone(benchmark: BenchmarkFixture, file: Path):
    def read() -> Image.Image:
        with Image.open(file) as image:
            image.load()
            return image

    assert benchmark(read).size == (SIDE, SIDE)


@pytest.mark.benchmark(group="identical image")
def test_reading_its_file_safely(benchmark: BenchmarkFixture, file: Path):
    assert benchmark(decode, file).size == (SIDE, SIDE)


@pytest.mark.benchmark(group="identical image")
def test_checking_its_file_without_decoding(benchmark: BenchmarkFixture, file: Path):
    assert benchmark(check_file, file.read_bytes(), file.name) is None


@pytest.mark.benchmark(group="identical image")
@pytest.mark.parametrize("known", [True, False])
def test_taking_the_accepted_file(
    benchmark: BenchmarkFixture, tmp_path: Path, current: Image.Image, *, known: bool
):
    """Where it was verified on this machine it is not decoded; the first time it is."""
    store = BaselineStore(tmp_path, verified=Verified(tmp_path / "seen" if known else None))
    digest = pixels_sha256(current)
    path = store.image_path(digest)
    path.parent.mkdir(parents=True)
    path.write_bytes(encode_png(current))
    assert benchmark(store.image_file, digest) == path.read_bytes()


@pytest.mark.benchmark(group="encoding")
@pytest.mark.parametrize("level", [FAST, 6, SMALL])
def test_encoding(benchmark: BenchmarkFixture, current: Image.Image, level: int):
    data = benchmark.pedantic(encode_png, (current,), {"compress_level": level}, rounds=2)
    benchmark.extra_info["bytes"] = len(data)
    assert decode(data).tobytes() == current.tobytes()


@pytest.mark.benchmark(group="one metric")
@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_measuring(
    benchmark: BenchmarkFixture, current: Image.Image, accepted: Image.Image, name: str
):
    measured = benchmark.pedantic(measure, (current, accepted, [name]), rounds=5, warmup_rounds=1)
    assert list(measured) == [name]


@pytest.mark.benchmark(group="all metrics")
def test_measuring_all(benchmark: BenchmarkFixture, current: Image.Image, accepted: Image.Image):
    measured = benchmark.pedantic(measure, (current, accepted, WITHOUT_WEIGHTS), rounds=2)
    assert list(measured) == list(WITHOUT_WEIGHTS)


@pytest.mark.benchmark(group="all metrics")
def test_drawing_the_difference(
    benchmark: BenchmarkFixture, current: Image.Image, accepted: Image.Image
):
    assert benchmark(difference_image, current, accepted).size == (SIDE, SIDE)
