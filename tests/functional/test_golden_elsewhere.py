"""``make golden`` on a kind of machine that has no baselines: what holds everywhere is judged."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from goldenseed.baselines.candidate import Candidate
from goldenseed.baselines.store import BaselineStore
from goldenseed.core.files import json_sha256
from goldenseed.core.pixels import encode_png, pixels_sha256
from suites.golden import has_baselines_elsewhere_only

REPOSITORY = Path(__file__).parents[2]
ELSEWHERE = """
import platform, runpy, sys
platform.machine = lambda: "aarch64"
runpy.run_path("suites/golden.py", run_name="__main__")
"""


def golden_elsewhere(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run what ``make golden`` runs, where Python says that this is an ARM processor."""
    return subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_portable_suite_is_judged_and_the_other_named_with_the_command(tmp_path: Path):
    done = golden_elsewhere("-k", "house", f"--golden-reports={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "golden: 1 identical" in done.stdout
    (line,) = [each for each in done.stdout.splitlines() if each.startswith("suites/shapes.suite")]
    assert "no baselines for cpu-aarch64-" in line
    assert "goldenseed accept latest" in line


def test_without_any_baselines_every_case_is_new_and_fails_as_ever(tmp_path: Path):
    done = golden_elsewhere(
        "-k", "house", f"--golden-reports={tmp_path}", f"--golden-baselines={tmp_path / 'none'}"
    )
    assert done.returncode == 1
    assert "golden: 3 new" in done.stdout


@pytest.fixture
def store(tmp_path: Path) -> BaselineStore:
    store = BaselineStore(tmp_path / "baselines")
    image = Image.new("RGB", (8, 8))
    file = tmp_path / "image.png"
    file.write_bytes(encode_png(image))
    candidate = Candidate(
        suite="shapes",
        case="apple[seed=1]",
        profile="cpu-x86_64-avx2",
        image=file,
        pixels_sha256=pixels_sha256(image),
        recipe={},
        recipe_sha256=json_sha256({}),
        environment={},
        run_id=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-3f9a",
    )
    store.accept([candidate], by="Ada", reason="seen")
    return store


@pytest.mark.parametrize(
    ("suite", "profile", "left_out"),
    [
        ("shapes", "cpu-aarch64-default", True),
        ("shapes", "cuda-h200-sm90-132sm", True),
        ("shapes", "cpu-x86_64-avx2", False),
        ("shapes", "cpu-x86_64-avx512", False),  # another instruction set stands in
        ("of-today", "cpu-aarch64-default", False),  # new everywhere: fails, as ever
    ],
)
def test_a_suite_is_left_out_only_where_others_have_baselines(
    store: BaselineStore, suite: str, profile: str, left_out: bool
):
    assert has_baselines_elsewhere_only(store, suite, profile) is left_out
