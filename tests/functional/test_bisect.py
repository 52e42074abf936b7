"""``goldenseed bisect`` on environments that are really built, of wheels made here."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from commands import goldenseed
from goldenseed.bisect.environments import Environments
from goldenseed.bisect.index import Index
from goldenseed.bisect.resolver import Resolver, Uv, find_uv
from goldenseed.bisect.sides import side_of_freeze
from goldenseed.environment.freeze import Freeze
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
    "ink": {
        "1.0": INK,
        "1.1": INK.replace("1.0", "0.25"),
        "1.2": "SHADE = 1.0\nWET = True\n",
        "1.3": "import os\nSHADE = (1 + os.getpid() % 100) / 200\nWET = False\n",
    },
    "frame": {
        "1.0": "",
        "1.1": "# as before\n",
        "1.2": "raise RuntimeError('the frame broke')\n",
        "1.3": "import time, ink\nif ink.SHADE == 1.0: ink.SHADE = time.time_ns() % 1000 / 1001\n",
    },
    "easel": {"1.0": "", "1.1": "# as before\n"},
    "palette": {"1.0": "", "1.1": "# as before\n"},
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all wheels there are, and a cache of environments for all tests."""
    folder = tmp_path_factory.mktemp("shop")
    wheels = folder / "wheels"
    for name, versions in FILES.items():
        for release, text in versions.items():
            pure_wheel(name, release, wheels, {f"{name}.py": text})
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
    lines = "".join(f"{name}=={release}\n" for name, release in pins.items())
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
    found, told, code = bisected(studio, "--max-environments", "5")
    assert code == 1, told
    assert all("--max-environments" in each["reason"] for each in found["answers"])
    made = {each: each.stat().st_mtime_ns for each in studio.glob("reports/*/tries/*/*/run.json")}
    found, told, code = bisected(studio, "--max-environments", "5")  # beside those of before
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


def test_a_side_that_cannot_run_this_package_is_refused_where_the_small_runner_cannot_help(
    shop: Path, studio: Path
):
    broken = {"pydantic.py": "raise ImportError('of another age')\n"}
    pure_wheel("pydantic", "1.0", shop / "wheels", broken)
    requirements(shop, studio / "bad.txt", ink="1.1")
    with (studio / "bad.txt").open("a") as file:
        file.write("pydantic==1.0\n")
    _, told, code = bisected(studio)
    assert code == 2
    assert "the bad side cannot make the images: " in told
    assert "ImportError: of another age" in told
    assert "nor can the small runner: it calls a model's own pipeline of diffusers only" in told


def test_a_case_that_flickers_on_one_side_is_named_and_nothing_is_said_of_it(
    shop: Path, studio: Path
):
    requirements(shop, studio / "bad.txt", ink="1.3", brush="1.1")
    found, told, code = bisected(studio)
    assert code == 1, told
    assert found["flaky"] == ["blue[seed=1]"]
    assert [answer["cases"] for answer in found["answers"]] == [["red[seed=1]"]]
    assert found["answers"][0]["culprits"] == [["brush"]]


def test_an_environment_between_that_flickers_tells_nothing_and_is_called_so(
    shop: Path, studio: Path
):
    requirements(shop, studio / "bad.txt", ink="1.1", frame="1.3")
    found, told, _ = bisected(studio, "--no-releases")
    (answer,) = found["answers"]
    assert answer["culprits"] == [["ink"]], told
    assert (answer["alone"], answer["without"]) == ("as after", "flickers")
    assert not answer["confirmed"]
    assert "frame: flickers" in told


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_a_search_that_was_stopped_goes_on_where_it_was(
    shop: Path, studio: Path, by: signal.Signals
):
    requirements(shop, studio / "bad.txt", ink="1.1", easel="1.1")
    program = str(Path(sys.executable).with_name("goldenseed"))
    command = (program, "bisect", "painted.suite.yaml", "--good", "good.txt", "--bad", "bad.txt")
    with subprocess.Popen(
        [*command, "--jobs", "1"], cwd=studio, stderr=subprocess.PIPE, text=True
    ) as search:
        assert search.stderr is not None
        told = next(line for line in search.stderr if line.startswith("  good: made"))
        os.kill(search.pid, by)
        told += search.stderr.read()
    if by is signal.SIGINT:
        assert search.returncode == 130, told
        assert "the same command goes on" in told
    made = {e: e.stat().st_mtime_ns for e in studio.glob("reports/*/tries/*/*/run.json")}
    assert made
    found, told, _ = bisected(studio, "--no-releases")
    assert found["answers"][0]["culprits"] == [["ink"]], told
    assert {each: each.stat().st_mtime_ns for each in made} == made


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


def test_a_field_of_the_suite_and_a_package_that_act_only_together_are_called_so(
    shop: Path, studio: Path
):
    requirements(shop, studio / "bad.txt", ink="1.1", easel="1.1")
    (studio / "old").mkdir()
    old = SUITE.replace("prompt: blue", "prompt: red")
    (studio / "old/painted.suite.yaml").write_text(old)
    found, told, code = bisected(studio, "--good-suite", "old/painted.suite.yaml")
    assert code == 1, told
    (answer,) = found["answers"]
    assert answer["cases"] == ["blue[seed=1]"]
    assert {*map(tuple, answer["culprits"])} == {("ink",), ("suite.prompt",)}
    assert answer["interaction"]
    assert answer["confirmed"]
    assert "prompt red → blue" in answer["words"]


def test_an_upgrade_is_told_case_by_case_and_taken_over_on_request(shop: Path, studio: Path):
    requirements(shop, studio / "bad.txt", ink="1.1", easel="1.1")
    (studio / "constraints.txt").write_text("# pinned\nink==1.0\nnumpydoc==1.0\n")
    arguments = ("--from", "good.txt", "--to", "bad.txt", "--accept")
    done = goldenseed(studio, "upgrade", "painted.suite.yaml", *arguments)
    assert done.returncode == 1, done.stderr
    assert "identical: 1 (red[seed=1])" in done.stdout
    assert "moved: 1 (blue[seed=1])" in done.stdout
    lines = (studio / "constraints.txt").read_text().splitlines()
    assert lines[:3] == ["# pinned", "ink==1.1", "numpydoc==1.0"]
    assert "easel==1.1" in lines[3:]
    lock = json.loads((studio / "painted.lock.json").read_text())
    assert lock["suite"] == "painted"
    (folder,) = (studio / "reports").glob("bisect-*")
    assert load_run(folder).verb.name == "upgrade"


def test_an_environment_is_rebuilt_from_the_list_that_a_run_records(shop: Path):
    resolver = Resolver(
        Uv(find_uv(), Index(), ("--no-index", "--find-links", str(shop / "wheels")))
    )
    known = {name: version(name) for name in ("numpy", "pillow")}
    freeze = Freeze(
        python="3.1.0",
        platform="plan9-mips",
        packages={**known, "ink": "1.1", "studio": "7.0"},
        local=("studio",),
    )
    side = side_of_freeze("there", freeze, resolver)
    assert {name: each.version for name, each in side.packages.each.items()} == known
    assert all(each.sha256 for each in side.packages.each.values())
    told = " ".join(side.notes)
    assert "plan9-mips" in told
    assert "Python 3.1.0" in told
    assert "studio" in told
    assert not side.files


def test_packages_that_were_used_longest_ago_make_room(shop: Path, tmp_path: Path):
    wheels = ("--no-index", "--find-links", str(shop / "wheels"))
    uv = Uv(find_uv(), Index(), wheels)
    ink = [Resolver(uv).resolve([f"ink=={each}"]) for each in ("1.0", "1.1", "1.2")]
    pure_wheel("ink", "1.1+patched", tmp_path, {"ink.py": INK})  # which `ink==1.1` would take
    uv = Uv(find_uv(), Index(), (*wheels, "--find-links", str(tmp_path)))
    first = Environments(uv, tmp_path / "cache", shop)
    for packages in ink[:2]:
        first.of(packages)
    with_no_room = Environments(uv, tmp_path / "cache", shop, least_free_bytes=1 << 62)
    assert not with_no_room.make_room(), "what another has taken was removed"
    del first
    full = Environments(uv, tmp_path / "cache", shop, least_free_bytes=1 << 62)
    built = full.of(ink[1])
    assert built.folders[0].is_dir()
    assert sorted(each.name[:7] for each in (tmp_path / "cache/packages").iterdir()) == ["ink-1.1"]
    again = full.of(ink[2])
    assert "WET = True" in (again.folders[0] / "ink.py").read_text()


def test_on_a_full_disk_the_oldest_packages_go_first_and_no_more_of_them_than_needed(
    shop: Path, tmp_path: Path
):
    cache, full = tmp_path / "cache", tmp_path / "uv"
    full.write_text(  # as uv says it, while three packages lie there
        f"#!/bin/sh\n[ $1 != pip ] || [ $(ls {cache}/packages | wc -l) -lt 3 ] || "
        f"{{ echo 'No space left on device (os error 28)' >&2; exit 2; }}\n"
        f'exec {find_uv()} "$@"\n'
    )
    full.chmod(0o755)
    wheels = ("--no-index", "--find-links", str(shop / "wheels"))
    resolver = Resolver(Uv(find_uv(), Index(), wheels))
    uv = Uv(str(full), Index(), wheels)
    pins = ("ink==1.0", "ink==1.1", "ink==1.2", "brush==1.0")
    for pin in pins:
        Environments(uv, cache, shop).of(resolver.resolve([pin]))
    left = {each.name.rpartition("-")[0] for each in (cache / "packages").iterdir()}
    assert left == {"ink-1.1", "ink-1.2", "brush-1.0"}
