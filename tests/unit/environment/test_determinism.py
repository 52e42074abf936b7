from __future__ import annotations

import itertools
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from goldenseed.environment.determinism import seeded, set_before_torch, settings
from goldenseed.environment.fingerprint import read_fingerprint
from goldenseed.suite.model import Determinism

FP32 = [
    "torch.fp32_precision",
    "torch.cuda.matmul.fp32_precision",
    "torch.cudnn.conv.fp32_precision",
    "torch.cudnn.rnn.fp32_precision",
    "torch.mkldnn.matmul.fp32_precision",
    "torch.mkldnn.conv.fp32_precision",
    "torch.mkldnn.rnn.fp32_precision",
]


def flags() -> dict[str, object]:
    found = read_fingerprint("cpu")
    return {key: found[key] for key in found if key.startswith(("torch.", "cpu.threads"))}


def test_every_tf32_switch_is_off_even_where_diffusers_leaves_it_on():
    with settings(Determinism()):
        inside = flags()
    assert {key: inside[key] for key in FP32} == dict.fromkeys(FP32, "ieee")


def test_algorithms_are_deterministic_and_reductions_are_not_shortened():
    with settings(Determinism()):
        inside = flags()
    assert inside["torch.deterministic_algorithms"] is True
    assert inside["torch.deterministic_warn_only"] is False
    assert inside["torch.cudnn.deterministic"] is True
    assert inside["torch.cudnn.benchmark"] is False
    assert inside["torch.matmul.allow_bf16_reduced_precision_reduction"] is False
    assert inside["torch.matmul.allow_fp16_reduced_precision_reduction"] is False
    assert inside["torch.matmul.allow_fp16_accumulation"] is False


def test_no_switch_is_unreadable_inside():
    with settings(Determinism()):
        inside = flags()
    assert [key for key, value in inside.items() if str(value).startswith("unreadable")] == []


@pytest.mark.parametrize("precision", ["ieee", "tf32"])
def test_the_precision_is_the_suites(precision: str):
    with settings(Determinism(float32_precision=precision)):
        assert torch.backends.cudnn.conv.fp32_precision == precision


def test_the_number_of_threads_is_the_suites():
    with settings(Determinism(threads=2)):
        assert torch.get_num_threads() == 2


@pytest.mark.parametrize("precision", ["ieee", "tf32"])
def test_everything_is_afterwards_as_it_was(precision: str):
    before = flags()
    with settings(Determinism(float32_precision=precision, threads=3, algorithms=False)):
        pass
    assert flags() == before


def test_everything_is_as_it_was_after_an_error_too():
    before = flags()
    with pytest.raises(ZeroDivisionError), settings(Determinism()):
        _ = 1 / 0
    assert flags() == before


def test_what_a_user_had_set_comes_back():
    with settings(Determinism(float32_precision="tf32", algorithms=False, threads=2)):
        torch.use_deterministic_algorithms(True, warn_only=True)
        before = flags()
        with settings(Determinism()):
            pass
        assert flags() == before


def test_the_old_tf32_getters_still_answer_inside():
    with settings(Determinism()):
        assert torch.backends.cuda.matmul.allow_tf32 is False
        assert torch.backends.cudnn.allow_tf32 is False


@pytest.mark.parametrize(
    ("value", "note"), [(None, None), (":16:8", None), (":0:0", "does not make cuBLAS repeatable")]
)
def test_the_cublas_workspace_is_set_unless_the_user_chose(
    monkeypatch: pytest.MonkeyPatch, value: str | None, note: str | None
):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", value or "")
    if value is None:
        monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    said = set_before_torch()
    assert (said is None) == (note is None)
    assert note is None or note in said


def test_a_workspace_that_comes_too_late_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert "could not be set" in (set_before_torch() or "")


def test_the_workspace_needs_no_torch():
    code = (
        "import os, sys\n"
        "os.environ.pop('CUBLAS_WORKSPACE_CONFIG', None)\n"
        "from goldenseed.environment.determinism import set_before_torch\n"
        "print(set_before_torch(), os.environ['CUBLAS_WORKSPACE_CONFIG'], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None :4096:8 False\n"


def test_nesting_in_any_order_restores_in_order():
    before = flags()
    for outer, inner in itertools.permutations(["ieee", "tf32"]):
        with settings(Determinism(float32_precision=outer)):
            with settings(Determinism(float32_precision=inner)):
                pass
            assert torch.backends.cudnn.rnn.fp32_precision == outer
    assert flags() == before


KERNELS = ["math", "flash", "mem_efficient", "cudnn"]


@pytest.mark.parametrize(
    ("sdpa", "left"),
    [
        ("math", ["math"]),
        ("flash", ["flash"]),
        ("efficient", ["mem_efficient"]),
        ("cudnn", ["cudnn"]),
    ],
)
def test_attention_has_one_kernel_left_to_choose(sdpa: str, left: list[str]):
    with settings(Determinism(sdpa=sdpa)):
        inside = flags()
    assert [each for each in KERNELS if inside[f"torch.sdp.{each}"]] == left


@pytest.mark.parametrize(
    ("device", "left"),
    [("cpu", ["math"]), ("cuda:1", ["math", "flash", "mem_efficient"])],
)
def test_by_default_a_gpu_chooses_among_kernels_that_repeat_themselves(
    device: str, left: list[str]
):
    before = flags()
    with settings(Determinism(), device):
        inside = flags()
    assert [each for each in KERNELS if inside[f"torch.sdp.{each}"]] == left
    assert flags() == before


@pytest.mark.parametrize(("device", "filled"), [("cpu", True), ("cuda", False), ("mps", False)])
def test_new_memory_is_not_filled_on_a_gpu_for_nothing(device: str, filled: bool):
    with settings(Determinism(), device):
        assert torch.utils.deterministic.fill_uninitialized_memory is filled
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_torch_chooses_among_the_kernels_it_is_given_where_the_suite_says_so():
    before = flags()
    with settings(Determinism(sdpa="default")):
        inside = flags()
    assert [inside[f"torch.sdp.{each}"] for each in KERNELS] == [
        before[f"torch.sdp.{each}"] for each in KERNELS
    ]


def test_the_kernel_decides_bits():
    torch.manual_seed(0)
    query = torch.randn(1, 4, 256, 16)
    outputs = []
    for sdpa in ("math", "flash"):
        with settings(Determinism(sdpa=sdpa)):
            outputs.append(torch.nn.functional.scaled_dot_product_attention(query, query, query))
    assert not torch.equal(*outputs)


def test_reductions_are_shortened_only_where_the_suite_says_so():
    with settings(Determinism(reduced_precision_gemm=True)):
        inside = flags()
        assert torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()
    assert inside["torch.matmul.allow_bf16_reduced_precision_reduction"] is True
    assert inside["torch.matmul.allow_fp16_accumulation"] is True
    with settings(Determinism()):
        assert not torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()


def drawn() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_the_global_generators_repeat_themselves():
    draws = []
    for seed in (7, 7, 2**63 - 1):
        with seeded(seed):
            draws.append(drawn())
    assert draws[0] == draws[1]
    assert not set(draws[0]) & set(draws[2])


def test_the_global_generators_go_on_afterwards_as_if_nothing_had_been():
    with seeded(1):
        undisturbed = drawn(), drawn()
    with seeded(1):
        first = drawn()
        with pytest.raises(ZeroDivisionError), seeded(2):
            _ = drawn()[0] / 0
        assert (first, drawn()) == undisturbed
