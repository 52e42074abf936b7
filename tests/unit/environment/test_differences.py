from __future__ import annotations

import pytest

from goldenseed.environment.declaration import Kind
from goldenseed.environment.fingerprint import (
    KeyDifference,
    changed_weights,
    environment_differences,
    moving_differences,
)

OLD = {
    "cpu.capability": "AVX512",
    "package.torch": "2.12.1",
    "gpu.vbios": "96.00",
    "cpu.threads": 1,
}


def test_equal_environments_have_none():
    assert environment_differences(OLD, dict(reversed(OLD.items()))) == ()


def test_differences_come_by_kind_then_by_name():
    new = {"cpu.capability": "AVX2", "package.torch": "2.13.0", "gpu.vbios": "97.00"}
    assert environment_differences(OLD, new) == (
        KeyDifference("cpu.capability", Kind.IDENTITY, "AVX512", "AVX2"),
        KeyDifference("cpu.threads", Kind.NUMERIC, 1, None),
        KeyDifference("package.torch", Kind.NUMERIC, "2.12.1", "2.13.0"),
        KeyDifference("gpu.vbios", Kind.RECORDED, "96.00", "97.00"),
    )


def test_a_missing_key_and_one_without_a_value_are_the_same():
    assert environment_differences({"env.MKL_CBWR": None}, {}) == ()


def test_five_is_five_but_one_is_not_true():
    assert environment_differences({"cpu.threads": 5}, {"cpu.threads": 5.0}) == ()
    assert len(environment_differences({"gpu.ecc": 1}, {"gpu.ecc": True})) == 1


def test_changed_weights_are_named_by_component():
    old = {"model.unet.sha256": "a", "model.vae.sha256": "b", "model.unet.dtype": "float32"}
    new = {"model.unet.sha256": "c", "model.vae.sha256": "b", "model.unet.dtype": "float16"}
    assert changed_weights(old, new) == ("unet",)


def test_weights_that_only_one_environment_tells_of_are_not_known_to_have_changed():
    assert changed_weights({"model.unet.sha256": "a"}, {}) == ()
    assert changed_weights({}, {"model.unet.sha256": "a"}) == ()


OTHER_PROCESSOR = {
    "cpu.model": "another",
    "cpu.vendor": "another",
    "cpu.isa": "avx2",
    "cpu.cache.l2": 1,
    "cpu.threads": 8,
    "library.numpy.openblas.architecture": "Zen",
}


@pytest.mark.parametrize(("device", "moved"), [("cpu", len(OTHER_PROCESSOR)), ("cuda", 0)])
def test_another_processor_moves_pixels_where_it_makes_them(device: str, moved: int):
    old = {**dict.fromkeys(OTHER_PROCESSOR, 0), "device.type": device}
    new = {**OTHER_PROCESSOR, "device.type": device}
    assert len(environment_differences(old, new)) == len(OTHER_PROCESSOR)
    assert len(moving_differences(old, new)) == moved


@pytest.mark.parametrize(
    "key",
    [
        "gpu.driver",
        "package.torch",
        "torch.sdp.flash",
        "env.CUBLAS_WORKSPACE_CONFIG",
        "scheduler.sigmas_sha256",
        "model.text_encoder.tables_sha256",
        "platform.libc",
    ],
)
def test_what_a_gpu_or_its_inputs_depend_on_moves_pixels_there(key: str):
    old, new = ({"device.type": "cuda", key: value} for value in ("a", "b"))
    assert [each.key for each in moving_differences(old, new)] == [key]


def test_what_was_one_cards_alone_is_no_difference_to_a_record_that_still_has_it():
    old = {"gpu.uuid_sha256": "0123456789abcdef", "gpu.ecc_errors.corrected": 3, "gpu.visible": 8}
    assert environment_differences(old, {}) == ()
