from __future__ import annotations

import pytest

from goldenseed.environment.declaration import Kind
from goldenseed.environment.fingerprint import (
    KeyDifference,
    environment_differences,
    moving_differences,
    recorded,
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


def test_what_an_older_record_could_not_tell_of_is_unknown_and_no_difference():
    new = {"fingerprint.version": 2, "model.unet.hooks": "app.hook x 1", "package.ftfy": "6.3"}
    old = {"package.diffusers": "0.42.1"}
    assert [each.key for each in environment_differences(old, new)] == [
        "package.diffusers",
        "fingerprint.version",
    ]
    without = {"fingerprint.version": 2}
    assert {each.key for each in environment_differences(without, new)} == {
        "model.unet.hooks",
        "package.ftfy",
    }


def test_weights_under_other_names_are_no_difference_where_both_digests_are_known():
    key, values = "model.unet.sha256", "model.unet.weights_sha256"
    old, new = {key: "a", values: "x"}, {key: "b", values: "x"}
    assert environment_differences(old, new) == ()
    assert [each.key for each in environment_differences(old, {key: "b", values: "y"})] == [values]
    assert [each.key for each in environment_differences({key: "a"}, new)] == [key]


@pytest.mark.parametrize(
    ("key", "old", "new", "substance"),
    [
        ("attention.unet.processors", "AttnProcessor x 8", "AttnProcessor2_0 x 8", False),
        ("attention.unet.processors", "AttnProcessor x 8", "AttnProcessor x 4, app.P x 4", True),
        ("attention.unet.processors", "FluxAttnProcessor x 8", "FluxAttnProcessor[flash] x 8", 0),
        ("attention.unet.processors", "FluxAttnProcessor x 8", "FluxAttnProcessor[sage] x 8", True),
        ("call.unet.rows", "2 x 20", "8 x 20", False),
        ("call.unet.rows", "2 x 20", "2 x 8, 1 x 12", True),
        ("model.vae.dtype", "bfloat16", "float32", True),
        ("model.vae.slicing", False, True, False),
        ("model.vae.tiling", False, True, True),
        ("model.unet.adapters", None, "style 1 x 8", True),
        ("scheduler.config.beta_end", 0.012, 0.02, True),
        ("torch.mkldnn.enabled", True, False, False),
    ],
)
def test_what_differs_is_another_substance_or_moves_rounding(
    key: str, old: object, new: object, substance: bool
):
    before, now = {"fingerprint.version": 2, key: old}, {"fingerprint.version": 2, key: new}
    found = recorded(before, now)
    assert bool(found.substance) is bool(substance)
    assert bool(found.rounding) is not bool(substance)


def test_attributes_say_nothing_between_two_releases_of_the_libraries_that_set_them():
    key = "model.unet.attributes_sha256"
    old = {"fingerprint.version": 2, "package.diffusers": "0.41", key: "a"}
    assert recorded(old, {**old, key: "b"}).substance
    assert not recorded(old, {**old, key: "b", "package.diffusers": "0.42"}).substance


def test_a_table_says_nothing_beside_what_moves_rounding_and_all_where_it_is_alone():
    old = {"scheduler.alphas_cumprod_sha256": "a", "cpu.threads": 1}
    assert recorded(old, {**old, "scheduler.alphas_cumprod_sha256": "b"}).substance
    other = {"scheduler.alphas_cumprod_sha256": "b", "cpu.threads": 2}
    assert not recorded(old, other).substance
    assert recorded(old, other).rounding


def test_a_package_that_reads_texts_moves_no_rounding():
    old = {"fingerprint.version": 2, "cpu.threads": 1}
    found = recorded(old, {**old, "package.ftfy": "6.3"})
    assert [each.key for each in found.substance] == ["package.ftfy"]
    assert not found.rounding
    assert not recorded(old, {**old, "package.ftfy": "6.3", "cpu.threads": 2}).substance


@pytest.mark.parametrize(
    ("before", "now", "differs"),
    [
        ("P.encode = app.f@0123abcd x 1", "P.encode = app.f@s76543210 x 1", False),
        ("P.encode = app.f@0123abcd x 1", "P.encode = app.g@s76543210 x 1", True),
        ("P.encode = app.f@0123abcd x 1", None, True),
    ],
)
def test_of_a_record_that_knows_code_by_its_bytecode_the_names_alone_count(
    before: str, now: str | None, differs: bool
):
    old = {"fingerprint.version": 2, "pipeline.methods": before}
    new = {"fingerprint.version": 3, "pipeline.methods": now}
    found = {each.key for each in environment_differences(old, new)}
    assert ("pipeline.methods" in found) is differs


def test_two_digests_of_source_that_differ_are_other_code():
    old, new = (
        {"fingerprint.version": 3, "pipeline.methods": f"P.encode = app.f@{each} x 1"}
        for each in ("s0123abcd", "s76543210")
    )
    assert [each.key for each in environment_differences(old, new)] == ["pipeline.methods"]
