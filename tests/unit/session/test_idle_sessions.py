"""Sessions without a golden case, in fresh processes: nothing of goldenseed but the plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = {
    "goldenseed",
    "goldenseed.plugin",
    "goldenseed.session",
    "goldenseed.session.option_table",
}
NOTED = """
import json, os, sys
from pathlib import Path

def pytest_unconfigure(config):
    who = os.environ.get("PYTEST_XDIST_WORKER", "controller")
    ours = sorted(name for name in sys.modules if name.partition(".")[0] == "goldenseed")
    Path(config.rootpath, f"{who}.json").write_text(json.dumps(ours))
"""


@pytest.mark.parametrize(
    ("arguments", "processes"),
    [
        ((), {"controller"}),
        (("-p", "no:xdist"), {"controller"}),
        (("-n", "2"), {"controller", "gw0", "gw1"}),
        (("-n", "2", "--dist", "worksteal"), {"controller", "gw0", "gw1"}),
    ],
    ids=["alone", "without-xdist", "two-workers", "worksteal"],
)
def test_imports_the_plugin_and_its_options_alone(
    tmp_path: Path, arguments: tuple[str, ...], processes: set[str]
):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(NOTED)
    (tmp_path / "test_some.py").write_text(
        "import os\ndef test_one(): pass\ndef test_fails(): assert 0\n"
        "def test_crashes():\n    if 'PYTEST_XDIST_WORKER' in os.environ: os._exit(1)\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    alone = {name: text for name, text in os.environ.items() if "XDIST" not in name}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env=alone
    )
    assert done.returncode == 1, done.stdout + done.stderr
    seen = {file.stem: set(json.loads(file.read_text())) for file in tmp_path.glob("*.json")}
    assert "controller" in seen
    # One of two workers crashes, and the one in its place may start too late to tell anything.
    assert len(seen) >= len(processes) - ("gw1" in processes)
    assert all(found == PLUGIN for found in seen.values()), seen
