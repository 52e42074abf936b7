"""Five hundred cases of the embedded model in four shards, on Ray and in one go: the same record.

``python tests/benchmarks/five_hundred.py FOLDER [CASES [shards|ray …]]`` makes the suite in a new
folder, accepts its images, runs it in each way in processes of their own, merges the shards, and
names every field in which a record differs from that of one go beside times and parts. It ends with
1 where there is one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

MODEL = Path(__file__).parents[2] / "suites" / "shapes-sd"
SHARDS = 4
SUITE = """\
suite: many
model: {{source: shapes-sd}}
defaults:
  call: {{num_inference_steps: 4, height: 128, width: 128, guidance_scale: 5.0}}
cases:
  - id: shape
    prompts: {{apple: a red apple on a white table, ball: a blue ball on green grass}}
    seeds: {{start: 0, count: {seeds}}}
consistency:
  - {{id: shapes, cases: ["shape[apple,seed=1*"], within: {{max_phash_distance: 60}}}}
"""
OF_TIME = {"run_id", "started", "finished", "parts", "warnings"}
OF_A_CASE = {"seconds", "part", "warnings"}


def pytest(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a session; return its record."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("CI", None)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:benchmark", *arguments]
    told = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if told.returncode:
        sys.exit(told.stdout + told.stderr)
    print(told.stdout.splitlines()[-1], flush=True)
    record: dict[str, Any] = json.loads((folder / "reports/latest/run.json").read_text())
    return record


def without_times(run: dict[str, Any]) -> dict[str, Any]:
    cases = {
        (case["path"], case["id"]): {k: v for k, v in case.items() if k not in OF_A_CASE}
        for case in run["cases"]
    }
    order = [case["id"] for case in run["cases"]]
    rest = {k: v for k, v in run.items() if k not in OF_TIME}
    return {**rest, "cases": cases, "order": order}


def in_shards(folder: Path) -> dict[str, Any]:
    """Run the shards and merge them."""
    runs = [
        pytest(folder, f"--golden-shard={number}/{SHARDS}")["run_id"]
        for number in range(1, SHARDS + 1)
    ]
    command = [str(Path(sys.executable).with_name("goldenseed")), "merge", *runs]
    subprocess.run(command, cwd=folder, check=True)
    merged: dict[str, Any] = json.loads((folder / "reports/latest/run.json").read_text())
    return merged


def on_ray(folder: Path) -> dict[str, Any]:
    return pytest(folder, "--golden-ray=local", "--golden-ray-actors=2")


WAYS = {"shards": in_shards, "ray": on_ray}


def main(folder: Path, cases: int, ways: list[str]) -> None:
    folder.mkdir(parents=True)
    (folder / "shapes-sd").symlink_to(MODEL, target_is_directory=True)
    (folder / "many.suite.yaml").write_text(SUITE.format(seeds=cases // 2))
    (folder / "pytest.ini").write_text("[pytest]\n")
    pytest(folder, "--golden-update=missing")
    one = without_times(pytest(folder))
    ended = 0
    for way in ways:
        run = WAYS[way](folder)
        other = without_times(run)
        differing = [key for key in one if one[key] != other.get(key)]
        verdicts = {case["verdict"] for case in run["cases"]}
        print(f"{way}: {len(run['cases'])} cases, {verdicts}, differing: {differing or 'nothing'}")
        ended |= bool(differing)
    sys.exit(ended)


if __name__ == "__main__":
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    main(Path(sys.argv[1]), count, sys.argv[3:] or list(WAYS))
