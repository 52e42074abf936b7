"""The small runner: one file that another Python is given, and what it makes recorded here."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.bisect.elsewhere import RUNNER, beyond_the_runner, record_made, written_job
from goldenseed.runs.folder import load_run
from goldenseed.runs.stored import decoded_evidence
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from tiny_pipelines import tiny_stable_diffusion

BALL = {"id": "ball", "prompt": "a red ball", "seeds": [7]}
EULER = {"class": "EulerDiscreteScheduler", "use_karras_sigmas": True}


def suite_of(folder: Path, *cases: dict[str, object], **more: object) -> tuple[Case, ...]:
    document = {
        "suite": "tiny",
        "model": {"source": "sd"},
        "defaults": {"call": {"num_inference_steps": 2, "height": 32, "width": 32}},
        "cases": list(cases),
        **more,
    }
    (folder / "tiny.suite.yaml").write_text(json.dumps(document))
    return load_suite(folder / "tiny.suite.yaml").cases


def test_what_it_makes_is_to_the_bit_what_this_package_makes_and_one_fault_spoils_no_other(
    tmp_path: Path,
):
    tiny_stable_diffusion(tmp_path / "sd")
    found = suite_of(
        tmp_path,
        {**BALL, "model": {"scheduler": EULER}},
        {**BALL, "id": "odd", "call": {"clip_skip": 50}},
    )
    cases = {case.id: case for case in found}
    place, folder = tmp_path / "elsewhere", tmp_path / "run"
    job = written_job(cases, place)
    command = [sys.executable, "-I", str(RUNNER), str(job), str(place / "made.json")]
    subprocess.run(command, check=True, capture_output=True)
    record_made(place / "made.json", folder, cases)
    run = load_run(folder)
    made, odd = run.cases
    own = DiffusersBackend().generate(found[0]).recording
    by_name = {(e.stage, e.source, e.index): e.sha256 for e in own.stages}
    assert {(e.stage, e.source, e.index): e.sha256 for e in made.trace}.items() <= by_name.items()
    kinds = {each.stage.value for each in made.trace}
    assert {"prompt_embeddings", "timesteps", "sigmas", "denoising_step", "pixels"} <= kinds
    assert decoded_evidence(run, folder, made).pixels_sha256 == made.pixels_sha256
    assert "IndexError" in (odd.error or "")


@pytest.mark.parametrize(
    ("case", "more", "word"),
    [
        (BALL, {}, None),
        ({**BALL, "prompt": ["a", "b"]}, {}, "one prompt"),
        (BALL, {"determinism": {"cudnn_benchmark": True}}, "determinism.cudnn_benchmark"),
        (BALL, {"model": {"source": "sd", "vae": {"tiling": True}}}, "`vae` of a model"),
        ({**BALL, "noise": "portable"}, {}, "on the CPU only"),
    ],
)
def test_what_it_cannot_make_is_told_before_it_is_tried(
    tmp_path: Path, case: dict[str, object], more: dict[str, object], word: str | None
):
    (tmp_path / "sd").mkdir()
    (found,) = suite_of(tmp_path, case, **more)
    said = beyond_the_runner(found, "auto")
    assert said is None if word is None else word in str(said)


def test_it_is_read_by_a_python_as_old_as_it_says_and_imports_nothing_of_this_package():
    text = RUNNER.read_text()
    ast.parse(text, feature_version=(3, 8))
    assert "import goldenseed" not in text
    assert "from goldenseed" not in text
