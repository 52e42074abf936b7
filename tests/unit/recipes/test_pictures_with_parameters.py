from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.recipes.fields import Fidelity, Recipe
from goldenseed.recipes.interpreting import Given, interpret
from goldenseed.recipes.reading import read_source
from recipe_pictures import A1111, comfy, graph, hidden, png, twenty

COUNTS = {
    # exact, approximate, unsupported
    "a1111.png": (8, 0, 3),
    "a1111-old.png": (6, 4, 2),
    "a1111-hires.png": (8, 0, 5),
    "a1111-quoted.png": (8, 0, 4),
    "a1111-chinese.png": (8, 0, 3),
    "a1111.jpg": (8, 0, 3),
    "a1111.webp": (8, 0, 3),
    "forge-flux.png": (5, 4, 2),
    "comfyui.png": (11, 0, 3),
    "comfyui-api.png": (11, 0, 3),
    "comfyui-lora.png": (11, 0, 6),
    "comfyui-two-passes.png": (11, 0, 4),
    "comfyui-advanced.png": (11, 0, 3),
    "comfyui-ancestral.png": (9, 2, 3),
    "invokeai-3.png": (9, 1, 5),
    "invokeai-2.png": (8, 1, 8),
    "invokeai-dream.png": (8, 1, 1),
    "fooocus.png": (6, 3, 12),
    "novelai.png": (7, 2, 4),
    "novelai-hidden.png": (7, 2, 4),
}
"""How many fields of each come over how; a field more or less here is one that was lost."""


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("pictures")
    found = {}
    for name, data in twenty().items():
        (folder / name).write_bytes(data)
        found[name] = interpret(read_source(folder / name), Given())
    return found


@pytest.mark.parametrize("name", COUNTS)
def test_every_field_comes_out_with_its_fidelity(recipes: dict[str, Recipe], name: str):
    recipe = recipes[name]
    assert tuple(recipe.count(each) for each in Fidelity) == COUNTS[name]
    assert all(each.why for each in recipe.fields if each.fidelity is not Fidelity.EXACT)


@pytest.mark.parametrize("name", COUNTS)
def test_prompt_seed_steps_and_size_come_over(recipes: dict[str, Recipe], name: str):
    keys = recipes[name].keys
    wanted = {"prompt", "seeds", "call.guidance_scale", "call.num_inference_steps"}
    assert {*wanted, "call.width", "call.height"} <= keys.keys()


def test_the_same_parameters_in_png_jpeg_and_webp_are_the_same_recipe(recipes: dict[str, Recipe]):
    same = [recipes[name].keys for name in ("a1111.png", "a1111.jpg", "a1111.webp")]
    assert same[0] == same[1] == same[2]


def test_behind_a_lora_the_model_is_the_loaders(recipes: dict[str, Recipe]):
    (model,) = [each for each in recipes["comfyui-lora.png"].fields if "ckpt_name" in each.name]
    assert model.value == "C:\\models\\v1-5-pruned-emaonly.safetensors"


def test_a_distilled_model_keeps_its_own_scheduler(recipes: dict[str, Recipe]):
    keys = recipes["forge-flux.png"].keys
    assert (keys["call.guidance_scale"], keys["call.true_cfg_scale"]) == (3.5, 1)
    assert "model.scheduler" not in keys


def refused(tmp_path: Path, name: str, data: bytes) -> str:
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(GoldenseedError) as error:
        interpret(read_source(file), Given())
    assert error.value.fix
    return str(error.value)


def test_half_a_graph_names_the_node_that_is_missing(tmp_path: Path):
    half = graph()
    del half["6"]
    assert "node 3 takes its positive from node 6" in refused(tmp_path, "g.png", comfy(half))
    text = json.dumps(half).encode()
    assert "node 3 takes its positive from node 6" in refused(tmp_path, "g.json", text)


def test_a_graph_that_samples_nothing(tmp_path: Path):
    nodes = {key: graph()[key] for key in ("4", "6")}
    assert "no node of its graph samples" in refused(tmp_path, "g.json", json.dumps(nodes).encode())


def test_a_workflow_of_the_editor_is_told_from_a_graph(tmp_path: Path):
    said = refused(tmp_path, "w.json", b'{"nodes": [], "links": []}')
    assert "API" in said


def test_ten_megabytes_of_parameters(tmp_path: Path):
    data = png({"parameters": "x" * 10_000_000 + "\n" + A1111})
    assert "parameters" in refused(tmp_path, "big.png", data)


def test_a_bomb_in_the_alpha_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    packed = gzip.compress(b"x" * 200_000_000)
    monkeypatch.setattr("recipe_pictures.gzip.compress", lambda _: packed[:1900])
    assert "alpha channel" in refused(tmp_path, "bomb.png", hidden({"Comment": "x"}))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("none.png", png({})),
        ("other.png", png({"Comment": "made with an editor"})),
        ("broken.png", png({"parameters": A1111})[:60]),
        ("empty.txt", b""),
        ("bytes.txt", b"\xff\xfe\x00\x01"),
        ("list.json", b"{}"),
        ("nan.json", b'{"1": {"class_type": "x", "inputs": {"a": NaN}}}'),
        ("deep.json", b'{"a":' * 2000 + b"1" + b"}" * 2000),
    ],
)
def test_what_holds_no_recipe_is_refused(tmp_path: Path, name: str, data: bytes):
    assert name in refused(tmp_path, name, data)


@pytest.mark.parametrize("seed", ["-1", "1.5", "99999999999999999999", "random"])
def test_a_seed_that_is_none_needs_one(tmp_path: Path, seed: str):
    file = tmp_path / "x.png"
    file.write_bytes(png({"parameters": A1111.replace("Seed: 99", f"Seed: {seed}")}))
    with pytest.raises(GoldenseedError, match="no fixed seed"):
        interpret(read_source(file), Given())
    recipe = interpret(read_source(file), Given(seed=4))
    assert recipe.keys["seeds"] == [4]


def test_a_pipe_is_not_waited_for(tmp_path: Path):
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(GoldenseedError, match="not a regular file"):
        read_source(tmp_path / "pipe")
