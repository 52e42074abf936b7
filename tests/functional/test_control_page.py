"""Every suite of the page on control, references and edits runs, and is identical when repeated."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw

from tiny_parts import tiny_controlnet, tiny_image_encoder, tiny_ip_adapter, tiny_t2i_adapter
from tiny_pipelines import tiny_stable_diffusion

if TYPE_CHECKING:
    from conftest import Project

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "control.md").read_text()
SUITES = re.findall(r"^```yaml\n(suite: .*?)^```", PAGE, re.MULTILINE | re.DOTALL)
NAMED = {text.split()[1]: text for text in SUITES}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A folder with everything that the suites of the page name, small and random."""
    from diffusers import UNet2DConditionModel

    folder = tmp_path_factory.mktemp("parts")
    shutil.copytree(tiny_model, folder / "shapes-sd")
    tiny_controlnet(folder / "shapes-edges")
    tiny_t2i_adapter(folder / "t2i-edges")
    tiny_image_encoder(folder / "eye")
    (folder / "ip").mkdir()
    tiny_ip_adapter(folder / "ip" / "face.safetensors", tiny_model)
    gligen = tiny_stable_diffusion(folder / "gligen-sd")
    config = UNet2DConditionModel.load_config(gligen / "unet")
    gated = UNet2DConditionModel.from_config(config, attention_type="gated")
    gated.save_pretrained(gligen / "unet")
    (folder / "inputs").mkdir()
    for name in ("heart-edges", "face", "room", "apple"):
        picture = Image.radial_gradient("L").resize((64, 64)).convert("RGB")
        picture.save(folder / "inputs" / f"{name}.png")
    mask = Image.new("L", (64, 64))
    ImageDraw.Draw(mask).rectangle((16, 16, 48, 48), fill=255)
    mask.save(folder / "inputs" / "window.png")
    return folder


def test_the_page_shows_what_it_names():
    assert set(NAMED) == {"control", "adapter", "boxes", "faces", "rooms", "edits"}


@pytest.mark.parametrize("name", NAMED)
def test_every_suite_of_the_page_runs(project: Project, parts: Path, name: str):
    shutil.copytree(parts, project.path, dirs_exist_ok=True)
    text = NAMED[name].replace("num_inference_steps: 20", "num_inference_steps: 3")
    text = text.replace("min_ssim: 0.5", "min_ssim: -0.9")  # a random model follows nothing
    project.suite.unlink()
    (project.path / f"{name}.suite.yaml").write_text(text)
    for _ in range(1 + (name == "edits")):  # the second link waits for the first
        project.run()
        project.command("accept", "reports/latest", "--reason", "looked at")
    project.run()
    found = project.record()["cases"]
    assert {each["verdict"] for each in found} == {"identical"}
    assert len(found) == 1 + (name in {"edits", "control"})
