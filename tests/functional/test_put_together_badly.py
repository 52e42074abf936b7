"""What cannot be put together: one error each, that names the line and what to do."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from safetensors.numpy import load_file, save_file

from tiny_parts import tiny_controlnet, tiny_embedding, tiny_ip_adapter
from tiny_pipelines import tiny_lora

if TYPE_CHECKING:
    from conftest import Project

HEAD = "suite: bad\nmodel:\n  source: model\n"
CASES = """
defaults: {call: {num_inference_steps: 1, height: 32, width: 32}}
cases:
  - {id: a, prompt: a cat, seeds: [1]}
"""
VAE = "  components:\n    vae:\n      source: model\n"
CONTROL = "  pipeline: StableDiffusionControlNetPipeline\n"


def said(project: Project, model: str, *, collected: bool = False) -> str:
    """Run a suite whose model has these lines, 4 and on; return the one error."""
    project.suite.unlink(missing_ok=True)
    (project.path / "bad.suite.yaml").write_text(HEAD + model + CASES)
    text = project.run().stdout.str()
    assert ("loading model" in text) is not collected, text
    assert "Traceback" not in text
    found = text.partition("bad.suite.yaml:")[2] if collected else text.partition("failed\n")[2]
    return " ".join(found.partition("\n====")[0].split())


@pytest.mark.parametrize(
    ("model", "line", "what"),
    [
        ("  components: {vae: nowhere}\n", 4, "there is no folder `nowhere` beside the suite file"),
        ("  components:\n    vae: ../vae\n", 5, "leaves its folder"),
        ("  components: {vae: org/name}\n", 4, "the hub id `org/name` has no revision"),
        (f"{VAE}      subfolder: ../x\n", 7, "leads out of"),
        (f"{VAE}      subfolder: x\n", 7, "no folder `model/x`"),
        ("  components: {vae: []}\n", 4, "empty"),
        ("  components: {vae: {source: model, klass: A}}\n", 4, "write `class`"),
        ("  ip_adapters: [{source: model}]\n", 4, "no `file` in it is named"),
        ("  ip_adapters: [{source: model, file: model_index.json}]\n", 4, "could run code"),
        ("  ip_adapters: [{source: nowhere.safetensors}]\n", 4, "there is no file"),
        ("  embeddings: [{source: e.bin, token: x}]\n", 4, "there is no file"),
        ("  embeddings: [{source: e.safetensors}]\n", 4, "token"),
        ("  device: cpu\n  offload: model\n", 5, "where all lies already"),
        ("  offload: some\n", 4, "sequential"),
        ("  offload: model\n  device_map: balanced\n", 5, "both say where parts lie"),
        ("  adapters: [{source: a.safetensors, scale: {}}]\n", 4, "empty"),
        ("  vae: {tile: true}\n", 4, "tiling"),
    ],
)  # fmt: skip
def test_a_fault_in_the_file_stops_at_collection(
    project: Project, model: str, line: int, what: str
):
    found = said(project, model, collected=True)
    assert found.startswith(f"{line}: ")
    assert what in found
    assert " fix: " in found


@pytest.mark.parametrize(
    ("model", "line", "what", "fix"),
    [
        (
            "  components: {controlnet: canny}\n",
            4,
            "StableDiffusionPipeline has no component 'controlnet'",
            "pipeline: StableDiffusionControlNetPipeline",
        ),
        ("  components: {unett: model/unet}\n", 4, "no component 'unett'", "unet"),
        ("  components:\n    vae: {source: model/vae, class: AutoencodrKL}\n", 5,
         "has a class 'AutoencodrKL'", "AutoencoderKL"),
        (CONTROL + "  components: {controlnet: wide}\n", 5,
         "`controlnet` does not fit `unet`: cross_attention_dim is 48", "same model"),
        (CONTROL + "  components: {controlnet: model}\n", 5,
         "nothing tells of which class", "class: …"),
        ("  dtype: {default: float32, vea: float32}\n", 4, "no component 'vea'", "vae"),
        ("  offload: sequential\n", 4, "needs an accelerator", "remove it"),
        ("  device_map: blanced\n", 4, "no `device_map` 'blanced'", "balanced"),
        ("  compile: {components: [unett]}\n", 4, "no component 'unett' to compile", "unet"),
        ("  compile: {backend: inductr}\n", 4, "no compiler 'inductr'", "inductor"),
        ("  adapters: [{source: l.safetensors, scale: {text_encoder: 0.5}}]\n", 8,
         "for 'text_encoder' has no effect", "remove `text_encoder`"),
        ("  embeddings: [{source: e.safetensors, token: a}]\n", 4, "knows the token 'a'", "own"),
        ("  embeddings: [{source: e.safetensors, token: <x>, text_encoder: text_encoder_2}]\n", 4,
         "takes no textual inversion for its text_encoder_2", "text_encoder"),
        ("  ip_adapters: [{source: ip.safetensors}]\n", 8,
         "gives it no picture", "ip_adapter_image"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_with_its_line(
    project: Project, model: str, line: int, what: str, fix: str
):
    tiny_controlnet(project.path / "canny")
    tiny_controlnet(project.path / "wide", cross_attention_dim=48)
    tiny_lora(project.path / "l.safetensors", project.path / "model")
    tiny_embedding(project.path / "e.safetensors")
    tiny_ip_adapter(project.path / "ip.safetensors", project.path / "model")
    found = said(project, model)
    assert f"bad.suite.yaml:{line}: " in found
    assert what in found
    assert fix in found.partition(" fix: ")[2]


def test_files_that_hold_something_else_are_named(project: Project):
    ip = "  ip_adapters: [{source: f.safetensors}]\n"
    word = "  embeddings: [{source: f.safetensors, token: <x>}]\n"
    tiny_lora(project.path / "f.safetensors", project.path / "model")
    assert "f.safetensors: is no IP-Adapter" in said(project, ip)
    assert "f.safetensors: holds several tensors" in said(project, word)
    tiny_embedding(project.path / "f.safetensors", width=7)
    assert "f.safetensors: is made for a text encoder of 7 numbers" in said(project, word)
    tiny_embedding(project.path / "f.safetensors")
    broken = {
        name: each * float("nan")
        for name, each in load_file(project.path / "f.safetensors").items()
    }
    save_file(broken, project.path / "f.safetensors")
    assert "f.safetensors: holds NaN" in said(project, word)
    (project.path / "f.safetensors").write_bytes(b"{}")
    assert "f.safetensors: is truncated or corrupt" in said(project, word)
    assert "f.safetensors: is truncated or corrupt" in said(project, ip)


def test_a_pickled_component_is_refused_and_allowed_by_its_name(project: Project):
    import torch

    shutil.copytree(project.path / "model" / "vae", project.path / "own")
    weights = project.path / "own" / "diffusion_pytorch_model.safetensors"
    torch.save(
        {k: torch.from_numpy(v) for k, v in load_file(weights).items()}, weights.with_suffix(".bin")
    )
    weights.unlink()
    components = "  components: {vae: own}\n"
    found = said(project, components)
    name = "vae/diffusion_pytorch_model.bin"
    assert f'allow_pickle: ["{name}"]' in found
    assert "NEW" in said(project, f"{components}  allow_pickle: [{name}]\n") or project.record()
    assert project.record()["cases"][0]["verdict"] == "new"
