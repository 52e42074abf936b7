from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_text_block import POSTED

from goldenseed.core.errors import GoldenseedError
from goldenseed.recipes.exporting import Format, export
from goldenseed.recipes.interpreting import Given, interpret
from goldenseed.recipes.png_text import with_text
from goldenseed.recipes.reading import read_source, read_text_source
from goldenseed.recipes.writing import case_ids, suite_text
from goldenseed.suite.loading import load_suite
from recipe_pictures import A1111, png, twenty


def loaded(folder: Path, *texts: str, given_: Given | None = None):
    """Return the suite that is written of the texts, as pytest would read it."""
    (folder / "model").mkdir(exist_ok=True)
    recipes = [
        interpret(read_text_source(text.encode(), f"r{n}.txt"), given_ or Given(model="model"))
        for n, text in enumerate(texts)
    ]
    file = folder / "x.suite.yaml"
    file.write_text(suite_text("x", "model", recipes), "utf-8")
    return load_suite(file)


def test_the_block_as_people_post_it_goes_in_and_out_to_the_letter(tmp_path: Path):
    (case,) = loaded(tmp_path, POSTED).cases
    assert export(case, Format.TEXT).text == POSTED


def test_the_twenty_pictures_make_a_suite_that_loads(tmp_path: Path):
    (tmp_path / "model").mkdir()
    recipes = []
    for name, data in twenty().items():
        (tmp_path / name).write_bytes(data)
        recipes.append(interpret(read_source(tmp_path / name), Given(model="model")))
    file = tmp_path / "all.suite.yaml"
    file.write_text(suite_text("all", "model", recipes), "utf-8")
    suite = load_suite(file)
    assert len(suite.cases) == 20
    apple = next(case for case in suite.cases if case.id.startswith("a1111-1["))
    assert apple.prompt == "a red apple on a white table"
    assert apple.scheduler.class_name == "EulerDiscreteScheduler"


@given(st.text(max_size=200))
def test_any_prompt_comes_through_the_suite_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, prompt: str
):
    prompt = prompt.encode("utf-8", "replace").decode().strip()
    source = read_text_source(POSTED.encode(), "x")
    stated = tuple(
        type(each)(each.name, prompt, each.concept) if each.concept == "prompt" else each
        for each in source.stated
    )
    recipe = interpret(type(source)("x", "text", stated), Given(model="model"))
    folder = tmp_path_factory.mktemp("s")
    (folder / "model").mkdir()
    file = folder / "x.suite.yaml"
    file.write_text(suite_text("x", "model", [recipe]), "utf-8")
    assert load_suite(file).cases[0].prompt == recipe.keys["prompt"]


def test_parameters_go_out_as_a1111_writes_them_and_come_in_again(tmp_path: Path):
    text = (
        "a cat\nNegative prompt: dog\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, "
        "CFG scale: 7.5, Seed: 3, Size: 512x768, Clip skip: 2, RNG: CPU\n"
    )
    (case,) = loaded(tmp_path, text).cases
    exported = export(case, Format.A1111)
    assert exported.text == text
    assert {each.name for each in exported.left_out} == {"model.source", "model.dtype"}


def test_what_a_format_has_no_place_for_is_said(tmp_path: Path):
    (case,) = loaded(tmp_path, A1111.replace("RNG: CPU", "RNG: GPU, Eta: 0.5")).cases
    left_out = {each.name: each.value for each in export(case, Format.TEXT).left_out}
    assert left_out["noise"] == "device"
    assert "noise" in {each.name for each in export(case, Format.A1111).left_out}


def test_json_holds_the_whole_recipe(tmp_path: Path):
    import json

    (case,) = loaded(tmp_path, POSTED).cases
    document = json.loads(export(case, Format.JSON).text)
    assert document["recipe"]["seed"] == 123456
    assert len(document["sha256"]) == 64


def test_a_prompt_that_the_format_would_change_is_refused(tmp_path: Path):
    (case,) = loaded(tmp_path, "a cat · Seed: 2\nSteps: 2, Seed: 1, Size: 8x8").cases
    assert case.prompt == "a cat · Seed: 2"
    with pytest.raises(GoldenseedError, match="to the letter"):
        export(case, Format.TEXT)


def test_loras_are_adapters_where_their_files_are(tmp_path: Path):
    given_ = Given(model="model", loras={"rain": "loras/rain.safetensors"})
    text = A1111.replace("white table", "white table <lora:rain:0.7> <lora:fog:1>")
    source = read_text_source(text.encode(), "x")
    recipe = interpret(source, given_)
    assert recipe.keys["model.adapters"] == [{"source": "loras/rain.safetensors", "scale": 0.7}]
    (fog,) = [each for each in recipe.fields if "fog" in each.value and each.name == "lora"]
    assert "no file" in fog.why


def test_ids_are_names_of_files_and_differ():
    names = ["a b.png", "x/a-b.png", "C:\\pictures\\Ä.png", "日本.png", "CON.txt"]
    ids = case_ids(names)
    assert ids == ["a-b-1", "a-b-2", "recipe-1", "recipe-2", "con"]


def test_text_in_a_png_leaves_its_pixels_and_its_other_chunks(tmp_path: Path):
    before = png({"parameters": "old", "Author": "x"})
    after = with_text(before, "parameters", "【图像】 new")
    (tmp_path / "a.png").write_bytes(after)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.text == {"parameters": "【图像】 new", "Author": "x"}
    cut = after.index(b"IDAT")
    assert before[before.index(b"IDAT") :] == after[cut:]


@pytest.mark.parametrize("data", [b"", b"GIF89a", png({})[:50], png({})[:-5][:40]])
def test_what_is_no_whole_png_gets_no_text(data: bytes):
    with pytest.raises(GoldenseedError):
        with_text(data, "parameters", "x")
