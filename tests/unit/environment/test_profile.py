from __future__ import annotations

import re
import subprocess
import sys

import pytest

from goldenseed.environment.fingerprint import read_fingerprint
from goldenseed.environment.profile import PORTABLE, fallback_chain, profile_slug

H200 = "cuda-h200-sm90-132sm"


def gpu(name: str, capability: str, count: int) -> dict[str, str | int]:
    return {
        "device.type": "cuda",
        "gpu.name": name,
        "gpu.compute_capability": capability,
        "gpu.multiprocessors": count,
    }


@pytest.mark.parametrize(
    ("fingerprint", "slug"),
    [
        (
            {"device.type": "cpu", "platform.machine": "x86_64", "cpu.capability": "AVX512"},
            "cpu-x86_64-avx512",
        ),
        (
            {"device.type": "cpu", "platform.machine": "arm64", "cpu.capability": "DEFAULT"},
            "cpu-arm64-default",
        ),
        (gpu("NVIDIA H200", "9.0", 132), H200),
        (gpu("NVIDIA A100-SXM4-80GB", "8.0", 108), "cuda-a100-sxm4-80gb-sm80-108sm"),
        (gpu("NVIDIA GeForce RTX 5090", "12.0", 170), "cuda-rtx-5090-sm120-170sm"),
        (gpu("NVIDIA", "9.0", 1), "cuda-unknown-sm90-1sm"),
        (
            {**gpu("AMD Instinct MI300X", "9.4", 304), "gpu.platform": "rocm"},
            "rocm-mi300x-sm94-304sm",
        ),
        ({"device.type": "mps", "platform.machine": "arm64"}, "mps-arm64"),
        ({"device.type": "xpu", "gpu.name": "Intel(R) Arc(TM) B580"}, "xpu-arc-b580"),
        ({}, "cpu-unknown-default"),
    ],
)
def test_a_profile_names_the_kind_of_machine(fingerprint: dict[str, str | int], slug: str):
    assert profile_slug(fingerprint) == slug


PROCESSOR = {"platform.machine": "x86_64", "cpu.capability": "AVX512"}


@pytest.mark.parametrize(
    ("noise", "slug"),
    [
        ("cpu", f"{H200}-x86_64-avx512"),
        ("device", H200),
        ("portable", H200),
        ("file", H200),
        (None, H200),
    ],
)
def test_a_gpu_whose_noise_the_processor_draws_is_named_with_it(noise: str | None, slug: str):
    assert profile_slug({**gpu("NVIDIA H200", "9.0", 132), **PROCESSOR}, noise=noise) == slug


@pytest.mark.parametrize("noise", ["cpu", "device", "portable", "file", None])
def test_a_processors_own_name_does_not_depend_on_the_noise(noise: str | None):
    assert profile_slug({"device.type": "cpu", **PROCESSOR}, noise=noise) == "cpu-x86_64-avx512"


def test_this_machine_has_a_slug_that_may_stand_in_a_file_name():
    assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", profile_slug(read_fingerprint("cpu")))


@pytest.mark.parametrize(
    ("slug", "available", "chain"),
    [
        ("cpu-x86_64-avx512", ["cpu-x86_64-avx512", H200], ["cpu-x86_64-avx512"]),
        (
            "cpu-x86_64-avx512",
            ["cpu-x86_64-default", "cpu-arm64-default", "cpu-x86_64-avx2", "cpu-x86_64-avx512"],
            ["cpu-x86_64-avx512", "cpu-x86_64-avx2", "cpu-x86_64-default"],
        ),
        (
            H200,
            [
                "cuda-h100-sm90-132sm",
                "cuda-h200-sm90-60sm",
                "cuda-a100-sm80-108sm",
                "cpu-x86_64-avx512",
                "rocm-h200-sm90-132sm",
                H200,
            ],
            [H200, "cuda-h200-sm90-60sm", "cuda-h100-sm90-132sm"],
        ),
        ("cpu-x86_64-avx512", [H200], []),
        ("mps-arm64", ["cpu-arm64-default", "mps-arm64"], ["mps-arm64"]),
        ("cpu-x86_64-avx2", [], []),
        (
            f"{H200}-x86_64-avx512",
            [
                "cuda-h200-sm90-60sm-x86_64-avx512",
                f"{H200}-x86_64-avx2",
                H200,
                "cuda-h100-sm90-132sm-x86_64-avx512",
                "cuda-h100-sm90-132sm",
                f"{H200}-x86_64-avx512",
                "cpu-x86_64-avx512",
            ],
            [
                f"{H200}-x86_64-avx512",
                H200,
                f"{H200}-x86_64-avx2",
                "cuda-h200-sm90-60sm-x86_64-avx512",
                "cuda-h100-sm90-132sm-x86_64-avx512",
                "cuda-h100-sm90-132sm",
            ],
        ),
        (H200, [f"{H200}-x86_64-avx512", H200], [H200, f"{H200}-x86_64-avx512"]),
        (PORTABLE, ["cpu-x86_64-avx2", H200, PORTABLE], [PORTABLE]),
        ("cpu-x86_64-avx2", [PORTABLE], []),
    ],
)
def test_profiles_stand_in_most_specific_first(slug: str, available: list[str], chain: list[str]):
    assert fallback_chain(slug, available) == tuple(chain)


def test_the_order_does_not_depend_on_how_profiles_are_listed():
    available = ["cpu-x86_64-avx512", "cpu-x86_64-default"]
    assert fallback_chain("cpu-x86_64-avx2", available) == fallback_chain(
        "cpu-x86_64-avx2", reversed(available)
    )


def test_a_pure_question_imports_no_torch():
    code = "import goldenseed.environment.profile, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_what_could_not_be_read_is_unknown_and_not_guessed():
    here = {"device.type": "cpu", "platform.machine": "x86_64"}
    lost = {**here, "cpu.capability": "unreadable: RuntimeError: no"}
    assert profile_slug(lost) == "cpu-x86_64-unknown"
