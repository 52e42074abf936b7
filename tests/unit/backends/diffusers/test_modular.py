"""Modular pipelines: their folders checked, parts loaded one by one, called by their blocks."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_suites import CALL, one_case

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.checked import check_all
from goldenseed.backends.diffusers.modular_index import MODULAR_INDEX
from goldenseed.core.errors import GoldenseedError
from goldenseed.trace.stages import Stage
from tiny_pipelines import as_modular

BLOCKS = """
from diffusers import StableDiffusionXLAutoBlocks


class Mine(StableDiffusionXLAutoBlocks):
    pass
"""


@pytest.fixture(scope="module")
def saved(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return as_modular(tmp_path_factory.mktemp("modular") / "xl", models / "sdxl")


@pytest.fixture
def xl(saved: Path, tmp_path: Path) -> Path:
    """A copy of the folder, whose index names the place that it was saved to."""
    return Path(shutil.copytree(saved, tmp_path / "xl"))


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = folder / MODULAR_INDEX
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def from_elsewhere(source: str, subfolder: str = "unet") -> Callable[[dict[str, Any]], None]:
    def change(index: dict[str, Any]) -> None:
        place = {"pretrained_model_name_or_path": source, "subfolder": subfolder}
        index["unet"][2] = {**index["unet"][2], **place}

    return change


def pixels(backend: DiffusersBackend, case: Any) -> Any:
    image = backend.generate(case).image
    assert image is not None
    return np.asarray(image)


def test_it_makes_what_diffusers_makes_of_it(xl: Path, tmp_path: Path):
    import torch
    from diffusers import ModularPipeline

    own = ModularPipeline.from_pretrained(str(xl))
    own.load_components(dtype=torch.float32)
    draw = torch.Generator().manual_seed(7)
    (expected,) = own(prompt="a red ball", generator=draw, output_type="np", **CALL).images
    backend = DiffusersBackend(device="cpu")
    generation = backend.generate(case := one_case(tmp_path, "xl"))
    assert generation.image is not None
    assert np.array_equal(np.asarray(generation.image), (expected * 255).round().astype("uint8"))
    assert np.array_equal(pixels(backend, case), np.asarray(generation.image))
    assert generation.recording is not None
    recorded = {each.stage for each in generation.recording.trace}
    assert {Stage.INITIAL_NOISE, Stage.TOKEN_IDS, Stage.DENOISER_OUTPUT} <= recorded


def test_a_copied_folder_is_loaded_from_where_it_lies(saved: Path, xl: Path, tmp_path: Path):
    named = json.loads((xl / MODULAR_INDEX).read_text())["unet"][2]
    assert named["pretrained_model_name_or_path"] == str(saved.resolve())
    checked, _ = check_all(one_case(tmp_path, "xl").model, tmp_path / "tiny.suite.yaml")
    assert checked.folders["unet"] == xl / "unet"


def test_a_part_may_lie_beside_the_suite(xl: Path, tmp_path: Path):
    shutil.move(xl / "unet", tmp_path / "other" / "unet")
    edit(xl, from_elsewhere(str(tmp_path / "other")))
    backend = DiffusersBackend(device="cpu")
    backend.load(one_case(tmp_path, "xl"))
    environment = backend.fingerprint()
    assert "model_file.unet/config.json" in environment
    assert environment["guider.guider.class"] == "ClassifierFreeGuidance"


@pytest.mark.parametrize(
    ("source", "subfolder"),
    [
        ("stabilityai/sdxl", "unet"),
        ("/etc", "unet"),
        ("xl/elsewhere", "unet"),
        ("{folder}", "../../unet"),
    ],
)
def test_a_part_from_elsewhere_is_refused(xl: Path, tmp_path: Path, source: str, subfolder: str):
    shutil.move(xl / "unet", xl.parent.parent / f"{tmp_path.name}-unet")
    edit(xl, from_elsewhere(source.format(folder=xl), subfolder))
    with pytest.raises(GoldenseedError, match="neither in the model's folder nor beside") as raised:
        check_all(one_case(tmp_path, "xl").model, tmp_path / "tiny.suite.yaml")
    assert "components: {unet: …}" in (raised.value.fix or "")


@pytest.mark.parametrize(
    ("key", "value"), [("subfolder", "x" * 5000), ("variant", "x" * 5000), ("variant", "../x")]
)
def test_a_name_that_no_file_can_have_is_refused(xl: Path, tmp_path: Path, key: str, value: str):
    def name(index: dict[str, Any]) -> None:
        index["unet"][2][key] = value
        index["unet"][2]["pretrained_model_name_or_path"] = "elsewhere"

    edit(xl, name)
    with pytest.raises(GoldenseedError, match="'unet'"):
        check_all(one_case(tmp_path, xl.name).model, tmp_path)


def test_what_the_suite_names_is_not_looked_for(xl: Path, tmp_path: Path):
    shutil.move(xl / "unet", tmp_path / "mine")
    edit(xl, from_elsewhere("stabilityai/sdxl"))
    case = one_case(tmp_path, {"source": "xl", "components": {"unet": "mine"}})
    assert pixels(DiffusersBackend(device="cpu"), case).shape == (32, 32, 3)


def test_a_guider_is_a_component_and_its_options_are_on_record(xl: Path, tmp_path: Path):
    from diffusers import ClassifierFreeGuidance

    ClassifierFreeGuidance(guidance_scale=1.5).save_pretrained(tmp_path / "gentle")
    backend = DiffusersBackend(device="cpu")
    plain = pixels(backend, one_case(tmp_path, "xl"))
    gentle = one_case(tmp_path, {"source": "xl", "components": {"guider": "gentle"}})
    assert not np.array_equal(pixels(backend, gentle), plain)
    assert backend.fingerprint()["guider.guider.config.guidance_scale"] == 1.5
    assert np.array_equal(pixels(backend, one_case(tmp_path, "xl")), plain)


def test_an_argument_that_no_block_takes_is_named_with_the_nearest(xl: Path, tmp_path: Path):
    case = one_case(tmp_path, "xl", call={**CALL, "num_inference_step": 2})
    with pytest.raises(GoldenseedError, match="no argument 'num_inference_step'") as raised:
        DiffusersBackend(device="cpu").generate(case)
    assert "num_inference_steps" in (raised.value.fix or "")


def test_a_component_that_no_block_expects_is_refused(xl: Path, tmp_path: Path):
    case = one_case(tmp_path, {"source": "xl", "components": {"transformer": "xl/unet"}})
    with pytest.raises(GoldenseedError, match="has no component 'transformer'"):
        DiffusersBackend(device="cpu").load(case)


def test_device_maps_are_refused(xl: Path, tmp_path: Path):
    case = one_case(tmp_path, {"source": "xl", "device_map": "balanced"})
    with pytest.raises(GoldenseedError, match="not possible for a modular pipeline"):
        DiffusersBackend(device="cpu").load(case)


@pytest.mark.parametrize("pair", [["os", "system"], ["../x", "Y"], ["diffusers", "a.b"]])
def test_no_other_library_is_imported_for_a_part(xl: Path, tmp_path: Path, pair: list[str]):
    def hint(index: dict[str, Any]) -> None:
        index["image_encoder"][2]["type_hint"] = pair

    edit(xl, hint)
    with pytest.raises(GoldenseedError, match=r"whose code is never run|no plain word"):
        check_all(one_case(tmp_path, "xl").model, tmp_path / "tiny.suite.yaml")


def test_code_that_the_folder_brings_is_refused(xl: Path, tmp_path: Path):
    (xl / "modular_config.json").write_text('{"auto_map": {"ModularPipelineBlocks": "x.Mine"}}')
    with pytest.raises(GoldenseedError, match="brings blocks of its own") as raised:
        check_all(one_case(tmp_path, "xl").model, tmp_path / "tiny.suite.yaml")
    assert "pipeline: package.module.MyBlocks" in (raised.value.fix or "")


@pytest.mark.parametrize("name", ["SequentialPipelineBlocks", "Mine"])
def test_blocks_that_diffusers_has_not_are_not_replaced_by_others(
    xl: Path, tmp_path: Path, name: str
):
    edit(xl, lambda index: index.update(_blocks_class_name=name))
    with pytest.raises(GoldenseedError, match="blocks that diffusers has not"):
        DiffusersBackend(device="cpu").load(one_case(tmp_path, "xl"))


def test_blocks_in_code_of_the_users_own_are_named_by_the_suite(
    xl: Path, tmp_path: Path, request: pytest.FixtureRequest
):
    request.addfinalizer(lambda: sys.modules.pop("own_blocks", None))
    edit(xl, lambda index: index.update(_blocks_class_name="Mine"))
    (tmp_path / "own_blocks.py").write_text(BLOCKS)
    backend = DiffusersBackend(device="cpu")
    mine = pixels(backend, one_case(tmp_path, {"source": "xl", "pipeline": "own_blocks.Mine"}))
    assert backend.fingerprint()["pipeline.class"] == "StableDiffusionXLModularPipeline"
    edit(xl, lambda index: index.update(_blocks_class_name="StableDiffusionXLAutoBlocks"))
    assert np.array_equal(mine, pixels(backend, one_case(tmp_path, "xl")))


def test_an_ordinary_folder_is_run_by_the_modular_class_that_the_suite_names(
    models: Path, saved: Path, tmp_path: Path
):
    shutil.copytree(models / "sdxl", tmp_path / "whole")
    shutil.copytree(saved, tmp_path / "xl")
    backend = DiffusersBackend(device="cpu")
    named = {"source": "whole", "pipeline": "StableDiffusionXLModularPipeline"}
    whole = pixels(backend, one_case(tmp_path, named))
    assert np.array_equal(whole, pixels(backend, one_case(tmp_path, "xl")))


def test_what_an_empty_part_stops_says_that_it_is_empty(xl: Path, tmp_path: Path):
    def emptied(index: dict[str, Any]) -> None:
        index["vae"][2]["pretrained_model_name_or_path"] = None

    edit(xl, emptied)
    shutil.rmtree(xl / "vae")
    with pytest.raises(GoldenseedError, match=r"its folder has no .*vae"):
        DiffusersBackend(device="cpu").generate(one_case(tmp_path, "xl"))
