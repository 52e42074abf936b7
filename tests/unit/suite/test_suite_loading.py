from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.suite.cases import Limit, Suite
from goldenseed.suite.loading import load_suite
from goldenseed.suite.model import Determinism

Load = Callable[[str | bytes], Suite]

FULL = """\
suite: shapes
model:
  source: toy
  variant: fp16
  pipeline: StableDiffusionPipeline
  dtype: bfloat16
  device: cpu
  scheduler: {class: DDIMScheduler, timestep_spacing: trailing}
  adapters: [{source: lora/cartoon.safetensors, scale: 0.8}]
  allow_pickle: [unet/diffusion_pytorch_model.bin]
lock: shapes.lock.json
determinism: {algorithms: false, float32_precision: tf32, cudnn_benchmark: true, threads: 2}
defaults:
  call: {num_inference_steps: 20, guidance_scale: 4.0}
  marks: [quick]
gates:
  fail: {min_ssim: 0.95, max_phash_distance: 6}
cases:
  - id: red-apple
    prompt: a red apple
    seeds: [9999, 1024]
    call: {guidance_scale: 5, negative_prompt: blurry}
    model: {scheduler: {class: EulerDiscreteScheduler}, adapters: []}
    gates:
      fail:
        min_ssim: 0.9
        max_changed_fraction: 0.5
    marks: [slow, quick]
  - id: colours
    prompts: {red: a red ball, blue: a blue ball}
    seeds: {start: 7, count: 3}
"""
SHORT = "suite: s\nmodel: {source: toy}\ncases: [{id: a, prompt: x, seeds: [0]}]\n"


def test_cases_are_every_pair_of_prompt_and_seed_in_the_order_of_the_file(load: Load):
    assert [case.id for case in load(FULL).cases] == [
        "red-apple[seed=9999]",
        "red-apple[seed=1024]",
        "colours[red,seed=7]",
        "colours[red,seed=8]",
        "colours[red,seed=9]",
        "colours[blue,seed=7]",
        "colours[blue,seed=8]",
        "colours[blue,seed=9]",
    ]


def test_a_case_knows_its_prompt_seed_entry_and_line(load: Load):
    case = load(FULL).cases[-1]
    assert (case.prompt, case.seed, case.case_id, case.line) == ("a blue ball", 9, "colours", 29)


def test_call_is_merged_over_the_defaults_key_by_key(load: Load):
    first, *_, last = load(FULL).cases
    assert dict(first.call) == {
        "num_inference_steps": 20,
        "guidance_scale": 5,
        "negative_prompt": "blurry",
    }
    assert dict(last.call) == {"num_inference_steps": 20, "guidance_scale": 4.0}


def test_gates_are_merged_and_say_where_each_comes_from(load: Load):
    first, *_, last = load(FULL).cases
    assert dict(first.limits) == {
        "min_ssim": Limit(0.9, "case", 26),
        "max_phash_distance": Limit(6.0, "suite", 17),
        "max_changed_fraction": Limit(0.5, "case", 27),
    }
    assert set(last.limits) == {"min_ssim", "max_phash_distance"}


def test_every_gate_of_the_file_is_listed_with_its_line(load: Load):
    gates = [(gate.name, gate.value, gate.line) for gate in load(FULL).gate_lines]
    assert gates == [
        ("min_ssim", 0.95, 17),
        ("max_phash_distance", 6.0, 17),
        ("min_ssim", 0.9, 26),
        ("max_changed_fraction", 0.5, 27),
    ]


def test_marks_are_those_of_the_defaults_and_then_the_cases_own(load: Load):
    first, *_, last = load(FULL).cases
    assert (first.marks, last.marks) == (("quick", "slow"), ("quick",))


def test_a_case_may_have_its_own_scheduler_and_adapters(load: Load):
    suite = load(FULL)
    first, last = suite.cases[0], suite.cases[-1]
    assert first.scheduler is not None
    assert (first.scheduler.class_name, dict(first.scheduler.config)) == (
        "EulerDiscreteScheduler",
        {},
    )
    assert first.adapters == ()
    assert last.scheduler is suite.model.scheduler
    assert last.adapters is suite.model.adapters


def test_the_model_is_resolved(load: Load, folder: Path):
    model = load(FULL).model
    assert (model.source, model.folder, model.variant) == ("toy", folder / "toy", "fp16")
    assert (model.dtype, model.device, model.pipeline) == (
        "bfloat16",
        "cpu",
        "StableDiffusionPipeline",
    )
    assert model.scheduler is not None
    assert dict(model.scheduler.config) == {"timestep_spacing": "trailing"}
    assert model.adapters[0].path == folder / "lora" / "cartoon.safetensors"
    assert model.adapters[0].scale == 0.8
    assert model.allow_pickle == ("unet/diffusion_pytorch_model.bin",)


def test_determinism_and_lock_are_read(load: Load, folder: Path):
    suite = load(FULL)
    assert suite.determinism == Determinism(
        algorithms=False, float32_precision="tf32", cudnn_benchmark=True, threads=2
    )
    assert suite.lock == folder / "shapes.lock.json"


def test_a_short_suite_is_strict_by_default(load: Load):
    suite = load(SHORT)
    assert suite.determinism == Determinism(
        algorithms=True, float32_precision="ieee", cudnn_benchmark=False, threads=1
    )
    assert (suite.model.dtype, suite.model.device, suite.lock) == ("float32", "auto", None)


def test_a_hub_id_with_a_revision_needs_no_folder(load: Load):
    revision = "0123456789" * 4
    model = load(SHORT.replace("toy", f"org/name, revision: '{revision}'")).model
    assert (model.source, model.folder, model.revision) == ("org/name", None, revision)


def test_a_folder_of_the_form_of_a_hub_id_is_a_folder(load: Load, folder: Path):
    (folder / "models" / "toy").mkdir(parents=True)
    assert load(SHORT.replace("toy", "models/toy")).model.folder == folder / "models" / "toy"


def test_a_symbolic_link_beside_the_suite_may_lead_anywhere(
    load: Load, folder: Path, tmp_path_factory: pytest.TempPathFactory
):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (folder / "linked").symlink_to(elsewhere)
    assert load(SHORT.replace("toy", "linked")).model.folder == folder / "linked"


def test_cases_of_one_entry_share_what_is_equal(load: Load):
    first, second, *_ = load(FULL).cases
    assert first.call is second.call
    assert first.limits is second.limits


def test_what_a_pipeline_does_to_its_arguments_stays_with_it(load: Load):
    text = SHORT.replace("seeds", "call: {cross_attention_kwargs: {scale: 1}}, seeds")
    case = load(text).cases[0]
    arguments = case.arguments()
    arguments["cross_attention_kwargs"]["scale"] = 2  # type: ignore[index,call-overload]
    assert case.arguments() == {"cross_attention_kwargs": {"scale": 1}}


def test_sizes_that_the_model_can_make_are_accepted(load: Load):
    text = SHORT.replace("seeds", "call: {height: 136, width: 8}, seeds")
    assert load(text).cases[0].call["height"] == 136


def test_the_largest_seed_is_accepted(load: Load):
    assert load(SHORT.replace("[0]", "[9223372036854775807]")).cases[0].seed == 2**63 - 1


def test_an_anchor_can_be_used_again_and_merged(load: Load):
    suite = load(
        "suite: s\nmodel: {source: toy}\ncases:\n"
        "- &first {id: a, prompt: x, seeds: [1], call: &call {eta: 1, height: 64}}\n"
        "- {<<: *first, id: b}\n"
        "- {id: c, prompt: y, seeds: [2], call: {<<: *call, height: 128}}\n"
    )
    assert [(case.id, dict(case.call)) for case in suite.cases] == [
        ("a[seed=1]", {"eta": 1, "height": 64}),
        ("b[seed=1]", {"eta": 1, "height": 64}),
        ("c[seed=2]", {"eta": 1, "height": 128}),
    ]


def test_a_byte_order_mark_is_tolerated(load: Load):
    assert load(b"\xef\xbb\xbf" + SHORT.encode()).name == "s"


def test_windows_line_ends_are_tolerated(load: Load):
    assert load(SHORT.replace("\n", "\r\n")).name == "s"


def test_loading_and_expanding_import_neither_numpy_nor_torch(load: Load, folder: Path):
    load(FULL)
    code = (
        "import sys; from pathlib import Path; from goldenseed.suite.loading import load_suite\n"
        f"assert load_suite(Path({str(folder / 'toy.suite.yaml')!r})).cases\n"
        "heavy = {'numpy', 'PIL', 'torch', 'diffusers', 'transformers'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_suite_given_by_a_relative_path_keeps_it(
    load: Load, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    load(SHORT)
    monkeypatch.chdir(folder)
    suite = load_suite(Path("toy.suite.yaml"))
    assert suite.path == Path("toy.suite.yaml")
    assert suite.model.folder == folder / "toy"
