"""Make the run records of this folder again: ``python tests/unit/reporting/records/make.py``.

Two suites of tiny models are accepted under an earlier diffusers. Then the weights of one model, a
prompt's steps and the packages change, some images are rejected, a case is added, another cannot be
made; and pytest runs both suites once more. What is kept is that run's record and its pictures.
It takes about a minute and fetches one wheel; digests and run ids are others each time.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[2]
EARLIER = "diffusers==0.41.0"

SUITE = """\
suite: moved
model: {source: model}
lock: moved.lock.json
defaults:
  call: {num_inference_steps: 4, height: 32, width: 32, guidance_scale: 3.0}
gates:
  fail: {min_ssim: 0.9999, max_phash_distance: 6, max_peak_difference: 4}
cases:
  - {id: red-apple, prompt: a red apple, seeds: [1024, 7]}
  - {id: blue-cup, prompt: a blue cup, seeds: [3]}
  - id: loose
    prompt: a green ball
    seeds: [3]
    gates: {fail: {min_ssim: -1, max_phash_distance: 64, max_peak_difference: 255}}
  - {id: three-ears, prompt: "a cat's face, close up", seeds: [5]}
consistency:
  - id: apples
    cases: [red-apple]
    within: {max_mean_difference: 1}
"""
LATER = """\
  - {id: at-night, prompt: a red ball at night, seeds: [3]}
  - {id: odd, prompt: a yellow cat, seeds: [7], call: {clip_skip: 9}}
"""
STEADY = """\
suite: steady
model: {source: other}
defaults:
  call: {num_inference_steps: 2, height: 32, width: 32, guidance_scale: 3.0}
cases:
  - {id: table, prompts: {red: a red ball on a table, blue: a blue ball on a table}, seeds: [1, 2]}
  - id: elsewhere
    prompt: a yellow ball on a table
    seeds: [1, 2]
    call: {num_inference_steps: 12, height: 96, width: 96}
diversity:
  - id: tables
    cases: [table]
    within: {min_mean_difference: 0.5}
"""


def main() -> None:
    """Run the sessions in a folder of their own, then keep the last one."""
    with tempfile.TemporaryDirectory() as made:
        project = Path(made) / "project"
        earlier = Path(made) / "earlier"
        _pip("install", "--quiet", "--no-deps", "--target", str(earlier), EARLIER)
        _models(project)
        _accept(project, str(earlier))
        _change(project)
        report = "--golden-environment=report"
        _session(project, report)
        why = ("--reason", "the cat has three ears", "--by", "Ada")
        _command(project, "reject", "latest", "three-ears*", *why)
        _session(project, report)
        _keep(project / "reports" / "latest")


def _models(project: Path) -> None:
    sys.path.insert(0, str(TESTS))
    from tiny_pipelines import tiny_stable_diffusion

    for seed, name in enumerate(("model", "other")):
        tiny_stable_diffusion(project / name, seed=seed)
    (project / "pytest.ini").write_text("[pytest]\n")
    (project / "moved.suite.yaml").write_text(SUITE)
    (project / "steady.suite.yaml").write_text(STEADY)


def _accept(project: Path, earlier: str) -> None:
    before = {"PYTHONPATH": earlier}
    _command(project, "lock", "moved.suite.yaml", **before)
    _session(project, "--golden-update=missing", "-k", "not elsewhere", **before)
    other_cpu = {"ATEN_CPU_CAPABILITY": "default", **before}
    _session(project, "--golden-update=missing", "-k", "elsewhere", **other_cpu)


def _change(project: Path) -> None:
    """Plant what the record has to tell of: other weights, other steps, more cases."""
    from safetensors.torch import load_file, save_file

    weights = project / "model" / "unet" / "diffusion_pytorch_model.safetensors"
    save_file({name: value * 1.2 for name, value in load_file(weights).items()}, weights)
    suite = project / "moved.suite.yaml"
    text = suite.read_text().replace(
        "prompt: a blue cup, seeds: [3]",
        "prompt: a blue cup, seeds: [3], call: {num_inference_steps: 3}",
    )
    suite.write_text(text.replace("consistency:\n", f"{LATER}consistency:\n"))


def _keep(run: Path) -> None:
    target = HERE / "every_verdict"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(run / "images", target / "images")
    (target / "run.json.gz").write_bytes(gzip.compress((run / "run.json").read_bytes(), mtime=0))


def _session(project: Path, *arguments: str, **variables: str) -> None:
    _run(project, "pytest", "-q", "-p", "no:cacheprovider", *arguments, **variables)


def _command(project: Path, *arguments: str, **variables: str) -> None:
    _run(project, "goldenseed.cli.main", *arguments, **variables)


def _pip(*arguments: str) -> None:
    _run(HERE, "pip", *arguments)


def _run(folder: Path, module: str, *arguments: str, **variables: str) -> None:
    surroundings = {name: value for name, value in os.environ.items() if name != "CI"}
    code = f"import runpy, sys; sys.argv[0] = {module!r}; "
    code += (
        "from goldenseed.cli.main import main; main()"
        if module.startswith("goldenseed")
        else f"runpy.run_module({module!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=folder, env=surroundings | variables, check=False)
    if done.returncode > 1:  # 1: some cases fail, as planted
        raise SystemExit(f"{module} {' '.join(arguments)} ended with {done.returncode}")


if __name__ == "__main__":
    main()
