"""Cases over named alternatives: run, selected, held against each other, and what changed named."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tiny_pipelines import tiny_lora

if TYPE_CHECKING:
    from conftest import Project

FAMILY = """\
suite: tiny
model: {source: model}
defaults:
  call: {num_inference_steps: 3, height: 32, width: 32, guidance_scale: 3.0}
cases:
  - id: portrait
    prompts: {park: a portrait in a park, moon: a portrait on the moon}
    seeds: [3]
    vary:
      adapters:
        anna: [{source: anna.safetensors}]
        ben: [{source: ben.safetensors, scale: 0.5}]
      scheduler:
        ddim: {class: DDIMScheduler}
        euler: {class: EulerDiscreteScheduler}
consistency:
  - {id: anna, cases: ["portrait[*,anna,*]"], within: {max_mean_difference: 250}}
  - {id: ben, cases: ["portrait[*,ben,*]"], within: {}, between: {min_mean_difference: 0.001}}
diversity:
  - {id: schedulers, cases: [portrait], within: {min_mean_difference: 0.001}}
"""
IDS = [
    f"portrait[{prompt},{adapter},{scheduler},seed=3]"
    for adapter in ("anna", "ben")
    for scheduler in ("ddim", "euler")
    for prompt in ("park", "moon")
]

MODELS = """\
suite: tiny
model: {source: model}
defaults:
  call: {num_inference_steps: 1, height: 32, width: 32}
cases:
  - id: ball
    prompt: a ball
    seeds: {start: 0, count: 5}
    vary:
      call.guidance_scale: {low: 2, high: 3}
      model:
        one: {}
        two: {source: two}
        three: {source: three, scheduler: {class: DDIMScheduler}}
        half: {dtype: bfloat16}
        wide: {dtype: float64}
"""

LOADS_NOTED = """
    import os
    from pathlib import Path

    def pytest_configure(config):
        from diffusers import StableDiffusionPipeline
        original = StableDiffusionPipeline.from_pretrained
        def from_pretrained(folder, **options):
            dtype = options.get("dtype", options.get("torch_dtype"))
            with Path(config.rootpath, "loads.txt").open("a") as file:
                file.write(f"{Path(folder).name}:{dtype}\\n")
            return original(folder, **options)
        if __WHERE__:
            StableDiffusionPipeline.from_pretrained = from_pretrained

    def pytest_unconfigure(config):
        from diffusers import StableDiffusionPipeline
        if "from_pretrained" in vars(StableDiffusionPipeline):
            del StableDiffusionPipeline.from_pretrained
"""


@pytest.fixture
def family(project: Project) -> Project:
    for seed, name in enumerate(("anna", "ben")):
        tiny_lora(project.path / f"{name}.safetensors", project.path / "model", seed=seed)
    project.suite.write_text(FAMILY)
    return project


def cases(project: Project) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in project.record()["cases"]}


def test_every_combination_is_a_case_and_its_alternatives_are_on_record(family: Project):
    result = family.run("--golden-update=missing")
    result.assert_outcomes(passed=8)
    assert list(cases(family)) == IDS
    assert cases(family)[IDS[3]]["alternatives"] == {"adapters": "anna", "scheduler": "euler"}
    assert len({each["pixels_sha256"] for each in cases(family).values()}) == 8
    result.stdout.fnmatch_lines(["golden: 3 sets hold"])
    members = {each["id"]: each["cases"] for each in family.record()["sets"]}
    assert members["anna"] == IDS[:4]
    family.run().assert_outcomes(passed=8)
    assert {each["verdict"] for each in cases(family).values()} == {"identical"}


def test_an_alternative_is_selected_by_its_name(family: Project):
    family.run("-k", "anna and euler", "--golden-update=missing").assert_outcomes(
        passed=2, deselected=6
    )


def test_another_file_of_one_adapter_changes_its_cases_alone_and_is_named_first(family: Project):
    family.run("--golden-update=missing")
    tiny_lora(family.path / "ben.safetensors", family.path / "model", seed=7)
    result = family.run()
    result.assert_outcomes(passed=4, failed=4)
    result.stdout.fnmatch_lines(
        ["*4 of 8 cases moved:*likely cause: LoRA adapter: adapter_file.ben.*"]
    )
    for name, case in cases(family).items():
        if ",anna," in name:
            assert case["verdict"] == "identical"
        else:
            assert case["verdict"] == "drift"
            assert "adapter_file.ben.safetensors" in str(case["diagnosis"]["causes"][0])
    assert "adapter_file.ben" not in str([v for n, v in cases(family).items() if ",anna," in n])


def test_a_scheduler_exchanged_under_its_name_is_another_recipe(family: Project):
    family.run("--golden-update=missing")
    family.edit("EulerDiscreteScheduler", "HeunDiscreteScheduler")
    family.run().assert_outcomes(passed=4, failed=4)
    changed = cases(family)["portrait[park,ben,euler,seed=3]"]
    assert changed["verdict"] == "incomparable"
    assert "model.scheduler.class" in str(changed["reasons"])


@pytest.mark.parametrize(
    ("options", "where"),
    [((), "True"), (("-n", "2", "--dist", "loadgroup"), 'hasattr(config, "workerinput")')],
    ids=["alone", "two-workers"],
)
def test_fifty_cases_over_five_models_load_each_once(
    project: Project, tiny_model: Path, options: tuple[str, ...], where: str
):
    for name in ("two", "three"):
        shutil.copytree(tiny_model, project.path / name)
    project.suite.write_text(MODELS)
    project.conftest(LOADS_NOTED.replace("__WHERE__", where))

    project.run(*options, "--golden-update=missing").assert_outcomes(passed=50)

    loads = Counter((project.path / "loads.txt").read_text().split())
    assert loads == dict.fromkeys(
        (
            "model:torch.float32",
            "two:torch.float32",
            "three:torch.float32",
            "model:torch.bfloat16",
            "model:torch.float64",
        ),
        1,
    )
    assert sum(each["seconds"]["load"] > 0 for each in cases(project).values()) == 5


def test_a_lock_pins_every_model_of_a_suite(project: Project, tiny_model: Path):
    shutil.copytree(tiny_model, project.path / "two")
    three, five = (
        "three: {source: three, scheduler: {class: DDIMScheduler}}",
        "wide: {dtype: float64}",
    )
    text = MODELS.replace("count: 5", "count: 1").replace(three, "").replace(five, "")
    project.suite.write_text(text.replace("defaults:", "lock: tiny.lock.json\ndefaults:"))
    written = project.command("lock", project.suite.name)
    assert "what 2 other models have otherwise" in written.stdout
    assert project.command("lock", "--check", project.suite.name).returncode == 0
    project.run("--golden-update=missing").assert_outcomes(passed=6)

    config = project.path / "two" / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text() + "\n")

    project.run().assert_outcomes(passed=4, failed=2)
    failed = [each for each in cases(project).values() if each["verdict"] == "error"]
    assert [",two," in each["id"] for each in failed] == [True, True]
    assert "model_file.scheduler/scheduler_config.json" in str(failed[0]["error"])
    assert project.command("lock", "--check", project.suite.name).returncode == 1
