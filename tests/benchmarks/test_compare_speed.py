"""What ``goldenseed compare`` costs beside reading the files, and beside the usual libraries.

Run with ``pytest tests/benchmarks/test_compare_speed.py --benchmark-only -s``: each test prints its
ratio. Both sides alternate in one process and on one core, and their CPU time counts, which other
work on the machine disturbs least; no time is asserted.
"""

import ctypes
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import skimage.data
from PIL import Image, PngImagePlugin
from pytest_benchmark.fixture import BenchmarkFixture

from goldenseed import Outcome, compare
from goldenseed.core.pixels import encode_png

PR_SET_CHILD_SUBREAPER = 36
SIDE = 1024
FEW = 10
"""Files of a kind, which the pairs go through again and again."""


def grainy(seed: int) -> Image.Image:
    """Smooth waves with a little grain: as incompressible as a photograph."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
    smooth = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=float)
    noisy = smooth + rng.normal(0, 2, smooth.shape)
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


def photograph() -> Image.Image:
    return Image.fromarray(skimage.data.astronaut()).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def drawing() -> Image.Image:
    """An accepted image of the embedded model, enlarged."""
    path = min(Path("baselines/images").glob("*/*.png"))
    with Image.open(path) as image:
        return image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def one_level(image: Image.Image) -> Image.Image:
    samples = np.asarray(image).astype(int)
    moved = samples + np.random.default_rng(1).integers(-1, 2, samples.shape)
    return Image.fromarray(moved.clip(0, 255).astype(np.uint8))


def patched(image: Image.Image) -> Image.Image:
    """One sixteenth replaced."""
    other = image.copy()
    other.paste(image.crop((512, 512, 768, 768)), (128, 128))
    return other


def alternating(*functions: Callable[[], object], rounds: int) -> list[float]:
    """Return the median CPU seconds of each function."""
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(rounds):
        for spent, function in zip(times, functions, strict=True):
            began = time.process_time()
            function()
            spent.append(time.process_time() - began)
    return [median(spent) for spent in times]


def with_pillow(*paths: Path) -> list[Image.Image]:
    images = []
    for path in paths:
        with Image.open(path) as image:
            image.load()
            images.append(image)
    return images


@pytest.fixture(autouse=True)
def one_core():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


def bytes_equal(image: Image.Image) -> tuple[bytes, bytes]:
    data = encode_png(image, compress_level=6)
    return data, data


def rows_equal(image: Image.Image) -> tuple[bytes, bytes]:
    text, buffer = PngImagePlugin.PngInfo(), io.BytesIO()
    text.add_text("parameters", "a red apple")
    image.save(buffer, "PNG", compress_level=1, pnginfo=text)
    return encode_png(image, compress_level=6), buffer.getvalue()


def pixels_equal(image: Image.Image) -> tuple[bytes, bytes]:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", icc_profile=None, exif=Image.Exif(), compress_level=6)
    other = io.BytesIO()
    Image.open(buffer).convert("RGBA").save(other, "PNG", compress_level=6)
    return buffer.getvalue(), other.getvalue()


@pytest.mark.parametrize("kind", [bytes_equal, rows_equal, pixels_equal])
def test_identical_pairs(benchmark: BenchmarkFixture, tmp_path: Path, kind: Callable, fast: str):
    pairs = []
    for number in range(FEW):
        paths = tmp_path / f"{number}a.png", tmp_path / f"{number}b.png"
        for path, data in zip(paths, kind(grainy(number)), strict=True):
            path.write_bytes(data)
        pairs.append(paths)

    def judge_all() -> None:
        assert all(compare(*pair).outcome is Outcome.IDENTICAL for pair in pairs)

    def decode_one_of_each() -> None:
        for a, _ in pairs:
            with_pillow(a)

    ours, theirs = alternating(judge_all, decode_one_of_each, rounds=5)
    benchmark.extra_info["ratio"] = ours / theirs
    print(f"\nidentical, {kind.__name__}, {fast}: {ours / theirs:.2f} of decoding one file of each")
    benchmark.pedantic(judge_all, rounds=1)


@pytest.fixture(params=["with [fast]", "without"])
def fast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the extra's packages, and as if they were not installed."""
    if request.param == "without":
        for module in ("kornia_rs.io", "goldenseed.images.ssim_compiled"):
            monkeypatch.setitem(sys.modules, module, None)
    return request.param


@pytest.mark.parametrize("image", [grainy, photograph, drawing])
@pytest.mark.parametrize("change", ["another", "one level", "patch"])
def test_a_differing_pair(
    benchmark: BenchmarkFixture, tmp_path: Path, image: Callable, change: str, fast: str
):
    import imagehash
    from skimage.metrics import structural_similarity

    first = grainy(1) if image is grainy else image()
    second = {
        "another": lambda: first.transpose(Image.Transpose.ROTATE_180),
        "one level": lambda: one_level(first),
        "patch": lambda: patched(first),
    }[change]()
    a, b = tmp_path / "a.png", tmp_path / "b.png"
    a.write_bytes(encode_png(first, compress_level=6))
    b.write_bytes(encode_png(second, compress_level=6))

    def usual() -> None:
        images = with_pillow(a, b)
        structural_similarity(
            *map(np.asarray, images),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
            channel_axis=-1,
        )
        for hash_of in (imagehash.phash, imagehash.dhash, imagehash.average_hash):
            hash_of(images[0]) - hash_of(images[1])

    ours, theirs, decoding = alternating(
        lambda: compare(a, b), usual, lambda: with_pillow(a, b), rounds=5
    )
    benchmark.extra_info["ratio"] = theirs / ours
    print(
        f"\n{image.__name__}, {change}, {fast}: {theirs / ours:.1f} times as fast "
        f"({ours * 1e3:.0f} ms, of which decoding both {decoding * 1e3:.0f}; {theirs * 1e3:.0f} ms)"
    )
    benchmark.pedantic(compare, (a, b), rounds=1)


COMMAND = """
import atexit, os, re, resource, sys
from pathlib import Path
from goldenseed.cli.main import main

def largest():
    own = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
    print(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss), file=sys.stderr)

atexit.register(largest)
if sys.argv.pop(1) == "1": os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
main()
"""


def run(folders: tuple[Path, Path], jobs: int) -> tuple[float, float]:
    """Return seconds and MiB of the largest process."""
    began = time.perf_counter()
    command = [sys.executable, "-c", COMMAND, str(jobs), "compare", *folders, "--jobs", str(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return time.perf_counter() - began, int(done.stderr.split()[-1]) / 1024


def folders_of(path: Path, pairs: int, side: int) -> tuple[Path, Path]:
    """Two folders whose pairs differ by a level; hard links, so that they take no room."""
    folders = path / "a", path / "b"
    first = photograph().resize((side, side))
    for folder, image in zip(folders, (first, one_level(first)), strict=True):
        folder.mkdir(parents=True)
        data = encode_png(image)
        for number in range(pairs):
            if number % FEW == 0:
                (folder / f"{number:05}.png").write_bytes(data)
            else:
                os.link(folder / f"{number // FEW * FEW:05}.png", folder / f"{number:05}.png")
    return folders


def cpu_and_wall(folders: tuple[Path, Path], jobs: int) -> tuple[float, float]:
    """Return the seconds of a run: of the CPU for all its processes, and of the clock.

    The processes that compare are no children of the command's but of a server that outlives it;
    as a subreaper this process inherits that server, and with it the time of its children.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = os.times()
    _, _ = run(folders, jobs)
    with suppress(ChildProcessError):
        while True:
            os.wait()
    after = os.times()
    spent = [
        getattr(after, kind) - getattr(before, kind)
        for kind in ("children_user", "children_system", "elapsed")
    ]
    return spent[0] + spent[1], spent[2]


def test_two_processes(benchmark: BenchmarkFixture, tmp_path: Path):
    os.sched_setaffinity(0, set(range(os.cpu_count() or 1)))
    few, many = (folders_of(tmp_path / str(pairs), pairs, 512) for pairs in (16, 216))
    cpu: dict[int, float] = {}
    wall: dict[int, float] = {}
    for jobs in (1, 2):
        start = cpu_and_wall(few, jobs)
        whole = cpu_and_wall(many, jobs)
        cpu[jobs], wall[jobs] = whole[0] - start[0], whole[1] - start[1]
    benchmark.extra_info["CPU"] = cpu[2] / cpu[1]
    benchmark.extra_info["wall"] = wall[1] / wall[2]
    print(
        f"\ntwo processes: {cpu[2] / cpu[1]:.2f} times the CPU time of one for each pair, "
        f"{wall[1] / wall[2]:.2f} times as fast by the clock, start left out"
    )
    benchmark.pedantic(run, (few, 2), rounds=1)


@pytest.mark.parametrize(("pairs", "side"), [(10_000, 64), (60, 1024), (300, 1024)])
def test_memory(benchmark: BenchmarkFixture, tmp_path: Path, pairs: int, side: int):
    os.sched_setaffinity(0, set(range(os.cpu_count() or 1)))
    folders = folders_of(tmp_path / "folders", pairs, side)
    _, largest = benchmark.pedantic(run, (folders, 1), rounds=1)
    benchmark.extra_info["MiB"] = largest
    print(f"\n{pairs} pairs of {side}x{side} in one process: {largest:.0f} MiB")
    shutil.rmtree(tmp_path)
