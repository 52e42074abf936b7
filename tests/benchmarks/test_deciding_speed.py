"""How long a thousand decisions take to be applied.

Run with ``pytest tests/benchmarks/test_deciding_speed.py --benchmark-only``.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from commands import goldenseed
from two_runs import Run

CASES = 1000
SIDE = 128


def picture(seed: int) -> Image.Image:
    """Smooth waves with a little grain: compresses to about half, as generated images do."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    smooth = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=float)
    return Image.fromarray((smooth + rng.normal(0, 1, smooth.shape)).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a thousand cases, of which two thirds are accepted, each for its own reason."""
    root = tmp_path_factory.mktemp("decided")
    run = Run(root / "reports" / "run", profile="cpu-x86_64-avx512")
    decisions = [
        {
            "suite": case.path,
            "case": case.id,
            "pixels_sha256": case.pixels_sha256,
            "decision": "reject" if number % 3 == 2 else "accept",
            "reason": f"number {number}",
        }
        for number in range(CASES)
        for case in [run.case(f"case[seed={number}]", picture(number))]
    ]
    run.stored()
    document = {"format": "goldenseed-decisions", "version": 1, "run": "run"}
    (root / "decisions.json").write_text(json.dumps({**document, "decisions": decisions}))
    return root


@pytest.mark.benchmark(group="a thousand decisions")
@pytest.mark.parametrize("arguments", [(), ("--dry-run",)], ids=["applied", "dry run"])
def test_applying_them(benchmark: BenchmarkFixture, decided: Path, arguments: tuple[str, ...]):
    def begin() -> None:
        shutil.rmtree(decided / "baselines", ignore_errors=True)

    def apply() -> int:
        words = ("accept", "--from", "decisions.json", "--by", "ada", *arguments)
        return goldenseed(decided, *words).returncode

    assert benchmark.pedantic(apply, setup=begin, rounds=3) == 0
