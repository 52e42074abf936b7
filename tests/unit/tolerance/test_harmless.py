"""Which changes make what two fingerprints differ in; the differences are those of a real probe."""

from __future__ import annotations

import pytest

from goldenseed.environment.fingerprint import Value, environment_differences
from goldenseed.tolerance.harmless import changes_that_make
from goldenseed.tools.probe.changes import change_named

HERE: dict[str, Value] = {
    "device.type": "cpu",
    "cpu.model": "AMD EPYC",
    "cpu.cache.l2": 1048576,
    "cpu.capability": "AVX512",
    "cpu.threads": 1,
    "library.torch.openmp.threads": 1,
    "torch.version": "2.13.0",
    "package.diffusers": "0.42.1",
    "torch.cudnn.deterministic": True,
    "torch.deterministic_algorithms": True,
    "torch.sdp.flash": False,
    "torch.sdp.math": True,
    "attention.unet.kernel": "MATH",
    "attention.unet.processors": "AttnProcessor2_0 x 8",
    "model.unet.memory_format": "NCHW",
    "model.vae.slicing": False,
    "scheduler.betas_sha256": "f19a556ef5f4",
}
MADE_BY: dict[str, dict[str, Value]] = {
    "threads=2": {"cpu.threads": 2, "library.torch.openmp.threads": 2},
    "threads=12": {"cpu.threads": 12},
    "cpu_isa=avx2": {
        "cpu.capability": "AVX2",
        "env.ATEN_CPU_CAPABILITY": "avx2",
        "env.MKL_CBWR": "AVX2",
        "env.ONEDNN_MAX_CPU_ISA": "AVX2",
    },
    "cpu_isa=default": {
        "cpu.capability": "DEFAULT",
        "env.ATEN_CPU_CAPABILITY": "default",
        "env.MKL_CBWR": "COMPATIBLE",
        "env.ONEDNN_MAX_CPU_ISA": "SSE41",
        "scheduler.betas_sha256": "3e2a56715f65",
    },
    "algorithms=false": {
        "torch.cudnn.deterministic": False,
        "torch.deterministic_algorithms": False,
    },
    "attention_processor=AttnProcessor": {
        "attention.unet.kernel": "products and softmax",
        "attention.unet.processors": "AttnProcessor x 8",
    },
    "attention_slicing": {
        "attention.unet.kernel": "products and softmax",
        "attention.unet.processors": "SlicedAttnProcessor x 8",
    },
    "sdpa=flash": {
        "attention.unet.kernel": "FLASH_ATTENTION",
        "torch.sdp.flash": True,
        "torch.sdp.math": False,
    },
    "channels_last": {"model.unet.memory_format": "NHWC"},
    "vae_slicing": {"model.vae.slicing": True},
}


def made(**changed: Value) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return changes_that_make(environment_differences(HERE, {**HERE, **changed}), HERE)


@pytest.mark.parametrize("name", MADE_BY)
def test_a_change_is_known_by_what_it_moves(name: str):
    assert made(**MADE_BY[name]) == ((name,), ())
    assert change_named(name).name == name


def test_two_changes_at_once_are_both_named():
    assert made(**MADE_BY["threads=2"], **MADE_BY["channels_last"]) == (
        ("threads=2", "channels_last"),
        (),
    )


def test_one_variable_of_an_instruction_set_is_enough():
    assert made(**{"env.ONEDNN_MAX_CPU_ISA": "AVX2"}) == (("cpu_isa=avx2",), ())


def test_another_processor_is_made_by_another_instruction_set():
    other = {"cpu.model": "Intel Xeon", "cpu.cache.l2": 2097152}
    assert made(**other) == (("cpu_isa=avx2",), ())
    assert made(**other, **{"cpu.capability": "DEFAULT"}) == (("cpu_isa=default",), ())


def test_instructions_that_a_processor_lacks_are_made_by_nothing():
    before = {**HERE, "cpu.capability": "AVX2"}
    now = {**HERE, "cpu.capability": "AVX512"}
    assert changes_that_make(environment_differences(before, now), before) == (
        (),
        ("cpu.capability",),
    )


@pytest.mark.parametrize("key", ["torch.version", "package.diffusers", "model.unet.sha256"])
def test_what_no_change_makes_is_named_by_its_key(key: str):
    assert made(**{key: "another"}, **MADE_BY["threads=2"]) == (("threads=2",), (key,))
