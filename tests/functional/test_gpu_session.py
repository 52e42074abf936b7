"""The script for a GPU machine, tried out on the CPU: its steps, its summary, its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "gpu" / "session.py"


def test_each_step_is_told_and_one_that_goes_wrong_decides_the_exit_code(tmp_path: Path):
    out = tmp_path / "out"
    # Without the runs before it there is nothing to compare.
    steps = "float32-again,environment"
    command = [sys.executable, str(SCRIPT), str(out), "--device", "cpu", "--steps", steps]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    summary = {each["name"]: each for each in json.loads((out / "summary.json").read_text())}
    assert (summary["float32-again"]["exit_code"], summary["float32-again"]["fine"]) == (2, False)
    assert (summary["environment"]["exit_code"], summary["environment"]["fine"]) == (0, True)
    environment = json.loads((out / "environment.json").read_text())
    assert environment["device.type"] == "cpu"
    assert environment["attention.unet.kernel"] == "MATH"
    assert done.stdout.startswith("NOT FINE")


def test_what_only_a_device_can_show_is_tried_out_on_the_cpu(tmp_path: Path):
    out = tmp_path / "out"
    steps = ("memory", "devices", "records", "copies")
    command = [sys.executable, str(SCRIPT), str(out), "--device", "cpu", "--steps", ",".join(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = {name: json.loads((out / f"{name}.json").read_text()) for name in steps}
    assert {name: each["wrong"] for name, each in found.items()} == {name: [] for name in steps}
    assert done.returncode == 0, done.stdout + (out / "errors.log").read_text()
    assert "cpu has too little memory" in found["memory"]["error"]
    assert len(found["records"]) > 10
    assert found["devices"]["devices"] == ["cpu"]


def test_a_check_that_finds_something_wrong_says_so_by_its_exit_code(tmp_path: Path):
    script = SCRIPT.with_name("on_device.py")
    command = [sys.executable, str(script), "memory", "--device", "cuda:99"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "device 'cuda:99' was asked for" in done.stderr
