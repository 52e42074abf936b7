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
