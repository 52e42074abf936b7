"""Pipelines of diffusers that return videos, depth or embeddings, or need an earlier call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

import tiny_sequences
from tiny_pipelines import tiny_stable_diffusion

if TYPE_CHECKING:
    from conftest import Project

STEPS = "num_inference_steps: 2"
KINDS = {
    "images": (tiny_stable_diffusion, f"{STEPS}, height: 32, width: 32, num_images_per_prompt: 3"),
    "animatediff": (
        tiny_sequences.tiny_animatediff,
        f"{STEPS}, num_frames: 6, height: 16, width: 16",
    ),
    "wan": (tiny_sequences.tiny_wan, f"{STEPS}, num_frames: 5, height: 32, width: 32"),
    "ldm3d": (tiny_sequences.tiny_ldm3d, f"{STEPS}, height: 32, width: 32"),
    "prior": (tiny_sequences.tiny_kandinsky_prior, STEPS),
}
NAMES = {
    "images": [f"images[{n}]" for n in range(3)],
    "animatediff": [f"frames[{n}]" for n in range(6)],
    "wan": [f"frames[{n}]" for n in range(5)],
    "ldm3d": ["rgb", "depth"],
    "prior": ["image_embeds", "negative_image_embeds"],
}
DENOISER = {"wan": "transformer", "prior": "prior"}


def case_of(project: Project) -> dict[str, Any]:
    (case,) = project.record()["cases"]
    return case


def change_weights(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    (file,) = folder.glob("*.safetensors")
    torch.manual_seed(5)
    tensors = load_file(file)
    for name, values in tensors.items():
        if values.is_floating_point():
            tensors[name] = values * (1 + 0.05 * torch.randn_like(values))
    save_file(tensors, file, metadata={"format": "pt"})


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_returns_is_one_case_and_a_changed_denoiser_is_named(project: Project, kind: str):
    make, call = KINDS[kind]
    make(project.path / kind)
    project.suite.write_text(
        f"suite: made\nmodel: {{source: {kind}}}\ndefaults: {{call: {{{call}}}}}\n"
        "gates: {fail: {max_mean_difference: 0.001}}\n"
        "cases: [{id: a, prompt: a cat, seeds: [1]}]\n"
    )
    project.accept_all()
    project.run().assert_outcomes(passed=1)
    case = case_of(project)
    assert case["verdict"] == "identical"
    assert [each["name"] for each in case["elements"]] == NAMES[kind]
    denoiser = DENOISER.get(kind, "unet")
    change_weights(project.path / kind / denoiser)
    project.run().assert_outcomes(failed=1)
    case = case_of(project)
    assert case["verdict"] == "drift"
    assert {each["element"] for each in case["reasons"] if each["code"] == "gate"} <= {*NAMES[kind]}
    assert case["diagnosis"]["causes"][0]["cause"] == "denoiser_weights"
    assert denoiser in str(case["diagnosis"]["causes"][0]["evidence"])
    assert project.command("accept", "latest", "--reason", "a new denoiser").returncode == 0
    project.run().assert_outcomes(passed=1)
    assert case_of(project)["verdict"] == "identical"


def test_an_altered_file_of_embeddings_is_an_error(project: Project):
    make, call = KINDS["prior"]
    make(project.path / "prior")
    project.suite.write_text(
        f"suite: prior\nmodel: {{source: prior}}\ndefaults: {{call: {{{call}}}}}\n"
        "cases: [{id: a, prompt: a cat, seeds: [1]}]\n"
    )
    project.accept_all()
    first, second = sorted((project.path / "baselines").rglob("*.npy"))
    data = first.read_bytes()
    for harm in (data[:-4], data + b"1", b"PK" + data[2:], second.read_bytes()):
        first.write_bytes(harm)
        result = project.run()
        result.assert_outcomes(failed=1)
        assert case_of(project)["verdict"] == "error"
        result.stdout.fnmatch_lines([f"*{first.name}*"])
    first.write_bytes(data)
    project.run().assert_outcomes(passed=1)


EDITS = {
    "diffedit": """\
    prompt: a dog
    before:
      - method: generate_mask
        call:
          {source_prompt: a cat, target_prompt: a dog, num_maps_per_mask: 2, num_inference_steps: 3}
        gives: mask_image
      - method: invert
        call: {prompt: a cat, num_inference_steps: 3}
        gives: {image_latents: latents}
    call: {num_inference_steps: 3, negative_prompt: a cat}
""",
    "ledits": """\
    before:
      - method: invert
        call: {source_prompt: a cat, num_inversion_steps: 4, height: 32, width: 32}
    call: {editing_prompt: [a dog], edit_guidance_scale: 7.0}
""",
}


def edits(project: Project, kind: str) -> None:
    """Write a suite of two cases whose pipeline inverts a picture first."""
    getattr(tiny_sequences, f"tiny_{kind}")(project.path / kind)
    Image.radial_gradient("L").resize((32, 32)).convert("RGB").save(project.path / "cat.png")
    given = "    seeds: [1]\n    inputs: {image: cat.png}\n"
    project.suite.write_text(
        f"suite: {kind}\nmodel: {{source: {kind}}}\ncases:\n"
        f"  - id: a\n{given}{EDITS[kind]}  - id: b\n{given}{EDITS[kind].replace('a dog', 'a bird')}"
    )


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_after_its_inversion_is_the_same_whatever_was_made_before(
    project: Project, kind: str
):
    edits(project, kind)
    project.accept_all()
    project.run("-k", "b").assert_outcomes(passed=1)
    case = case_of(project)
    assert case["verdict"] == "identical"
    assert [each["method"] for each in case["recipe"]["before"]][-1] == "invert"


def test_another_inversion_is_another_recipe(project: Project):
    edits(project, "diffedit")
    project.accept_all()
    project.edit(
        "{prompt: a cat, num_inference_steps: 3}", "{prompt: a cow, num_inference_steps: 3}"
    )
    project.run("-k", "a")
    reasons = project.record()["cases"][0]["reasons"]
    assert [each["metric"] for each in reasons] == ["recipe.before.1.call.prompt"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("method: generate_mask", "method: save_pretrained", "*no method 'save_pretrained'*"),
        ("method: generate_mask", "method: load_lora_weights", "*no method 'load_lora_weights'*"),
        ("method: generate_mask", "method: generate_mark", "*did you mean*generate_mask*"),
        ("method: generate_mask", "method: __call__", "*tiny.suite.yaml:*method*"),
        ("num_maps_per_mask", "num_maps", "*has no argument 'num_maps'*"),
        ("gives: mask_image", "gives: mask", "*no call takes 'mask', which generate_mask gives*"),
        ("image_latents: latents", "image_latents: noise", "*returned has no 'noise'*"),
        ("inputs: {image:", "inputs: {picture:", "*no call takes the input 'picture'*"),
        ("gives: mask_image", "give: mask_image", "*unknown key `give`*"),
    ],
)
def test_what_is_wrong_with_an_earlier_call_is_said(
    project: Project, old: str, new: str, message: str
):
    edits(project, "diffedit")
    text = project.suite.read_text()
    assert old in text
    project.suite.write_text(text.replace(old, new))
    result = project.run("-k", "a")
    assert result.ret != 0
    result.stdout.fnmatch_lines([message])
    assert "Traceback" not in result.stdout.str()
