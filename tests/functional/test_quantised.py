"""Weights quantised as they are loaded: refused before that, or repeated and named first."""

from __future__ import annotations

import importlib
import importlib.util
import json
from typing import TYPE_CHECKING

import pytest

from tiny_pipelines import tiny_flux

if TYPE_CHECKING:
    from conftest import Project

HEAD = "suite: quantised\nmodel:\n"
CASES = """
defaults: {call: {num_inference_steps: 2, height: 32, width: 32, guidance_scale: 3.0}}
cases:
  - {id: a, prompt: a cat, seeds: [1]}
"""
INT8 = "  quantization: {backend: torchao, quant_type: Int8WeightOnlyConfig}\n"
BACKENDS = {
    "torchao": "torchao.quantization",
    "bitsandbytes": "bitsandbytes",
    "quanto": "optimum.quanto",
}
HERE = {name for name, each in BACKENDS.items() if importlib.util.find_spec(each.partition(".")[0])}
for backend in HERE:  # before any session of these tests, which would forget its modules
    importlib.import_module(BACKENDS[backend])


def needs(backend: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(backend not in HERE, reason=f"{backend} is not installed")


PACKAGES = {"torchao": "torchao", "bitsandbytes": "bitsandbytes", "optimum": "optimum-quanto"}
ABSENT = [each for each in PACKAGES if importlib.util.find_spec(each) is None]
ABSENT = ABSENT or [pytest.param("", marks=pytest.mark.skip(reason="all backends are installed"))]


def write(project: Project, model: str, source: str = "  source: model\n") -> None:
    project.suite.unlink(missing_ok=True)
    (project.path / "quantised.suite.yaml").write_text(HEAD + source + model + CASES)


def said(project: Project, model: str, **source: str) -> str:
    """Run a suite whose model has these lines, 4 and on; return what is printed."""
    write(project, model, **source)
    text = project.run().stdout.str()
    assert "Traceback" not in text
    return " ".join(text.split())


@pytest.mark.parametrize("module", ABSENT)
def test_a_missing_package_is_named_before_anything_is_loaded(project: Project, module: str):
    package = PACKAGES[module]
    backend = package.removeprefix("optimum-")
    (project.path / "empty").mkdir()  # of which loading would tell
    source = "  source: empty\n"
    found = said(project, f"  quantization: {{backend: {backend}}}\n", source=source)
    assert f"quantised.suite.yaml:4: `model.quantization` by {backend} needs the package" in found
    assert f"fix: pip install {package}" in found


@pytest.mark.parametrize(
    ("model", "line", "what"),
    [
        ("  quantization: {backend: torchoa}\n", 4, "fix: write torchao"),
        ("  quantization: {quant_type: A}\n", 4, "backend"),
        ("  quantization: true\n", 4, "true"),
        ("  dtype: float64\n" + INT8, 5, "has no place beside `dtype: float64`"),
        (INT8 + "determinism: portable\n", 4, "has no place beside `determinism: portable`"),
    ],
)
def test_a_fault_of_quantization_in_the_file_stops_at_collection(
    project: Project, model: str, line: int, what: str
):
    found = said(project, model)
    assert "loading model" not in found
    assert f"quantised.suite.yaml:{line}: " in found
    assert what in found


def test_a_factory_quantises_itself(project: Project):
    (project.path / "makes.py").write_text("def build():\n    return None\n")
    project.suite.unlink()
    suite = "suite: made\nmodel:\n  factory: makes:build\n" + INT8 + CASES
    (project.path / "made.suite.yaml").write_text(suite)
    text = project.run().stdout.str()
    assert "made.suite.yaml:4: `model.quantization` has no effect beside `factory`" in text


@pytest.mark.parametrize(
    ("options", "locked"),
    [
        pytest.param(
            "backend: torchao, quant_type: Int8WeightOnlyConfig",
            ("package.torchao", "Int8WeightOnlyConfig"),
            marks=needs("torchao"),
        ),
        pytest.param(
            "backend: torchao, quant_type: Int8WeightOnlyConfig, components: [text_encoder]",
            ("package.torchao", "Int8WeightOnlyConfig"),
            marks=needs("torchao"),
        ),
        pytest.param(
            "backend: quanto, weights_dtype: int8",
            ("package.optimum-quanto", "int8"),
            marks=needs("quanto"),
        ),
        pytest.param(
            "backend: quanto, weights: int8, components: [text_encoder]",
            ("package.optimum-quanto", "int8"),
            marks=needs("quanto"),
        ),
        pytest.param(
            "backend: bitsandbytes, load_in_8bit: true, components: [text_encoder]",
            ("package.bitsandbytes", "load_in_8bit"),
            marks=needs("bitsandbytes"),
        ),
    ],
)
def test_a_quantised_model_repeats_itself_and_the_quantisation_is_named_first(
    project: Project, options: str, locked: tuple[str, ...]
):
    write(project, f"  quantization: {{{options}}}\nlock: q.lock.json\n")
    project.command("lock", "quantised.suite.yaml")
    keys = json.loads((project.path / "q.lock.json").read_text())
    assert all(each in str(keys) for each in locked)
    project.accept_all()
    project.run().assert_outcomes(passed=1)
    assert project.record()["cases"][0]["verdict"] == "identical"
    write(project, "")
    project.run()
    (found,) = project.record()["cases"]
    first = found["diagnosis"]["causes"][0]
    assert first["cause"] == "dtype"
    assert "model.quantization" in str(first)
    assert "model.unet.forwards" not in str(found["diagnosis"])
    assert "could not be read" not in str(found)


@needs("torchao")
def test_the_transformer_of_flux_is_quantised_in_part(project: Project):
    tiny_flux(project.path / "flux")
    kept = INT8.replace("}", ", modules_to_not_convert: [proj_out]}")
    write(project, kept, source="  source: flux\n")
    project.accept_all()
    project.run().assert_outcomes(passed=1)
    assert project.record()["cases"][0]["verdict"] == "identical"


@needs("torchao")
@pytest.mark.parametrize(
    ("options", "what", "fix"),
    [
        ("", "torchao needs a `quant_type`", "Int8WeightOnlyConfig"),
        ("quant_type: Int8WeightOnlyConfg", "no class 'Int8WeightOnlyConfg'", "Int8WeightOnlyC"),
        ("quant_type: {class: Int8WeightOnlyConfig, grup_size: 8}", "takes no 'grup_size'",
         "group_size"),
        ("quant_type: 8", "cannot be made: TypeError", "correct"),
        ("quant_type: Int8WeightOnlyConfig, modules: [a]", "TorchAoConfig takes no 'modules'",
         "modules_to_not_convert"),
        ("quant_type: Int8WeightOnlyConfig, components: [unett]", "no component 'unett'", "unet"),
        ("quant_type: Int8WeightOnlyConfig, components: [scheduler]", "no component 'scheduler'",
         "unet"),
        ("quant_type: Int8WeightOnlyConfig, modules_to_not_convert: ['']", "has no effect",
         "leave it out"),
    ],
)  # fmt: skip
def test_what_torchao_does_not_take_is_said_with_its_line(
    project: Project, options: str, what: str, fix: str
):
    found = said(project, f"  quantization: {{backend: torchao, {options}}}\n")
    found = found.partition("quantised.suite.yaml:4: ")[2]
    assert what in found
    assert fix in found.partition(" fix: ")[2]


@needs("bitsandbytes")
def test_a_part_that_bitsandbytes_quantises_on_an_accelerator_only_is_named(project: Project):
    found = said(project, "  quantization: {backend: bitsandbytes, load_in_8bit: true}\n")
    assert "quantised.suite.yaml:4: diffusers quantises 'unet' by bitsandbytes on an acc" in found
    assert "or name parts of transformers" in found
