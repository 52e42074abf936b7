"""An archive's images made again: the same with its model, and found to be others with another."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from safetensors.torch import load_file, save_file

from attested import archive_attested
from commands import goldenseed

if TYPE_CHECKING:
    from conftest import Project

CASE = "tiny::red-apple[seed=1]"
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"
KEY = ("--trusted-key", "key.pub")
FACTORY = """\
suite: own
model: {factory: pictures:build}
defaults:
  call: {size: 32}
cases:
  - {id: grey, prompt: grey, seeds: [1, 2]}
"""
PICTURES = """\
import numpy as np


def build():
    def make(prompt, generator, size):
        return np.full((size, size, 3), 0.25 * generator.initial_seed(), dtype=np.float32)

    return make
"""


@pytest.fixture(scope="module")
def folder(accepted_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an archive of its run, `made`, signed by `key`."""
    folder = tmp_path_factory.mktemp("replaying") / "project"
    shutil.copytree(accepted_project, folder, symlinks=True)
    for words in ("archive keygen --output key", "archive create --key key --output made"):
        assert goldenseed(folder, *words.split()).returncode == 0
    return folder


def replayed(folder: Path, *words: str) -> tuple[int, dict[str, object], list[dict[str, str]]]:
    """Replay; return the exit code, the level's answer, and all that JSON has of the images."""
    done = goldenseed(folder, "archive", "replay", *words, "--json")
    document = json.loads(done.stdout)
    assert [each["level"] for each in document["levels"]] == [1, 2, 3, 4, 5]
    return done.returncode, document["levels"][-1], (document["replay"] or {}).get("cases", [])


def files_of(folder: Path) -> dict[str, str]:
    files = (each for each in sorted(folder.rglob("*")) if each.is_file())
    return {str(each): hashlib.sha256(each.read_bytes()).hexdigest() for each in files}


def test_the_archived_model_makes_the_archived_images_and_the_archive_stays_as_it_is(
    folder: Path,
) -> None:
    before = files_of(folder / "made"), files_of(folder / "baselines")
    code, level, cases = replayed(folder, "made", "--model", "model", *KEY)
    assert (code, level["status"]) == (0, "passed")
    assert level["notes"][0] == "4 of 4 images were made again: 4 identical"
    assert "the environment differs in nothing that can move pixels" in level["notes"]
    assert {each["verdict"] for each in cases} == {"identical"}
    assert before == (files_of(folder / "made"), files_of(folder / "baselines"))


def test_a_drift_is_found_with_where_it_begins_and_why(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "lying" / "model"
    shutil.copytree(folder / "model", other)
    tensors = load_file(other / WEIGHTS)
    name = min(tensors)
    metadata = {"format": "pt"}
    save_file({**tensors, name: tensors[name] + 0.5}, other / WEIGHTS, metadata=metadata)
    words = ("--model", str(other.parent), *KEY, "--report", str(tmp_path / "report"))
    code, level, (case,) = replayed(folder, "made", CASE, *words)
    assert (code, level["status"]) == (15, "failed")
    found = {each["code"]: each for each in level["findings"]}
    assert found["model_differs"]["place"] == WEIGHTS
    assert found["drift"]["place"] == CASE
    assert "likely cause: denoiser weights: unet" in found["drift"]["what"]
    assert "first divergence: denoising step 1 of 3" in found["drift"]["what"]
    assert case["diagnosis"]["first_divergence"]["stage"] == "denoising_step"
    assert (tmp_path / "report" / "index.html").is_file()


def test_what_is_not_as_it_was_signed_is_not_replayed(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "made", tmp_path / "made")
    (tmp_path / "made/data/summary.md").write_text("all is well")
    trusted = ("--trusted-key", str(folder / "key.pub"))
    code, level, cases = replayed(folder, str(tmp_path / "made"), "--model", "model", *trusted)
    assert (code, level["status"], cases) == (12, "not checked", [])
    assert level["notes"] == ["an archive that fails level 2 is not replayed"]


def test_a_model_that_is_needed_and_not_given_is_named(folder: Path, tmp_path: Path) -> None:
    done = goldenseed(folder, "archive", "replay", "made")
    assert (done.returncode, done.stderr.count("--model")) == (2, 1)
    assert "the run was made with model, which is needed" in done.stderr
    (tmp_path / "model").mkdir()
    done = goldenseed(folder, "archive", "replay", "made", "--model", str(tmp_path / "model"))
    assert done.returncode == 2
    assert "is not the archived model: it has no model_index.json" in done.stderr


def test_without_torch_nothing_is_made_and_that_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    done = goldenseed(folder, "archive", "replay", "made", "--model", "model")
    assert done.returncode == 2
    assert "making images again needs torch, which is not installed" in done.stderr


def test_code_of_an_archive_runs_only_where_a_trusted_key_signed_it(
    make_project: Callable[[str], Project],
) -> None:
    project = make_project(FACTORY)
    (project.path / "pictures.py").write_text(PICTURES)
    assert project.run().ret == 1
    for words in ("archive keygen --output key", "archive create --key key --output own.zip"):
        assert project.command(*words.split()).returncode == 0
    (project.path / "pictures.py").rename(project.path / "pictures")
    refused = project.command("archive", "replay", "own.zip")
    assert refused.returncode == 2
    assert "nobody whom you trust signed it" in refused.stderr
    code, level, cases = replayed(project.path, "own.zip", "grey[seed=1]", *KEY)
    assert (code, level["status"]) == (10, "not checked")
    assert level["notes"][0] == "1 of 2 images were made again: 1 identical"
    assert [each["id"] for each in cases] == ["grey[seed=1]"]
    (project.path / "pictures").rename(project.path / "pictures.py")
    trust = archive_attested(project.path, "attested.zip", project.path)
    (project.path / "pictures.py").unlink()
    assert project.command("archive", "replay", "attested.zip").returncode == 2
    code, level, _ = replayed(project.path, "attested.zip", *trust)
    assert (code, level["status"]) == (0, "passed")
