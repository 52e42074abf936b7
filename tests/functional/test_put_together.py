"""Models put together by a suite: run, accepted, run again, and the part that changed is named."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tiny_parts import (
    tiny_controlnet,
    tiny_embedding,
    tiny_gguf,
    tiny_image_encoder,
    tiny_ip_adapter,
    tiny_t2i_adapter,
)
from tiny_pipelines import (
    as_modular,
    tiny_flux,
    tiny_lora,
    tiny_stable_diffusion,
    tiny_stable_diffusion_xl,
)

if TYPE_CHECKING:
    from conftest import Project

CASE = """
defaults: {call: {num_inference_steps: 3, height: 32, width: 32, guidance_scale: 3.0}}
cases:
"""
CONTROL = """\
suite: parts
model:
  source: model
  pipeline: StableDiffusionControlNetPipeline
  components: {controlnet: canny}
"""
SEVERAL = CONTROL.replace("controlnet: canny", "controlnet: [canny, {source: depth}]")
VAE = "suite: parts\nmodel:\n  source: model\n  components: {vae: other/vae}\n"
T2I = """\
suite: parts
model:
  source: model
  pipeline: StableDiffusionAdapterPipeline
  components: {adapter: t2i}
"""
IP = """\
suite: parts
model:
  source: model
  components: {image_encoder: eye}
  ip_adapters: [{source: ip/a.safetensors, scale: 0.6}]
"""
WORD = """\
suite: parts
model:
  source: model
  embeddings: [{source: emb/cat.safetensors, token: <cat>}]
"""
LORA = """\
suite: parts
model:
  source: model
  adapters: [{source: lora/a.safetensors, scale: {unet: 0.5}}]
"""
FUSED = LORA.replace("scale: {unet: 0.5}", "scale: 0.5, fused: true")
PLAIN = "suite: parts\nmodel:\n  source: model\n"
LARGE = '  - {id: a, prompt: "a <cat>", seeds: [1], call: {height: 64, width: 64}}\n'
PICTURE = "  - {id: a, prompt: a cat, seeds: [1], inputs: {image: inputs/a.png}}\n"
PICTURES = PICTURE.replace("inputs/a.png", "[inputs/a.png, inputs/a.png]")
FACE = PICTURE.replace("image:", "ip_adapter_image:")
NOTHING = '  - {id: a, prompt: "a <cat>", seeds: [1]}\n'


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    tiny_controlnet(folder / "canny", seed=1)
    tiny_controlnet(folder / "depth", seed=2)
    tiny_t2i_adapter(folder / "t2i", seed=3)
    tiny_stable_diffusion(folder / "other", seed=9)
    tiny_image_encoder(folder / "eye")
    tiny_ip_adapter(folder / "ip" / "a.safetensors", tiny_model)
    tiny_embedding(folder / "emb" / "cat.safetensors")
    tiny_lora(folder / "lora" / "a.safetensors", tiny_model)
    (folder / "inputs").mkdir()
    picture = Image.radial_gradient("L").resize((32, 32)).convert("RGB")
    picture.save(folder / "inputs" / "a.png")
    return folder


@pytest.fixture
def built(project: Project, parts: Path) -> Project:
    project.suite.unlink()
    for each in parts.iterdir():
        shutil.copytree(each, project.path / each.name)
    return project


def write(project: Project, suite: str, case: str) -> None:
    (project.path / "parts.suite.yaml").write_text(suite + CASE + case)


def weights(folder: str) -> Callable[[Project], None]:
    """Change every weight of a part a little."""

    def change(project: Project) -> None:
        from safetensors.torch import load_file, save_file

        place = project.path / folder
        file = place if place.is_file() else next(place.glob("*.safetensors"))
        tensors = {name: each * 1.05 for name, each in load_file(file).items()}
        save_file(tensors, file, metadata={"format": "pt"})

    return change


def edited(old: str, new: str) -> Callable[[Project], None]:
    return lambda project: project.edit(old, new, project.path / "parts.suite.yaml")


CHANGES = {
    "controlnet": (CONTROL, PICTURE, weights("canny"), "control_weights"),
    "second controlnet": (SEVERAL, PICTURES, weights("depth"), "control_weights"),
    "another controlnet": (CONTROL, PICTURE, edited("canny", "depth"), "control_weights"),
    "t2i adapter": (T2I, PICTURE, weights("t2i"), "control_weights"),
    "vae": (VAE, NOTHING, weights("other/vae"), "vae_weights"),
    "ip adapter": (IP, FACE, weights("ip/a.safetensors"), "ip_adapter"),
    "its scale": (IP, FACE, edited("0.6", "0.7"), "ip_adapter"),
    "its image encoder": (IP, FACE, weights("eye"), "image_encoder"),
    "embedding": (WORD, NOTHING, weights("emb/cat.safetensors"), "embedding"),
    "lora": (LORA, NOTHING, weights("lora/a.safetensors"), "lora"),
    "lora's scale": (LORA, NOTHING, edited("0.5", "0.6"), "lora"),
    "fused lora": (FUSED, NOTHING, weights("lora/a.safetensors"), "lora"),
    "tiling": (PLAIN, LARGE, edited("source: model", "source: model\n  vae: {tiling: true}"),
               "vae_tiling"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_model_that_is_put_together_repeats_itself_and_its_change_is_named_first(
    built: Project, name: str
):
    suite, case, change, cause = CHANGES[name]
    write(built, suite, case)
    built.accept_all()
    built.run().assert_outcomes(passed=1)
    assert built.record()["cases"][0]["verdict"] == "identical"
    change(built)
    built.run()
    (found,) = built.record()["cases"]
    assert found["diagnosis"]["causes"][0]["cause"] == cause


OWN = """\
from diffusers import StableDiffusionPipeline


class Mine(StableDiffusionPipeline):
    def __call__(self, prompt, **options):
        return super().__call__(prompt + " at dusk", **options)
"""


def test_a_pipeline_of_ones_own_is_in_the_recipe_by_its_module(built: Project):
    (built.path / "own_code_of_parts.py").write_text(OWN)
    write(built, PLAIN + "  pipeline: own_code_of_parts.Mine\n", NOTHING)
    built.accept_all()
    built.run().assert_outcomes(passed=1)
    assert built.record()["cases"][0]["verdict"] == "identical"
    (built.path / "own_code_of_parts.py").write_text(OWN + "\n# another line\n")
    built.run()
    (found,) = built.record()["cases"]
    assert found["verdict"] == "incomparable"
    assert found["reasons"][0]["metric"] == "recipe.model.pipeline_sha256"


def test_all_of_it_is_pinned_by_the_lock(built: Project):
    write(built, f"lock: parts.lock.json\n{IP}", FACE)
    built.command("lock", "parts.suite.yaml")
    keys = (built.path / "parts.lock.json").read_text()
    for each in ("ip_adapter_file.ip/a.safetensors", "model_file.image_encoder/config.json"):
        assert f'"{each}"' in keys
    weights("eye")(built)
    result = built.run()
    assert "model_file.image_encoder/model.safetensors" in result.stdout.str()


def test_one_load_serves_all_suites_that_are_put_together_alike(built: Project):
    write(built, CONTROL, PICTURE)
    again = (built.path / "parts.suite.yaml").read_text().replace("suite: parts", "suite: twice")
    (built.path / "twice.suite.yaml").write_text(again)
    other = again.replace("canny", "depth").replace("suite: twice", "suite: other")
    (built.path / "zother.suite.yaml").write_text(other)
    text = built.run().stdout.str()
    assert text.count("loading model") == 2


FIVE = """\
suite: parts
model: {source: model}
defaults: {call: {num_inference_steps: 1, height: 16, width: 16}}
cases:
  - id: a
    prompts: {cat: a cat, dog: a dog}
    seeds: {start: 0, count: 5}
    vary:
      components:
        own: {}
        one: {unet: unets/1}
        two: {unet: unets/2}
        three: {unet: unets/3}
        four: {unet: unets/4}
"""


def test_fifty_cases_over_five_models_load_each_once(built: Project):
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(built.path / "model" / "unet")
    for number in range(1, 5):
        next(unet.parameters()).data.add_(0.1)
        unet.save_pretrained(built.path / "unets" / str(number))
    (built.path / "parts.suite.yaml").write_text(FIVE)
    text = built.run().stdout.str()
    assert len(built.record()["cases"]) == 50
    assert text.count("loading model") == 5


PAGE = (Path(__file__).parents[2] / "docs" / "put-together.md").read_text()
SHOWN = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def modular(folder: Path) -> None:
    """Put the page's modular pipeline and its guider into ``folder``."""
    from diffusers import ClassifierFreeGuidance

    whole = tiny_stable_diffusion_xl(folder / "whole")
    as_modular(folder / "portraits-xl", whole)
    ClassifierFreeGuidance(guidance_scale=3.0).save_pretrained(folder / "gentle")


@pytest.mark.parametrize("number", range(len(SHOWN)))
def test_every_suite_of_the_page_runs(built: Project, number: int):
    places = {
        "shapes-sd": "model",
        "edges": "canny",
        "other-vae": "other/vae",
        "embeddings": "emb",
        "ip/face.safetensors": "ip/a.safetensors",
        "inputs/edges.png": "inputs/a.png",
        "inputs/face.png": "inputs/a.png",
    }
    for name, made in places.items():
        (built.path / name).symlink_to(built.path / made)
    (built.path / "parts.suite.yaml").write_text(SHOWN[number])
    if "portraits-xl" in SHOWN[number]:
        modular(built.path)
    if ".gguf" in SHOWN[number]:
        part = tiny_flux(built.path / "flux") / "transformer"
        tiny_gguf(built.path / "flux-Q4_0.gguf", part, kind="Q4_0")
    built.accept_all()
    built.run().assert_outcomes(passed=1)
    assert built.record()["cases"][0]["verdict"] == "identical"
