"""Components that are GGUF files: run, repeated, pinned and named, or refused by one error."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tiny_parts import tiny_gguf
from tiny_pipelines import tiny_flux

if TYPE_CHECKING:
    from conftest import Project

HEAD = "suite: quantised\nmodel:\n  source: flux\n"
CASES = """
defaults: {call: {num_inference_steps: 2, height: 32, width: 32, max_sequence_length: 32}}
cases:
  - {id: a, prompt: a cat, seeds: [1]}
"""
FILE = "  components: {transformer: q8.gguf}\n"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, imported: None) -> Path:
    folder = tmp_path_factory.mktemp("gguf")
    part = tiny_flux(folder / "flux") / "transformer"
    tiny_gguf(folder / "q8.gguf", part)
    tiny_gguf(folder / "q4.gguf", part, kind="Q4_0")
    tiny_gguf(folder / "less.gguf", part, without="proj_out")
    (folder / "cut.gguf").write_bytes((folder / "q8.gguf").read_bytes()[:-4000])
    (folder / "other.gguf").write_bytes(b"no such file")
    (folder / "lfs.gguf").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (folder / "hub").mkdir()
    shutil.copy(folder / "q8.gguf", folder / "hub")
    return folder


@pytest.fixture
def built(project: Project, made: Path) -> Project:
    project.suite.unlink()
    for each in made.iterdir():
        if each.is_dir():
            shutil.copytree(each, project.path / each.name)
        else:
            shutil.copy(each, project.path)
    return project


def write(project: Project, model: str) -> None:
    (project.path / "quantised.suite.yaml").write_text(HEAD + model + CASES)


def said(project: Project, model: str) -> str:
    write(project, model)
    text = project.run().stdout.str()
    assert "Traceback" not in text
    return " ".join(text.split())


def test_a_gguf_file_takes_a_parts_place_and_is_pinned_and_named(built: Project):
    weights = next((built.path / "flux" / "transformer").glob("*.safetensors"))
    weights.unlink()  # its configuration is all that is needed of it
    write(built, FILE + "lock: q.lock.json\n")
    built.command("lock", "quantised.suite.yaml")
    keys = (built.path / "q.lock.json").read_text()
    for each in ("model_file.transformer/q8.gguf", "model_file.transformer/config.json",
                 "package.gguf"):  # fmt: skip
        assert f'"{each}"' in keys
    assert '"model.transformer.quantisation": "GGUFParameter Q8_0"' in keys
    built.accept_all()
    built.run().assert_outcomes(passed=1)
    assert built.record()["cases"][0]["verdict"] == "identical"
    write(built, FILE)
    shutil.copy(built.path / "q4.gguf", built.path / "q8.gguf")
    built.run()
    (found,) = built.record()["cases"]
    assert found["verdict"] == "drift"
    assert found["diagnosis"]["causes"][0]["cause"] == "dtype"
    assert "model.transformer.quantisation" in str(found["diagnosis"]["causes"][0])
    write(built, FILE.replace("q8.gguf", "{source: hub, file: q8.gguf}"))
    built.run()
    (found,) = built.record()["cases"]
    assert found["verdict"] == "incomparable"
    assert "pixels_sha256 differs" not in str(found["reasons"])
    assert found["diagnosis"]["first_divergence"] is None


def test_a_gguf_file_computes_in_the_dtype_of_the_suite(built: Project):
    write(built, "  dtype: bfloat16\n" + FILE)
    built.accept_all()
    built.run().assert_outcomes(passed=1)
    assert built.record()["cases"][0]["verdict"] == "identical"


@pytest.mark.parametrize(
    ("model", "line", "what"),
    [
        ("  components: {transformer: q2.gguf}\n", 4, "there is no file `q2.gguf` beside"),
        ("  components: {transformer: ../q8.gguf}\n", 4, "leaves its folder"),
        ("  components: {transformer: {source: hub, file: q2.gguf}}\n", 4, "no file `hub/q2.gguf`"),
        ("  components: {transformer: {source: hub, file: q.bin}}\n", 4, "is not a .gguf file"),
        ("  components: {transformer: {source: q8.gguf, file: q8.gguf}}\n", 4, "has no effect"),
        ("  components: {transformer: {source: q8.gguf, variant: fp16}}\n", 4, "has no effect"),
        ("  dtype: float64\n" + FILE, 5, "has no place beside `dtype: float64`"),
        (FILE + "determinism: portable\n", 4, "has no place beside `determinism: portable`"),
        ("  quantization: {backend: gguf}\n", 4, "`components: {transformer: weights.gguf}`"),
    ],
)
def test_a_fault_of_a_gguf_file_in_the_suite_stops_at_collection(
    built: Project, model: str, line: int, what: str
):
    found = said(built, model)
    assert "loading model" not in found
    assert f"quantised.suite.yaml:{line}: " in found
    assert what in found


@pytest.mark.parametrize(
    ("component", "what"),
    [
        ("transformer: cut.gguf", "cut.gguf: is truncated or no GGUF file"),
        ("transformer: other.gguf", "other.gguf: is truncated or no GGUF file"),
        ("transformer: lfs.gguf", "lfs.gguf: is a Git LFS pointer"),
        ("transformer: less.gguf", "less.gguf: lacks weights of a FluxTransformer2DModel"),
        ("text_encoder: q8.gguf", "CLIPTextModel is not loaded from single files"),
        ("vae: q8.gguf", "q8.gguf: cannot be loaded as a AutoencoderKL"),
        ("transformr: q8.gguf", "did you mean transformer?"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_serve_is_named(built: Project, component: str, what: str):
    assert what in said(built, f"  components: {{{component}}}\n")


def test_a_gguf_file_is_not_quantised_again(built: Project):
    pytest.importorskip("torchao", reason="torchao quantises, and is an extra")
    quantization = "  quantization: {backend: torchao, quant_type: Int8WeightOnlyConfig}\n"
    found = said(built, FILE + quantization)
    assert "quantised.suite.yaml:5: the component 'transformer' is a GGUF file" in found


def test_what_is_no_file_is_not_waited_for(built: Project):
    (built.path / "q8.gguf").unlink()
    os.mkfifo(built.path / "q8.gguf")
    assert "there is no file `q8.gguf` beside" in said(built, FILE)
