"""Upgrades whose truth is known, searched: planted culprits, and real releases.

    python tests/benchmarks/upgrades/matrix.py OUT [NAME ...]

writes a line of docs/bisect.md's table for each. Releases come from the index that pip has.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT / "tests")]

from goldenseed.bisect.index import pip_index  # noqa: E402
from goldenseed.bisect.resolver import Resolver, Uv, find_uv  # noqa: E402
from goldenseed.bisect.shared import TORCH  # noqa: E402
from planted_wheels import wheel_of_installed  # noqa: E402

EULER = "diffusers/schedulers/scheduling_euler_discrete.py"
DEFAULT = 'interpolation_type: str = "linear"'
OTHER_DEFAULT = 'interpolation_type: str = "log_linear"'
TOGETHER = (
    'interpolation_type: str = "log_linear" '
    'if hasattr(__import__("safetensors"), "PLANTED") else "linear"'
)
NEEDS_PLANTED = """
from importlib.metadata import version as _version
if "planted" not in _version("diffusers"):
    raise ImportError("planted: this release wants the planted diffusers and does not say so")
"""

SUITE = """\
suite: upgrades
model: {source: shapes-sd, dtype: float32}
defaults:
  call: {num_inference_steps: 10, guidance_scale: 4.0, height: 128, width: 128}
cases:
  - {id: ddim, prompt: a red apple on a white table, seeds: [1]}
  - id: euler
    prompt: a red apple on a white table
    seeds: [1]
    model: {scheduler: {class: EulerDiscreteScheduler}}
  - id: lms-karras
    prompt: a red apple on a white table
    seeds: [1]
    model: {scheduler: {class: LMSDiscreteScheduler, use_karras_sigmas: true}}
  - id: unipc-flow
    prompt: a red apple on a white table
    seeds: [1]
    model:
      scheduler:
        class: UniPCMultistepScheduler
        use_flow_sigmas: true
        prediction_type: flow_prediction
        flow_shift: 3.0
"""

TODAY = {
    "diffusers": "0.42.1", "transformers": "5.23.0", "accelerate": "1.15.0", "peft": "0.21.2",
    "numpy": "2.4.6", "pillow": "13.0.0", "scipy": "1.17.1", "safetensors": "0.8.0",
    "tokenizers": "0.23.3", "huggingface-hub": "2.4.0",
}  # fmt: skip


IN_2025 = {
    "diffusers": "0.35.2", "transformers": "4.57.6", "accelerate": "1.12.0", "peft": "0.18.0",
    "numpy": "2.3.5", "pillow": "12.0.0", "scipy": "1.16.3", "safetensors": "0.7.0",
    "tokenizers": "0.22.1", "huggingface-hub": "0.36.0",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One upgrade: what the good side has otherwise than today, and what the bad side has."""

    name: str
    good: Mapping[str, str]
    bad: Mapping[str, str] = field(default_factory=dict)
    truth: str = ""
    cases: tuple[str, ...] = ()
    plant: Callable[[Path], object] | None = None
    old: datetime | None = None
    """Everything that the good side does not pin is as of this time."""


def _default(folder: Path) -> None:
    edits = {EULER: (DEFAULT, OTHER_DEFAULT)}
    wheel_of_installed("diffusers", folder, version="0.42.1+planted", edits=edits)


def _together(folder: Path) -> None:
    edits = {EULER: (DEFAULT, TOGETHER)}
    wheel_of_installed("diffusers", folder, version="0.42.1+planted", edits=edits)
    edits = {"safetensors/__init__.py": ("# Re-export this", "PLANTED = True\n# Re-export this")}
    wheel_of_installed("safetensors", folder, version="0.8.0+planted", edits=edits)


def _crashing(folder: Path) -> None:
    _default(folder)
    edits = {"peft/__init__.py": ("__version__ =", f"{NEEDS_PLANTED}\n__version__ =")}
    wheel_of_installed("peft", folder, version="0.21.2+planted", edits=edits)


def _singly(name: str, old: str, new: str) -> Row:
    """Return the upgrade of one package among those of late 2025, which leave it that much room."""
    return Row(f"{name} {old} → {new}", {**IN_2025, name: old}, {**IN_2025, name: new})


OLD = datetime(2026, 3, 1, tzinfo=UTC)
PLANTED = {"diffusers": "0.42.1+planted"}
ROWS = (
    Row("scheduler default", {}, PLANTED, "diffusers", ("euler*",), _default, OLD),
    Row(
        "only together", {}, {**PLANTED, "safetensors": "0.8.0+planted"},
        "diffusers, safetensors", ("euler*",), _together, OLD,
    ),
    Row(
        "one that crashes", {}, {**PLANTED, "peft": "0.21.2+planted"},
        "diffusers", ("euler*",), _crashing, OLD,
    ),
    Row("pillow 10.4 → 13.0", {"pillow": "10.4.0"}),
    Row("numpy 1.26 → 2.4", {"numpy": "1.26.4", "scipy": "1.14.1"}, truth="numpy"),
    Row("accelerate, peft", {"accelerate": "1.12.0", "peft": "0.20.0"}),
    Row(
        "diffusers 0.33.1 → 0.42.1", {"diffusers": "0.33.1", "transformers": "4.51.3"},
        truth="diffusers",
    ),
    Row(
        "diffusers 0.35.2 → 0.42.1", {"diffusers": "0.35.2", "transformers": "4.57.6"},
        truth="diffusers",
    ),
    Row("diffusers 0.38.0 → 0.42.1", {"diffusers": "0.38.0", "transformers": "5.23.0"}),
    _singly("tokenizers", "0.22.0", "0.22.2"),
    _singly("safetensors", "0.4.5", "0.8.0"),
    _singly("huggingface-hub", "0.34.4", "0.36.0"),
    Row("huggingface-hub 1.32.0 → 2.4.0", {"huggingface-hub": "1.32.0"}),
    Row("diffusers 0.40.0 → 0.42.1", {"diffusers": "0.40.0", "transformers": "5.23.0"}),
    Row(
        "diffusers 0.32.2, transformers 4.48.3 → today",
        {"diffusers": "0.32.2", "transformers": "4.48.3", "accelerate": "1.2.1", "peft": "0.14.0",
         "tokenizers": "0.21.0", "safetensors": "0.4.5", "huggingface-hub": "0.27.1"},
    ),
)  # fmt: skip
_OPEN = ("tokenizers", "huggingface-hub")
"""What follows diffusers and transformers where old releases of them are asked for."""


def sides(row: Row, folder: Path) -> None:
    """Write the two requirements files."""
    wheels = folder / "wheels"
    if row.plant:
        row.plant(wheels)
    links = f"--find-links {wheels}\n" if row.plant else ""
    bad = {**TODAY, **row.bad}
    good = {**TODAY, **row.good}
    if "diffusers" in row.good:
        good = {k: v for k, v in good.items() if k in row.good or k not in _OPEN}
    if row.old:
        resolver = Resolver(Uv(find_uv(), pip_index()), excluded=TORCH)
        names = [each for each in TODAY if each != "diffusers"]
        then = resolver.resolve(names, before=row.old)
        pins = [f"{name}=={version}" for name, version in TODAY.items() if name == "diffusers"]
        fitting = resolver.resolve([*pins, *names], prefer=then)
        good = {name: each.version for name, each in fitting.each.items()}
    for name, pins in (("good", good), ("bad", bad)):
        lines = "".join(f"{each}=={version}\n" for each, version in pins.items())
        (folder / f"{name}.txt").write_text((links if name == "bad" else "") + lines)


def searched(row: Row, out: Path) -> str:
    """Search one row; return its line of the table."""
    folder = out / row.name.replace(" ", "-").replace("→", "to").replace(",", "")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "upgrades.suite.yaml").write_text(SUITE)
    shutil.copytree(ROOT / "suites/shapes-sd", folder / "shapes-sd", dirs_exist_ok=True)
    sides(row, folder)
    began = time.monotonic()
    cases = [part for each in row.cases for part in ("--case", each)]
    done = subprocess.run(
        [Path(sys.executable).with_name("goldenseed"), "bisect", "upgrades.suite.yaml", *cases,
         "--good", "good.txt", "--bad", "bad.txt", "--json", "--max-environments", "40"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    (folder / "told.txt").write_text(done.stderr)
    minutes = (time.monotonic() - began) / 60
    if not done.stdout:
        return f"| {row.name} | - | - | refused: {done.stderr.strip().splitlines()[-1]} | - | - |"
    found = json.loads(done.stdout)
    (folder / "found.json").write_text(done.stdout)
    answers = [
        f"{', '.join(a['cases'])}: {a['words']}{_release(a)}"
        f"{'' if a['confirmed'] else ' (unconfirmed)'}"
        for a in found["answers"]
    ]
    return (
        f"| {row.name} | {len(found['changes'])} | {row.truth or '-'} | "
        f"{'; '.join(answers) or 'no image moves'} | {len(found['environments'])} | {minutes:.1f} |"
    )


def _release(answer: Mapping[str, object]) -> str:
    releases = answer["releases"]
    assert isinstance(releases, list)
    return "".join(f", with {each['first_bad']}" for each in releases)


def main() -> None:
    out = Path(sys.argv[1])
    print("| Upgrade | Differences | Truth | Found | Environments | Minutes |")
    print("|---|---|---|---|---|---|")
    for row in ROWS:
        if not sys.argv[2:] or any(each in row.name for each in sys.argv[2:]):
            print(searched(row, out), flush=True)


if __name__ == "__main__":
    main()
