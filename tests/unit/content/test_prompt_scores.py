"""CLIP score and PickScore on a small random model, against the model's own forward pass."""

import json
import shutil
from pathlib import Path

import pytest
import skimage.data
import torch
from PIL import Image
from transformers import AutoTokenizer, CLIPModel

from goldenseed.content.scores import SCORES, Scene, value_of
from goldenseed.core.errors import GoldenseedError
from tiny_pipelines import clip_image_processor, tiny_clip

PROMPT = "an astronaut in front of a flag"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def image() -> Image.Image:
    return Image.fromarray(skimage.data.astronaut())


def logits(folder: Path, image: Image.Image, prompt: str) -> tuple[float, float]:
    """Return the model's own logit, and its scale."""
    model = CLIPModel.from_pretrained(folder)
    pixels = clip_image_processor().from_pretrained(folder)(images=image, return_tensors="pt")
    tokens = AutoTokenizer.from_pretrained(folder)(prompt, return_tensors="pt", truncation=True)
    with torch.inference_mode():
        output = model(**tokens, **pixels)
        return float(output.logits_per_image), float(model.logit_scale.exp())


@pytest.mark.parametrize("prompt", [PROMPT, "", "far too long a prompt for 77 tokens " * 5])
def test_are_the_model_s_logit_with_and_without_its_scale(
    folder: Path, image: Image.Image, prompt: str
):
    logit, scale = logits(folder, image, prompt)
    scene = Scene(image, prompt, folder)
    assert value_of(SCORES["pick_score"], scene) == pytest.approx(logit, abs=1e-4)
    assert value_of(SCORES["clip_score"], scene) == pytest.approx(logit / scale, abs=1e-6)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (300, 40)], ids=str)
def test_are_defined_for_every_kind_of_image(folder: Path, mode: str, size: tuple[int, int]):
    value = value_of(SCORES["clip_score"], Scene(Image.new(mode, size, 90), PROMPT, folder))
    assert -1 <= value <= 1


def test_need_a_prompt(folder: Path, image: Image.Image):
    with pytest.raises(GoldenseedError, match="clip_score needs a prompt"):
        value_of(SCORES["clip_score"], Scene(image, None, folder))


class TestAFolderThat:
    @pytest.fixture
    def copy(self, folder: Path, tmp_path: Path) -> Path:
        return shutil.copytree(folder, tmp_path / "clip")

    def refused(self, folder: Path, image: Image.Image, what: str) -> None:
        with pytest.raises(GoldenseedError, match=what) as caught:
            value_of(SCORES["clip_score"], Scene(image, PROMPT, folder))
        assert str(folder) in str(caught.value)

    def test_holds_nothing_is_refused(self, tmp_path: Path, image: Image.Image):
        self.refused(tmp_path, image, "there is no config.json")

    def test_has_damaged_weights_is_refused(self, copy: Path, image: Image.Image):
        weights = copy / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])
        self.refused(copy, image, "holds no usable CLIP model")

    def test_has_pickled_weights_is_refused(self, copy: Path, image: Image.Image):
        (copy / "model.safetensors").unlink()
        torch.save(CLIPModel.from_pretrained, copy / "pytorch_model.bin")
        self.refused(copy, image, "holds no usable CLIP model")

    def test_lacks_weights_is_refused_rather_than_filled_at_random(
        self, copy: Path, image: Image.Image
    ):
        from safetensors.torch import load_file, save_file

        weights = load_file(copy / "model.safetensors")
        del weights["visual_projection.weight"]
        save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
        self.refused(copy, image, "has no weights for visual_projection.weight")

    def test_is_of_another_kind_is_refused(self, copy: Path, image: Image.Image):
        config = json.loads((copy / "config.json").read_text())
        config["vision_config"]["hidden_size"] = "wide"
        (copy / "config.json").write_text(json.dumps(config))
        self.refused(copy, image, "holds no usable CLIP model")
