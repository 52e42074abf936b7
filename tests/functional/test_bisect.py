"""``goldenseed bisect`` on environments that are really built, of wheels made here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from commands import goldenseed
from goldenseed.runs.folder import load_run
from planted_wheels import pure_wheel, wheel_of_installed

SUITE = """\
suite: painted
model: {backend: painter, source: canvas}
cases:
  - {id: red, prompt: red, seeds: [1]}
  - {id: blue, prompt: blue, seeds: [1]}
"""
PAINTER = """
import time
import numpy as np
from PIL import Image
import brush, frame, ink
from goldenseed import Generation, Stage, record_stages

class Painter:
    def __init__(self, settings): pass
    def generate(self, case):
        noise = np.random.default_rng(case.seed).random((16, 16, 3), dtype=np.float32)
        drawn = noise * np.float32(brush.WIDTH)
        if case.prompt == "blue":
            drawn = drawn * np.float32(ink.SHADE)
        if brush.SOFT and ink.WET:
            drawn = drawn[::-1].copy()
        pixels = (drawn * 200).astype(np.uint8)
        stages = [(Stage.INITIAL_NOISE, None, noise), (Stage.DENOISING_STEP, None, drawn),
                  (Stage.PIXELS, None, pixels)]
        return Generation(Image.fromarray(pixels), 0.1, recording=record_stages(stages))
    def fingerprint(self):
        return {"device.type": "cpu", "platform.machine": "toy"}
"""
BRUSH = "WIDTH = 1.0\nSOFT = False\n"
INK = "SHADE = 1.0\nWET = False\n"
FILES = {
    "brush": {
        "1.0": BRUSH,
        "1.1": BRUSH.replace("1.0", "0.5"),
        "1.2": "WIDTH = 1.0\nSOFT = True\n",
    },
    "ink": {"1.0": INK, "1.1": INK.replace("1.0", "0.25"), "1.2": "SHADE = 1.0\nWET = True\n"},
    "frame": {"1.0": "", "1.1": "# as before\n", "1.2": "raise RuntimeError('the frame broke')\n"},
    "easel": {"1.0": "", "1.1": "# as before\n"},
    "palette": {"1.0": "", "1.1": "# as before\n"},
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all wheels there are, and a cache of environments for all tests."""
    folder = tmp_path_factory.mktemp("shop")
    wheels = folder / "wheels"
    for name, versions in FILES.items():
        for version, text in versions.items():
            pure_wheel(name, version, wheels, {f"{name}.py": text})
    entry = "[goldenseed.backends]\npainter = painter:Painter\n"
    needs = ("brush", "ink", "frame", "numpy", "pillow")
    pure_wheel(
        "painter", "1.0", wheels, {"painter.py": PAINTER}, requires=needs, entry_points=entry
    )
    for name in ("numpy", "pillow"):
        wheel_of_installed(name, wheels)
    return folder


@pytest.fixture
def studio(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(shop / "cache"))
    (tmp_path / "painted.suite.yaml").write_text(SUITE)
    requirements(shop, tmp_path / "good.txt")
    return tmp_path


def requirements(shop: Path, file: Path, **versions: str) -> None:
    pins = {"painter": "1.0", **dict.fromkeys(FILES, "1.0"), **versions}
    lines = "".join(f"{name}=={version}\n" for name, version in pins.items())
    file.write_text(f"--no-index\n--find-links {shop / 'wheels'}\n{lines}")


def bisected(studio: Path, *arguments: str) -> tuple[dict[str, object], str, int]:
    sides = ("--good", "good.txt", "--bad", "bad.txt", "--json")
    done = goldenseed(studio, "bisect", "painted.suite.yaml", *sides, *arguments)
    return (json.loads(done.stdout) if done.stdout else {}), done.stderr, done.returncode


def test_each_case_has_its_own_culprit_and_both_are_confirmed(shop: Path, studio: Path):
    requirements(shop, studio / "bad.txt", ink="1.1", frame="1.1", easel="1.1", palette="1.1")
    found, told, code = bisected(studio)
    assert code == 1, told
    (answer,) = found["answers"]
    assert answer["cases"] == ["blue[seed=1]"]
    assert answer["culprits"] == [["ink"]]
    assert answer["confirmed"]
    assert answer["stage"] == "denoising_step"
    assert found["unmoved"] == ["red[seed=1]"]
    assert len(found["environments"]) <= 6
    assert "trying good" in told
    (folder,) = (studio / "reports").glob("bisect-*")
    assert load_run(folder).verb.outcome == "ink 1.0 → 1.1"
    assert "ink 1.0 → 1.1" in (folder / "index.html").read_text()


def test_two_that_move_pixels_only_together_and_what_was_tried_is_not_made_again(
    shop: Path, studio: Path
):
    requirements(shop, studio / "bad.txt", ink="1.2", brush="1.2", easel="1.1", palette="1.1")
    found, told, code = bisected(studio, "--max-environments", "3")
    assert code == 1, told
    assert all("--max-environments" in each["reason"] for each in found["answers"])
    made = {each: each.stat().st_mtime_ns for each in studio.glob("reports/*/tries/*/*/run.json")}
    found, told, code = bisected(studio)
    for answer in found["answers"]:
        assert answer["culprits"] == [["brush"], ["ink"]] or answer["culprits"] == [
            ["ink"],
            ["brush"],
        ]
        assert answer["interaction"]
        assert answer["confirmed"]
        assert answer["words"].startswith("only together: ")
    assert {each: each.stat().st_mtime_ns for each in made} == made


def test_a_bad_side_that_crashes_is_refused_with_what_it_said(shop: Path, studio: Path):
    requirements(shop, studio / "bad.txt", frame="1.2", ink="1.1")
    _, told, code = bisected(studio)
    assert code == 2
    assert "the bad side cannot make red[seed=1]" in told
    assert "the frame broke" in told
    assert "Traceback" not in told


def test_a_side_that_does_not_resolve_is_refused_in_the_resolver_s_words(shop: Path, studio: Path):
    requirements(shop, studio / "bad.txt", ink="7.0")
    _, told, code = bisected(studio)
    assert code == 2
    assert "the bad side, bad.txt" in told
    assert "ink==7.0" in told


def test_sides_that_are_the_same_are_refused(shop: Path, studio: Path):
    shutil.copy(studio / "good.txt", studio / "bad.txt")
    _, told, code = bisected(studio)
    assert code == 2
    assert "the same packages and variables" in told
