"""``goldenseed probe`` in a real project: real processes, one thing changed in each."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import decode
from goldenseed.runs.folder import load_run
from goldenseed.suite.loading import load_suite
from goldenseed.tools.probe.change import Change
from goldenseed.tools.probe.probing import Probe
from tiny_pipelines import tiny_lora

if TYPE_CHECKING:
    from collections.abc import Iterator

SUITE = """\
suite: tiny
model: {source: model}
defaults:
  call: {num_inference_steps: 2, height: 32, width: 32, guidance_scale: 3.0}
gates:
  fail: {max_peak_difference: 4}
cases:
  - id: cartoon
    prompt: a red apple
    seeds: [1]
    model: {adapters: [{source: cartoon.safetensors}]}
  - id: plain
    prompt: a red ball
    seeds: [1, 2]
"""
CHANGES = (
    "process=fresh,batch=2+position=last,float32_precision=tf32,dtype=float16,dtype=bfloat16,"
    "attention_backend=native,fuse_lora"
)


def goldenseed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("goldenseed")
    return subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("probed")
    (folder / "model").symlink_to(tiny_model, target_is_directory=True)
    tiny_lora(folder / "cartoon.safetensors", tiny_model)
    (folder / "tiny.suite.yaml").write_text(SUITE)
    return folder


@pytest.fixture(scope="module")
def probed(place: Path) -> subprocess.CompletedProcess[str]:
    """One probe, looked at by several tests; its processes import torch for seconds each."""
    pytest.importorskip("peft")
    arguments = ("tiny.suite.yaml", "cartoon", "--changes", CHANGES, "--jobs", "2")
    return goldenseed(place, "probe", *arguments)


@pytest.fixture(scope="module")
def found(probed: subprocess.CompletedProcess[str], place: Path) -> dict[str, Any]:
    assert probed.returncode == 0, probed.stderr
    (file,) = place.glob("reports/probe-*/probe.json")
    document = json.loads(file.read_text())
    return {each["name"]: each for each in document["changes"]}


def test_every_change_that_was_asked_for_has_a_row(
    probed: subprocess.CompletedProcess[str], found: dict[str, Any]
):
    rows = [line.split()[0] for line in probed.stdout.splitlines() if line.startswith("  ")]
    assert rows[0] == "change"
    assert sorted(rows[1:]) == sorted(CHANGES.split(","))
    assert sorted(found) == sorted(CHANGES.split(","))


def test_the_same_once_more_is_identical(found: dict[str, Any]):
    assert found["process=fresh"]["verdict"] == "identical"
    assert found["process=fresh"]["environment"] == []


def test_another_dtype_moves_the_pixels_and_is_not_called_another_recipe(found: dict[str, Any]):
    bfloat16 = found["dtype=bfloat16"]
    assert bfloat16["verdict"] in {"warn", "drift"}
    assert bfloat16["worst"]["peak_difference"] > 1
    assert 0 < bfloat16["worst"]["changed_fraction"] <= 1


@pytest.mark.parametrize("name", ["batch=2+position=last", "fuse_lora"])
def test_another_order_of_the_same_arithmetic_stays_within_the_gates(
    found: dict[str, Any], name: str
):
    assert found[name]["verdict"] in {"identical", "match", "warn"}
    assert set(found[name]["cases"]) == {"cartoon[seed=1]"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("float32_precision=tf32", "needs a GPU"),
        ("dtype=float16", "20 times as long on a CPU"),
        ("attention_backend=native", "takes a back end"),
    ],
)
def test_what_does_not_exist_here_is_skipped_with_the_reason(
    found: dict[str, Any],
    probed: subprocess.CompletedProcess[str],
    name: str,
    reason: str,
):
    assert reason in found[name]["skipped"]
    assert found[name]["verdict"] is None
    assert reason in probed.stdout


def test_each_change_leaves_a_run_that_diff_takes(place: Path, found: dict[str, Any]):
    (folder,) = place.glob("reports/probe-*")
    result = goldenseed(
        place, "diff", str(folder / "unchanged"), str(folder / "dtype=bfloat16"), "--no-report"
    )
    assert result.returncode == 1, result.stderr
    assert f"paired 1: 1 {found['dtype=bfloat16']['verdict']}" in result.stdout
    assert "float32" in result.stdout
    assert "bfloat16" in result.stdout


def test_the_page_shows_each_image_against_the_unchanged_one(
    place: Path, found: dict[str, Any], probed: subprocess.CompletedProcess[str]
):
    (folder,) = place.glob("reports/probe-*")
    assert f"report  reports/{folder.name}/index.html" in probed.stdout
    record = load_run(folder)
    cases = {case.alternatives["change"]: case for case in record.cases}
    assert set(cases) == {name for name, each in found.items() if each["verdict"]}
    moved = cases["dtype=bfloat16"]
    assert (moved.id, moved.verdict) == (
        "cartoon[dtype=bfloat16,seed=1]",
        found["dtype=bfloat16"]["verdict"],
    )
    assert moved.baseline is not None
    for picture in (moved.image, moved.baseline.image, moved.difference):
        assert decode(folder / str(picture)).size == (32, 32)
    assert record.environment_of(moved) != record.environment
    summary = (folder / "summary.md").read_text()
    assert summary.startswith("## Golden images: Moves ")
    assert "| dtype=bfloat16 | " in summary
    assert "goldenseed accept" not in (folder / "index.html").read_text()


def test_the_table_is_left_as_markdown(place: Path, found: dict[str, Any]):
    (file,) = place.glob("reports/probe-*/probe.md")
    lines = file.read_text().splitlines()
    assert lines[0].startswith("| change | verdict | max |")
    assert len(lines) == 2 + len(found)


def test_a_suite_whose_images_cannot_be_made_is_one_message(place: Path):
    broken = place / "broken.suite.yaml"
    broken.write_text(SUITE.replace("num_inference_steps: 2", "num_steps: 2"))
    result = goldenseed(place, "probe", broken.name, "plain", "--changes", "process=fresh")
    assert result.returncode == 2
    assert "cannot be made as it stands" in result.stderr
    assert "num_steps" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny.suite.yaml", "--changes", "thraeds"], "there is no change 'thraeds'"),
        (["tiny.suite.yaml", "pear"], "no case fits 'pear'"),
        (["nowhere.suite.yaml"], "nowhere.suite.yaml"),
        ([], "probe wants a suite file"),
    ],
)
def test_what_is_not_there_is_said_before_anything_is_started(
    place: Path, arguments: list[str], message: str
):
    result = goldenseed(place, "probe", *arguments)
    assert result.returncode == 2
    assert message in result.stderr


def test_a_model_that_is_exchanged_meanwhile_is_noticed(place: Path, tmp_path: Path):
    shutil.copytree((place / "model").resolve(), tmp_path / "model")
    file = tmp_path / "plain.suite.yaml"
    file.write_text(SUITE.replace("    model: {adapters: [{source: cartoon.safetensors}]}\n", ""))
    suite = load_suite(file)
    config = tmp_path / "model" / "scheduler" / "scheduler_config.json"

    def changes() -> Iterator[Change]:
        config.write_text(config.read_text().replace("0.012", "0.013"))
        yield Change("process=fresh", "once more")
        yield Change("broken", "no Python", environment={"PYTHONHOME": str(tmp_path)})

    probe = Probe(suite, suite.cases[:1], tmp_path / "probe")
    exchanged, broken = probe.run(changes(), lambda _: None)
    assert exchanged.failed is not None
    assert "scheduler/scheduler_config.json changed" in exchanged.failed
    assert broken.failed is not None
    assert broken.verdict is None


def test_a_change_that_takes_too_long_is_given_up(place: Path, tmp_path: Path):
    suite = load_suite(place / "tiny.suite.yaml")
    probe = Probe(suite, suite.cases[:1], tmp_path, timeout_seconds=0.1)
    with pytest.raises(GoldenseedError, match=r"took longer than 0\.1 s"):
        probe.run((), lambda _: None)


def test_the_changes_can_be_listed_without_a_suite(place: Path):
    result = goldenseed(place, "probe", "--list", "--changes", "sdpa-*")
    assert result.returncode == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        "sdpa=default",
        "sdpa=math",
        "sdpa=flash",
        "sdpa=efficient",
        "sdpa=cudnn",
    ]
