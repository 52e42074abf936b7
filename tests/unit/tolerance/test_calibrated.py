from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from goldenseed.baselines.entry import MeasuredTolerance, Pattern, ProfileBaseline
from goldenseed.tolerance.calibrated import Calibration, calibration_of, worth_naming
from goldenseed.tolerance.rounding import TraceMeasure
from goldenseed.tolerance.tolerance import Tolerance, assumed_tolerance
from goldenseed.verdict.reasons import tolerance_reasons

RECIPE, OTHER, PLACE = "1" * 64, "2" * 64, "3" * 64
HERE = {"torch.version": "2.13.0", "platform.node": "one", "cpu.capability": "AVX512"}
ELSEWHERE = "4" * 64
THREADED = {**HERE, "cpu.threads": 2}
LIMITS = {"peak_difference": 3.0, "latents_distance": 1e-5}
UNMEASURED = assumed_tolerance("float32")


def noise(
    pattern: Pattern = Pattern.ENVELOPE,
    *,
    recipe: str = RECIPE,
    present: dict[str, Any] | None = HERE,
    elsewhere: bool = False,
) -> Tolerance:
    measured = MeasuredTolerance(
        pattern=pattern,
        images=4,
        limits=LIMITS if pattern is Pattern.ENVELOPE else {},
        recipe_sha256=RECIPE,
        environment_sha256=PLACE,
        harmless_environments=(ELSEWHERE,) if elsewhere else (),
        measured_at=datetime(2026, 11, 20, tzinfo=UTC),
        measured_by="Ada",
    )
    kept = ProfileBaseline(tolerance=measured)
    calibration = calibration_of(kept, recipe, {PLACE: HERE, ELSEWHERE: THREADED}.__getitem__)
    if calibration is None or present is None:
        return UNMEASURED
    return calibration.tolerance(present, UNMEASURED)


def test_an_envelope_takes_the_place_of_what_is_assumed():
    found = noise()
    assert found.source == "tolerance (calibrated, 4 runs)"
    assert found.explains({"peak_difference": 3.0}, ())
    assert not found.explains({"peak_difference": 4.0}, ())


def test_an_envelope_holds_along_the_trace_and_leaves_the_rest_as_it_is():
    wide, shift = TraceMeasure("latents_distance", 8e-6, 1e-6), TraceMeasure("x_shift", 1, 2)
    assert noise().refined([wide, shift]) == (TraceMeasure("latents_distance", 8e-6, 1e-5), shift)


def test_what_latents_move_that_never_did_is_passed_on_by_the_decoder():
    decoded, latents = (
        TraceMeasure("decoded_distance", 5e-6, 9e-7),
        TraceMeasure("latents_distance", 2e-6, 9e-6),
    )
    measured = replace(noise(), measured={"decoded_distance": 1e-6})
    assert [each.limit for each in measured.refined([latents, decoded])] == pytest.approx(
        [9e-6, 5e-6]
    )
    both = replace(noise(), measured={"decoded_distance": 1e-6, "latents_distance": 3e-6})
    limits = [each.limit for each in both.refined([latents, decoded])]
    assert limits == pytest.approx([3e-6, 1e-6])


@pytest.mark.parametrize("pattern", [Pattern.IDENTICAL, Pattern.MODES])
def test_where_only_accepted_images_were_seen_any_other_is_beyond(pattern: Pattern):
    found = noise(pattern)
    assert not found.explains({"peak_difference": 1.0}, ())
    (reason,) = tolerance_reasons({"peak_difference": 1.0}, None, found)
    assert "any other is beyond the tolerance" in (reason.detail or "")


def test_a_numeric_key_that_changed_ends_it_and_is_named():
    found = noise(present={**HERE, "torch.version": "2.14.0"})
    assert found.limits == UNMEASURED.limits
    assert found.source == "tolerance (float32, not measured)"
    assert found.note == "the calibration of 2026-11-20 has expired: torch.version changed"


def test_latents_beyond_the_noise_widen_no_limit_on_the_pixels():
    decoded = TraceMeasure("decoded_distance", 0.1, 0.2)
    far = TraceMeasure("latents_distance", 0.1, 1e-5)
    assert UNMEASURED.pixel_limits([decoded])["peak_difference"] > 1
    assert UNMEASURED.pixel_limits([far, decoded])["peak_difference"] == 1


def test_a_key_that_changes_no_bits_does_not():
    assert noise(present={**HERE, "platform.node": "two"}).note is None


def test_another_recipe_or_an_unknown_place_is_not_what_was_measured():
    assert noise(recipe=OTHER) is UNMEASURED
    assert noise(present=None) is UNMEASURED


def test_it_holds_where_a_harmless_change_was_measured():
    assert noise(present=THREADED).note is not None
    assert noise(present=THREADED, elsewhere=True).note is None
    assert noise(present={**THREADED, "torch.version": "2.14.0"}, elsewhere=True).note == (
        "the calibration of 2026-11-20 has expired: torch.version changed"
    )


@pytest.mark.parametrize(
    "key",
    [
        "cpu.threads",
        "env.ONEDNN_MAX_CPU_ISA",
        "env.MKL_CBWR",
        "env.ATEN_CPU_CAPABILITY",
        "torch.mkldnn.enabled",
        "torch.sdp.math",
        "torch.autocast",
        "attention.unet.kernel",
        "attention.unet.processors",
        "model.unet.memory_format",
        "model.vae.slicing",
    ],
)
def test_whatever_decides_bits_ends_it(key: str):
    found = noise(present={**HERE, key: "another"})
    assert found.note == f"the calibration of 2026-11-20 has expired: {key} changed"


def test_where_traces_decide_a_calibration_narrows_no_limit_on_pixels():
    close = TraceMeasure("latents_distance", 1e-6, 2e-6)
    narrow = replace(noise(), limits={"peak_difference": 1.0, "changed_fraction": 1e-4})
    assert narrow.pixel_limits(None)["changed_fraction"] == 1e-4
    assert narrow.pixel_limits([close]) == UNMEASURED.limits


AVX512 = {"device.type": "cpu", "cpu.model": "AMD EPYC", "cpu.capability": "AVX512"}
CAPPED = {
    **AVX512,
    "cpu.capability": "AVX2",
    "env.ATEN_CPU_CAPABILITY": "avx2",
    "env.ONEDNN_MAX_CPU_ISA": "AVX2",
}
HASWELL = {**AVX512, "cpu.model": "Intel Haswell", "cpu.capability": "AVX2"}


def measured(pattern: Pattern = Pattern.ENVELOPE, *harmless: dict[str, Any]) -> Calibration:
    found = MeasuredTolerance(
        pattern=pattern,
        images=3,
        harmless=("cpu_isa=avx2",) if harmless else (),
        limits=LIMITS if pattern is Pattern.ENVELOPE else {},
        recipe_sha256=RECIPE,
        environment_sha256=PLACE,
        measured_at=datetime(2026, 11, 20, tzinfo=UTC),
        measured_by="Ada",
    )
    return Calibration(found, AVX512, harmless)


def source(calibration: Calibration, present: dict[str, Any]) -> tuple[str, str | None]:
    found = calibration.tolerance(present, UNMEASURED, elsewhere=True)
    return found.source, found.note


def test_in_another_profile_it_holds_where_that_was_measured():
    assert source(measured(Pattern.ENVELOPE, CAPPED), CAPPED) == (
        "tolerance (calibrated, 3 runs)",
        None,
    )
    found, note = source(measured(), CAPPED)
    assert found == UNMEASURED.source
    assert "does not hold here: cpu.capability, env.ATEN_CPU_CAPABILITY" in (note or "")


def test_where_each_key_was_measured_but_not_together_its_limits_hold_and_bits_may_move():
    half = {**CAPPED, "env.ONEDNN_MAX_CPU_ISA": None}
    calibrated, note = source(measured(Pattern.ENVELOPE, CAPPED), half)
    assert calibrated == "tolerance (calibrated, 3 runs)"
    assert (note or "").endswith("measured what differs here apart: its limits stay")
    assumed, note = source(measured(Pattern.IDENTICAL, CAPPED), half)
    assert assumed == UNMEASURED.source
    assert "saw no image move, but" in (note or "")


def test_another_instruction_set_stands_for_the_processors_that_have_it():
    calibrated, note = source(measured(Pattern.ENVELOPE, CAPPED), HASWELL)
    assert calibrated == "tolerance (calibrated, 3 runs)"
    assert (note or "").endswith("was made on another processor: its limits stay")
    assert source(measured(Pattern.IDENTICAL, CAPPED), HASWELL)[0] == UNMEASURED.source
    threaded = {**HASWELL, "cpu.threads": 2}
    assert "cpu.threads differs" in (source(measured(Pattern.ENVELOPE, CAPPED), threaded)[1] or "")
    newer = {**AVX512, "cpu.model": "Intel Xeon"}
    assert source(measured(), newer)[0] == UNMEASURED.source
    assert source(measured(Pattern.ENVELOPE, CAPPED), newer)[0] == calibrated


def test_a_gpu_of_another_kind_was_never_measured():
    gpu = {"device.type": "cuda", "gpu.name": "H200", "cpu.capability": "AVX512"}
    calibration = replace(measured(), unchanged=gpu)
    assert source(calibration, {**gpu, "cpu.model": "another"})[1] is None
    assert "gpu.name differs" in (source(calibration, {**gpu, "gpu.name": "H100"})[1] or "")


def test_an_absent_calibration_says_what_it_would_have_to_name():
    assert worth_naming(None, AVX512, CAPPED, elsewhere=True) == ("cpu_isa=avx2",)
    assert worth_naming(None, AVX512, AVX512) is None
    assert worth_naming(None, AVX512, {**CAPPED, "model.unet.sha256": "b"}, elsewhere=True) is None


def test_an_expired_calibration_says_what_it_would_have_to_name_besides():
    calibration = measured(Pattern.ENVELOPE, CAPPED)
    assert worth_naming(calibration, AVX512, CAPPED, elsewhere=True) is None
    assert worth_naming(calibration, AVX512, {**AVX512, "cpu.threads": 2}) == (
        "cpu_isa=avx2",
        "threads=2",
    )
    newer = {**AVX512, "torch.version": "2.14.0"}
    assert worth_naming(measured(), AVX512, newer) == ()
    assert worth_naming(calibration, AVX512, {**newer, **HASWELL}, elsewhere=True) is None
    both = {**HASWELL, "torch.version": "2.14.0"}
    assert worth_naming(calibration, AVX512, both, elsewhere=True) is None
