"""Changes as data: what each does to a suite, and where it is not tried."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Suite
from goldenseed.suite.loading import load_suite
from goldenseed.tools.probe.change import Change, Situation
from goldenseed.tools.probe.changes import FORMER, all_changes, change_named, change_of
from goldenseed.tools.probe.child import exactly

SUITE = """\
suite: tiny
model: {source: model}
determinism: {threads: 2}
cases:
  - id: red-apple
    prompt: a red apple
    seeds: [1]
  - id: cartoon
    prompt: a red apple
    seeds: [1]
    model: {adapters: [{source: one.safetensors}]}
  - id: other-cartoon
    prompt: a red apple
    seeds: [1]
    model: {adapters: [{source: two.safetensors}]}
  - id: portable-noise
    prompt: a red apple
    seeds: [1]
    noise: portable
"""


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model_index.json").write_text('{"_class_name": "X"}')
    for name in ("one", "two"):
        (tmp_path / f"{name}.safetensors").touch()
    file = tmp_path / "tiny.suite.yaml"
    file.write_text(SUITE)
    return load_suite(file)


def change(name: str) -> Change:
    (found,) = [each for each in all_changes() if each.name == name]
    return found


def reason(name: str, suite: Suite, *cases: str, **environment: str) -> str | None:
    chosen = tuple(case for case in suite.cases if case.case_id in (cases or ("red-apple",)))
    where = {"device.type": "cpu", "cpu.capability": "AVX512"} | {
        key.replace("_", "."): value for key, value in environment.items()
    }
    return change(name).reason_against(Situation(suite, chosen, where))


def test_every_change_has_a_name_of_its_own():
    names = [each.name for each in all_changes()]
    assert len(names) == len(set(names))


def test_a_change_keeps_cases_and_their_ids(suite: Suite):
    for each in all_changes():
        changed = each.applied_to(suite)
        assert [case.id for case in changed.cases] == [case.id for case in suite.cases]
        assert all(case.suite is changed for case in changed.cases)


def test_a_dtype_is_another_model_to_load(suite: Suite):
    changed = change("dtype=bfloat16").applied_to(suite)
    assert changed.model.dtype == "bfloat16"
    assert {case.model.dtype for case in changed.cases} == {changed.model.dtype}
    assert suite.model.dtype == "float32"


def test_a_dtype_is_tried_on_cases_that_vary_by_theirs(suite: Suite):
    varied = replace(suite.templates[0], model={"dtype": "float16", "variant": "fp16"})
    changed = change("dtype=bfloat16").applied_to(replace(suite, templates=(varied,)))
    assert {(case.model.dtype, case.model.variant) for case in changed.cases} == {
        ("bfloat16", "fp16")
    }


def test_a_determinism_field_is_exchanged_and_the_others_stay(suite: Suite):
    changed = change("sdpa=flash").applied_to(suite)
    assert changed.determinism.sdpa == "flash"
    assert changed.determinism.threads == 2


def test_what_the_suite_does_anyway_is_not_tried(suite: Suite):
    assert reason("threads=2", suite) == "is how the suite does it: threads = 2"


@pytest.mark.parametrize(
    "name", ["float32_precision=tf32", "sdpa=cudnn", "offload=model", "cudnn_benchmark"]
)
def test_what_only_a_gpu_has_is_not_tried_on_a_cpu(suite: Suite, name: str):
    assert reason(name, suite) == "needs a GPU"
    assert reason(name, suite, device_type="cuda") is None


def test_float16_is_left_to_gpus(suite: Suite):
    assert "times as long" in (reason("dtype=float16", suite) or "")
    assert reason("dtype=float16", suite, device_type="cuda") is None


@pytest.mark.parametrize(
    ("own", "level", "tried"),
    [
        ("AVX512", "avx2", True),
        ("AVX2", "avx2", False),
        ("AVX2", "default", True),
        ("DEFAULT", "avx2", False),
        ("SVE256", "avx2", False),
    ],
)
def test_an_instruction_set_is_tried_where_the_cpu_has_more(
    suite: Suite, own: str, level: str, tried: bool
):
    assert (reason(f"cpu_isa={level}", suite, cpu_capability=own) is None) is tried


def test_fusing_is_tried_where_all_cases_share_adapters(suite: Suite):
    assert reason("fuse_lora", suite, "cartoon") is None
    assert reason("fuse_lora", suite, "red-apple", "cartoon") == "the cases have no adapters"
    assert "different adapters" in (reason("fuse_lora", suite, "cartoon", "other-cartoon") or "")


def test_noise_that_is_made_for_one_image_keeps_cases_out_of_batches(suite: Suite):
    assert reason("batch=2+position=first", suite) is None
    assert "one image at a time" in (
        reason("batch=2+position=first", suite, "portable-noise") or ""
    )


def test_what_alters_a_pipeline_is_not_tried_with_another_back_end(suite: Suite):
    other = replace(suite, model=replace(suite.model, backend="discs"))
    assert reason("vae_tiling", other) == "is known of diffusers only, and discs makes the images"
    assert reason("sdpa=flash", other) is None
    assert exactly().reason_against(Situation(suite, suite.cases, {"device.type": "cpu"})) is None


def test_any_number_of_threads_is_a_change_and_no_number_is_none(suite: Suite):
    twelve = change_named("threads=12").applied_to(suite)
    assert twelve.determinism.threads == 12
    for name in ("threads=0", "threads=", "threads-2x", "moon-full"):
        with pytest.raises(GoldenseedError, match="there is no change"):
            change_named(name)


def test_naming_the_changes_imports_no_torch():
    code = (
        "import sys; from goldenseed.tools.probe.changes import all_changes; all_changes(); "
        "import goldenseed.tools.probe.child; "
        "assert not {'torch', 'diffusers', 'numpy'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("former", "name"), FORMER.items())
def test_what_changes_were_called_before_is_read(former: str, name: str):
    assert change_named(former).name == name


def test_several_keys_are_one_change_whatever_their_order(suite: Suite):
    found = change_of({"position": "last", "threads": 3, "batch": 4})
    assert found.name == "threads=3+batch=4+position=last"
    assert change_named(found.name).vary == {"threads": 3, "batch": 4, "position": "last"}
    assert not found.alone
    assert found.applied_to(suite).determinism.threads == 3
    assert change_of({"cpu_isa": "avx2", "threads": 3}).alone


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({"thread": 2}, "there is no change `thread`"),
        ({"threads": True}, "`threads` cannot be True"),
        ({"channels_last": False}, "`channels_last` cannot be False"),
        ({"neighbours": "a cat"}, "`neighbours` means nothing without `batch`"),
        ({"quantization": {"backend": "none"}}, "`quantization` cannot be"),
        ({}, "no change is named"),
    ],
)
def test_what_the_table_does_not_take_is_refused(vary: dict[str, Any], message: str):
    with pytest.raises(GoldenseedError, match=message):
        change_of(vary)


def test_several_changes_are_the_suites_own_only_together(suite: Suite):
    both = change_of({"threads": 2, "batch": 2})
    assert both.ruled_out(suite, suite.cases[:1]) is None
    assert change_of({"threads": 2}).ruled_out(suite, suite.cases[:1]) is not None
