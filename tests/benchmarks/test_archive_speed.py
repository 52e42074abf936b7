"""How fast an archive is verified, beside ``sha256sum`` and the metrics by themselves.

Run with ``pytest tests/benchmarks/test_archive_speed.py --benchmark-only -s``. The largest
archive is of holes: they take no room on the disk, and are read and digested like any bytes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from commands import goldenseed
from goldenseed.archive.create import seal
from goldenseed.archive.findings import Level, Status
from goldenseed.archive.keys import Signer, generate, read_signer
from goldenseed.archive.trust import Trust, TrustedKey
from goldenseed.archive.verify import verify
from goldenseed.core.pixels import decode
from goldenseed.images.measure import measure
from goldenseed.runs.folder import load_run
from goldenseed.runs.record import RunRecord

GOOD = Path(__file__).parents[1] / "conformance" / "archive" / "good-1.zip"
CHEAP = (Level.STRUCTURE, Level.FIXITY, Level.SIGNATURE)
SIZES = {"few large files": (20, 100_000_000), "many pictures": (1300, 1_500_000)}
"""How many files, and of how many bytes each: two gigabytes."""
CASES, PICTURE = 4000, 2_500_000
"""Of the archive of twenty gigabytes: each case with its picture and the accepted one."""
PEAK = """\
import atexit
from pathlib import Path

lines = Path("/proc/self/status").read_text
atexit.register(lambda: print(next(x for x in lines().splitlines() if "VmHWM" in x)))
from goldenseed.cli.main import main

main()
"""
"""The command, and at its end how much memory it had at most; the system's count of a child has the
parent's in it."""
SIDE = 1024
MOVED = 12
SUITE = """\
suite: waves
model: {factory: waves:build}
defaults:
  call: {size: %d}
gates: {fail: {min_ssim: 0.999, max_phash_distance: 1, max_peak_difference: 4}}
cases:
  - {id: wave, prompt: waves, seeds: {start: 1, count: %d}}
"""
WAVES = """\
import numpy as np

RAISED = 0.0


def build():
    def make(prompt, generator, size):
        rng = np.random.default_rng(generator.initial_seed())
        y, x = np.mgrid[:size, :size] / size
        planes = [np.sin(20 * (a * x + b * y)) for a, b in rng.normal(size=(3, 2))]
        grainy = np.stack(planes, -1) / 4 + 0.5 + rng.normal(0, 0.008, (size, size, 3))
        return (grainy + RAISED).clip(0, 1).astype(np.float32)

    return make
"""


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    path = tmp_path_factory.mktemp("keys") / "signer"
    generate(path)
    return read_signer(path)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """The payload of an archive, to be sealed anew."""
    with zipfile.ZipFile(GOOD) as packed:
        packed.extractall(tmp_path / "bag", (n for n in packed.namelist() if n[:5] == "data/"))
    return tmp_path / "bag"


def hole(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def processor_seconds(*words: str, cwd: Path) -> float:
    """Return what a command takes of the processor, on all cores together."""
    before = os.times()
    subprocess.run(words, cwd=cwd, check=True)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


@pytest.mark.benchmark(group="levels 1 to 3")
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_the_first_levels(
    benchmark: BenchmarkFixture, bag: Path, signer: Signer, size: tuple[int, int]
) -> None:
    count, each = size
    for number in range(count):
        (bag / f"data/run/images/{number:064x}.png").write_bytes(os.urandom(each))
    seal(bag, load_run(bag / "data/run"), [signer])
    used = time.process_time()

    def checked() -> tuple[Status, ...]:
        found = verify(bag, trusted=Trust((TrustedKey(signer.public),)), levels=CHEAP)
        return tuple(level.status for level in found.levels)

    assert set(benchmark.pedantic(checked, rounds=3)) == {Status.PASSED}
    used = (time.process_time() - used) / 3
    other = processor_seconds("sha256sum", "--quiet", "-c", "manifest-sha256.txt", cwd=bag)
    total = count * each / 1e6
    print(
        f"\n{count} files of {each:,} bytes: {total / used:.0f} MB in a second of one core; "
        f"sha256sum {total / other:.0f}; rate {other / used:.2f} of its"
    )


def large(bag: Path) -> RunRecord:
    """Let the archive's run have thousands of cases, each with two pictures of its own."""
    record = bag / "data/run/run.json"
    run = json.loads(record.read_text())
    with_both = [case for case in run["cases"] if case["image"] and case["baseline"]]
    cases = []
    for number in range(CASES):
        case = json.loads(json.dumps(with_both[number % len(with_both)]))
        case["id"] = f"{case['id']}-{number}"
        case["image"] = f"images/{number:064x}.png"
        case["baseline"]["image"] = f"images/{number:063x}b.png"
        for place in (case["image"], case["baseline"]["image"]):
            hole(bag / "data/run" / place, PICTURE)
        cases.append(case)
    record.write_text(json.dumps({**run, "cases": cases}, indent=1))
    return load_run(bag / "data/run")


@pytest.mark.benchmark(group="twenty gigabytes")
def test_memory(benchmark: BenchmarkFixture, bag: Path, signer: Signer, tmp_path: Path) -> None:
    seal(bag, large(bag), [signer])
    (tmp_path / "signer.pub").write_text(signer.public.line)
    words = f"archive verify {bag} --levels 1,2,3 --trusted-key {tmp_path / 'signer.pub'}"

    def peak() -> int:
        started = [sys.executable, "-c", PEAK, *words.split()]
        ended = subprocess.run(started, capture_output=True, text=True, check=True)
        return int(ended.stdout.split()[-2])

    kilobytes = benchmark.pedantic(peak, rounds=1)
    size = sum(each.stat().st_size for each in bag.rglob("*") if each.is_file())
    print(f"\n{size / 1e9:.1f} GB of {CASES} cases: {kilobytes / 1000:.0f} MB")


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of a run in which every picture is beyond a gate."""
    folder = tmp_path_factory.mktemp("moved")
    (folder / "waves.suite.yaml").write_text(SUITE % (SIDE, MOVED))
    (folder / "waves.py").write_text(WAVES)
    (folder / "pytest.ini").write_text("[pytest]\n")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {k: v for k, v in os.environ.items() if k != "CI"}
    accepting = [*words, "--golden-update=missing"]
    subprocess.run(accepting, cwd=folder, env=environment, check=True, capture_output=True)
    (folder / "waves.py").write_text(WAVES.replace("RAISED = 0.0", "RAISED = 0.1"))
    subprocess.run(words, cwd=folder, env=environment, check=False, capture_output=True)
    assert goldenseed(folder, "archive", "create", "--output", "made").returncode == 0
    return folder / "made"


@pytest.mark.benchmark(group="level 4")
def test_judging_again(benchmark: BenchmarkFixture, moved: Path) -> None:
    run = load_run(moved / "data/run")
    assert len(run.cases) == MOVED

    def timed(work: Callable[[], object]) -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    def judged() -> None:
        assert verify(moved, levels=(Level.JUDGEMENT,)).first_failed is None

    def measured() -> None:
        for case in run.cases:
            assert case.image
            assert case.baseline
            pair = (moved / "data/run" / place for place in (case.image, case.baseline.image))
            images = [decode(each.read_bytes()) for each in pair]
            measure(*images, case.metrics)

    def shown() -> None:
        for case in run.cases:
            assert case.difference
            decode((moved / "data/run" / case.difference).read_bytes())

    ours = benchmark.pedantic(lambda: timed(judged), rounds=3)
    alone, third = timed(measured), timed(shown)
    print(
        f"\n{MOVED} pictures of {SIDE}x{SIDE} beyond a gate: {1000 * ours / MOVED:.0f} ms each; "
        f"decoding and metrics alone {1000 * alone / MOVED:.0f}, ratio {ours / alone:.2f}; "
        f"decoding the picture of their difference {1000 * third / MOVED:.0f}"
    )
