from __future__ import annotations

from collections.abc import Callable

import pytest

from goldenseed.core.files import json_sha256
from goldenseed.suite.cases import Suite
from goldenseed.suite.recipes import (
    FieldDifference,
    model_key,
    recipe_differences,
    recipe_of,
    recipe_sha256,
)

Load = Callable[[str | bytes], Suite]

TEXT = """\
suite: shapes
model:
  source: toy
  device: auto
  scheduler: {class: DDIMScheduler, eta: 0}
  adapters: [{source: lora/cartoon.safetensors, scale: 0.8}]
defaults: {call: {guidance_scale: 5, negative_prompt: null, sizes: [1, 2]}}
gates: {fail: {min_ssim: 0.9}}
cases:
  - id: apple
    prompt: a red apple
    seeds: [3]
"""


def test_a_recipe_holds_everything_that_decides_the_pixels(load: Load):
    assert recipe_of(load(TEXT).cases[0]) == {
        "prompt": "a red apple",
        "seed": 3,
        "call": {"guidance_scale": 5, "negative_prompt": None, "sizes": [1, 2]},
        "model": {
            "source": "toy",
            "dtype": "float32",
            "scheduler": {"class": "DDIMScheduler", "eta": 0},
            "adapters": [{"source": "lora/cartoon.safetensors", "scale": 0.8}],
        },
        "noise": "cpu",
        "determinism": {},
    }


UNCHANGED = [
    ("gates:", "determinism: {}\ngates:"),
    ("gates:", "determinism: {threads: 1, sdpa: math, algorithms: true}\ngates:"),
    ("gates:", "noise: cpu\ngates:"),
    ("device: auto", "device: cpu"),
    ("source: toy\n", "source: toy\n  allow_pickle: [unet/a.bin]\n"),
    ("min_ssim: 0.9", "min_ssim: 0.8"),
    ("id: apple", "id: pear"),
    ("seeds: [3]", "seeds: [3]\n    marks: [slow]"),
    ("suite: shapes", "\n\n# a remark\nsuite: forms"),
    ("guidance_scale: 5", "guidance_scale: 5.0"),
    ("seeds: [3]", "seeds: {start: 3, count: 1}"),
    ("prompt: a red apple", "prompts: {one: a red apple}"),
]


@pytest.mark.parametrize(("where", "instead"), UNCHANGED, ids=[row[1][:30] for row in UNCHANGED])
def test_what_does_not_decide_the_pixels_leaves_the_digest_alone(
    load: Load, where: str, instead: str
):
    before = recipe_of(load(TEXT).cases[0])
    after = recipe_of(load(TEXT.replace(where, instead)).cases[0])
    assert recipe_sha256(after) == recipe_sha256(before)
    assert recipe_differences(before, after) == ()


PORTABLE = [
    ("determinism", {}, "portable"),
    ("model.dtype", "float32", "float64"),
    ("noise", "cpu", "portable"),
]
CHANGED = [
    ("a red apple", "a red pear", [("prompt", "a red apple", "a red pear")]),
    ("[3]", "[4]", [("seed", 3, 4)]),
    ("guidance_scale: 5", "guidance_scale: 5.01", [("call.guidance_scale", 5, 5.01)]),
    ("guidance_scale: 5, ", "", [("call.guidance_scale", 5, None)]),
    ("guidance_scale: 5", "guidance_scale: 5, eta: 1", [("call.eta", None, 1)]),
    ("[1, 2]", "[1, 3, 4]", [("call.sizes.1", 2, 3), ("call.sizes.2", None, 4)]),
    ("eta: 0", "eta: false", [("model.scheduler.eta", 0, False)]),
    ("scale: 0.8", "scale: 0.9", [("model.adapters.0.scale", 0.8, 0.9)]),
    ("source: toy", "source: toy\n  variant: fp16", [("model.variant", None, "fp16")]),
    ("source: toy", "source: toy\n  dtype: float16", [("model.dtype", "float32", "float16")]),
    ("gates:", "determinism: {threads: 2}\ngates:", [("determinism.threads", None, 2)]),
    ("gates:", "determinism: {sdpa: flash}\ngates:", [("determinism.sdpa", None, "flash")]),
    ("gates:", "determinism: portable\ngates:", PORTABLE),
    ("gates:", "noise: device\ngates:", [("noise", "cpu", "device")]),
    ("seeds: [3]", "seeds: [3]\n    noise: portable", [("noise", "cpu", "portable")]),
]


@pytest.mark.parametrize(
    ("where", "instead", "differences"), CHANGED, ids=[row[2][0][0] for row in CHANGED]
)
def test_the_fields_that_changed_are_named_and_no_others(
    load: Load, where: str, instead: str, differences: list[tuple[str, object, object]]
):
    before = recipe_of(load(TEXT).cases[0])
    after = recipe_of(load(TEXT.replace(where, instead)).cases[0])
    found = recipe_differences(before, after)
    assert [(each.field, each.old, each.new) for each in found] == differences
    assert recipe_sha256(after) != recipe_sha256(before)


def test_a_structure_that_changes_its_kind_is_one_difference():
    found = recipe_differences({"call": {"x": [1]}}, {"call": {"x": {"0": 1}}})
    assert found == (FieldDifference("call.x", [1], {"0": 1}),)


def test_the_digest_is_that_of_the_canonical_json(load: Load):
    recipe = recipe_of(load(TEXT).cases[0])
    assert recipe_sha256(recipe) == json_sha256(recipe)


def test_a_recipe_is_data_of_its_own(load: Load):
    case = load(TEXT).cases[0]
    recipe_of(case)["call"]["sizes"].append(3)  # type: ignore[index,call-overload,union-attr]
    assert case.call["sizes"] == [1, 2]


SAME_MODEL = [
    ("class: DDIMScheduler", "class: EulerDiscreteScheduler"),
    ("scale: 0.8", "scale: 0.1"),
    ("a red apple", "a pear"),
    ("suite: shapes", "suite: forms"),
    ("source: toy", "source: ./toy"),
]


@pytest.mark.parametrize(("where", "instead"), SAME_MODEL, ids=[row[1] for row in SAME_MODEL])
def test_one_loaded_model_serves_what_differs_beside_it(load: Load, where: str, instead: str):
    assert model_key(load(TEXT).model) == model_key(
        load(TEXT.replace(where, instead)).cases[0].model
    )


@pytest.mark.parametrize("key", ["dtype: float16", "variant: fp16", "pipeline: FluxPipeline"])
def test_another_model_has_another_key(load: Load, key: str):
    other = load(TEXT.replace("source: toy", f"source: toy\n  {key}"))
    assert model_key(load(TEXT).model) != model_key(other.model)


def test_suites_in_two_folders_can_share_a_model(load: Load):
    suite = load(TEXT)
    beside = suite.path.parent / "more"
    beside.mkdir()
    (beside / "toy").symlink_to(suite.path.parent / "toy")
    (beside / "lora").symlink_to(suite.path.parent / "lora")
    moved = load(TEXT)
    (beside / "toy.suite.yaml").write_text(TEXT)
    from goldenseed.suite.loading import load_suite

    assert model_key(load_suite(beside / "toy.suite.yaml").model) == model_key(moved.model)
