"""The self-check: which wrong images pass, which gates are blind, dead or within the tolerance."""

from __future__ import annotations

from pathlib import Path

import pytest
from accepted_suite import CPU, DRAWN, SUITE, AcceptedSuite, drawn
from PIL import Image

from goldenseed.baselines.entry import MeasuredTolerance, Pattern
from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting.documents import selfcheck_document
from goldenseed.tools.selfcheck.baseline_cases import find_right
from goldenseed.tools.selfcheck.check import WRONG_IMAGES, SelfCheck, self_check
from goldenseed.tools.selfcheck.findings import Findings, findings


@pytest.fixture
def toy(tmp_path: Path) -> AcceptedSuite:
    suite = AcceptedSuite(tmp_path)
    suite.accept_all()
    return suite


def checked(
    toy: AcceptedSuite, gates: str, *, profile: str = CPU, dtype: str = "float32"
) -> tuple[SelfCheck, Findings]:
    suite = toy.write(gates, dtype=dtype)
    right, left_out = find_right(suite, toy.store, profile=profile)
    check = self_check(suite.name, profile, right, toy.store, left_out=left_out)
    return check, findings(check)


def passing(check: SelfCheck) -> set[str]:
    return {trial.wrong for trial in check.passed}


def test_tight_gates_fail_every_wrong_image(toy: AcceptedSuite):
    check, found = checked(toy, "{max_peak_difference: 1}")
    assert check.passed == ()
    assert found.tests == 4 * len(WRONG_IMAGES) - 2
    assert found.gates["max_peak_difference"].caught == found.tests


def test_a_round_ssim_threshold_passes_a_fifth_less_contrast(toy: AcceptedSuite):
    check, found = checked(toy, "{min_ssim: 0.95}")
    assert "contrast-80" in passing(check)
    assert found.table["contrast-80"]["min_ssim"].caught == 0
    assert found.table["black"]["min_ssim"].caught == 4


def test_average_hash_below_5_passes_most_of_what_is_not_moved(toy: AcceptedSuite):
    check, found = checked(toy, "{max_average_hash_distance: 4}")
    assert {"blurred", "contrast-80", "jpeg-30", "shift-4"} <= passing(check)
    assert "upside-down" not in passing(check)
    assert found.blind == ()
    assert {"blurred", "contrast-80"} <= set(found.blind_to["max_average_hash_distance"])


def test_a_gate_that_catches_almost_nothing_is_blind(toy: AcceptedSuite):
    _, found = checked(toy, "{max_peak_difference: 3, max_mean_difference: 200}")
    assert found.blind == ("max_mean_difference",)
    assert found.dead == ()


def test_of_gates_that_catch_the_same_the_later_one_is_dead(toy: AcceptedSuite):
    _, found = checked(toy, "{max_peak_difference: 3, max_phash_distance: 6}")
    assert found.dead == ("max_phash_distance",)
    assert found.blind == ()


def test_gates_that_complete_each_other_are_not_dead(toy: AcceptedSuite):
    _, found = checked(toy, "{max_colorhash_distance: 3, max_phash_distance: 14}")
    assert found.dead == ()


def test_a_limit_tighter_than_the_noise_is_inside_it(toy: AcceptedSuite):
    _, found = checked(toy, "{max_peak_difference: 0, min_ssim: 0.9999}")
    assert [(each.gate, each.tolerance) for each in found.within_tolerance] == [
        ("max_peak_difference", 1)
    ]


def test_a_gate_that_fails_an_image_rounded_otherwise_is_inside_the_noise(toy: AcceptedSuite):
    _, found = checked(toy, "{min_ssim: 1.0, max_changed_fraction: 0.0}")
    assert {each.gate for each in found.within_tolerance} == {"min_ssim", "max_changed_fraction"}
    assert all(each.cases == 4 for each in found.within_tolerance)


def test_the_proposal_keeps_the_noise_out_and_fails_every_wrong_image(toy: AcceptedSuite):
    _, found = checked(toy, "{min_ssim: 0.5}")
    assert found.proposed == {"max_peak_difference": 1, "max_changed_fraction": 0.017}
    assert all(room.separates for room in found.rooms if room.gate in found.proposed)
    check, after = checked(toy, "{max_peak_difference: 1}")
    assert check.passed == ()
    assert after.within_tolerance == ()


def test_where_no_noise_is_known_nothing_is_proposed(toy: AcceptedSuite):
    check, found = checked(toy, "{min_ssim: 0.9}", dtype="bfloat16")
    assert found.proposed == {}
    assert check.rounded == ()


def calibrate(toy: AcceptedSuite, pattern: Pattern, **limits: float) -> None:
    for case in DRAWN:
        entry = toy.store.entry("toy", case)
        assert entry is not None
        accepted = entry.profiles[CPU].accepted[0]
        noise = MeasuredTolerance(
            pattern=pattern,
            images=8,
            limits=limits,
            recipe_sha256=accepted.recipe_sha256,
            environment_sha256=accepted.environment_sha256,
            measured_at=accepted.accepted_at,
            measured_by="Ada",
        )
        baseline = entry.profiles[CPU].model_copy(update={"tolerance": noise})
        changed = entry.model_copy(update={"profiles": {CPU: baseline}})
        toy.store.entry_path("toy", case).write_text(changed.model_dump_json(indent=1))


def test_a_calibration_decides_what_the_noise_is_and_which_gates_keep_it_out(toy: AcceptedSuite):
    calibrate(toy, Pattern.ENVELOPE, peak_difference=5, mean_difference=0.2)
    gates = "{max_peak_difference: 4, max_mean_difference: 0.5}"
    check, found = checked(toy, gates, dtype="bfloat16")
    assert found.proposed == {"max_peak_difference": 5, "max_mean_difference": 0.2}
    assert [each.gate for each in found.within_tolerance] == ["max_peak_difference"]
    assert check.right[0].tolerance.source == "tolerance (calibrated, 8 runs)"


def test_where_every_run_gave_the_same_pixels_any_other_is_beyond_the_noise(toy: AcceptedSuite):
    calibrate(toy, Pattern.IDENTICAL)
    _, found = checked(toy, "{max_peak_difference: 0}")
    assert found.within_tolerance == ()
    assert found.proposed == {"max_peak_difference": 0}


def test_a_portable_suite_has_no_noise_to_keep_out(toy: AcceptedSuite):
    toy.accept("cat[seed=3]", drawn("cat-at-night[seed=3]"), profile="portable")
    check, found = checked(toy, "{max_peak_difference: 0}", profile="portable", dtype="float64")
    assert check.cases == ("cat[seed=3]",)
    assert found.proposed == {"max_peak_difference": 0}
    assert found.within_tolerance == ()


def test_a_wrong_image_that_is_the_right_one_is_no_test(toy: AcceptedSuite):
    flat = Image.new("RGB", (64, 64), (90, 90, 90))
    toy.accept("cat[seed=3]", flat)
    check, found = checked(toy, "{max_peak_difference: 1}")
    excused = {trial.wrong: trial.no_test for trial in check.trials if trial.no_test}
    assert set(excused) == {
        "shift-4",
        "shift-16",
        "hue-turned",
        "blurred",
        "patch-replaced",
        "contrast-80",
        "upside-down",
        "jpeg-30",
    }
    assert excused["upside-down"] == "equal to an accepted image"
    assert check.passed == ()
    assert found.table["upside-down"][None].tests == 3


def test_a_neighbour_that_is_accepted_for_the_case_too_is_no_test(toy: AcceptedSuite):
    first, second = drawn("red-apple[seed=9999]"), drawn("red-apple[seed=1024]")
    toy.accept("apple[seed=9999]", first, second)
    check, _ = checked(toy, "{max_peak_difference: 1}")
    assert [
        (trial.case, trial.no_test) for trial in check.trials if trial.wrong == "neighbour-seed"
    ] == [("apple[seed=9999]", "equal to an accepted image"), ("apple[seed=1024]", None)]


def test_a_case_alone_has_no_neighbours_and_says_so(toy: AcceptedSuite):
    text = "suite: toy\nmodel: {{source: toy}}\ncases:\n  - {{id: cat, prompt: c, seeds: [3]}}\n"
    suite = toy.write("", text=text)
    right, _ = find_right(suite, toy.store, profile=CPU)
    check = self_check("toy", CPU, right, toy.store)
    assert [each.wrong for each in check.left_out] == ["neighbour-seed", "other-case"]
    assert check.passed == ()


def test_images_of_other_sizes_do_not_stand_in_for_one_another(toy: AcceptedSuite):
    toy.accept("cat[seed=3]", drawn("wide[cats,seed=6]"))
    check, _ = checked(toy, "{max_peak_difference: 1}")
    assert ("cat[seed=3]", "other-case") in {(each.case, each.wrong) for each in check.left_out}
    assert check.passed == ()


def test_a_case_without_an_accepted_image_is_left_out(toy: AcceptedSuite):
    toy.store.entry_path("toy", "cat[seed=3]").unlink()
    check, _ = checked(toy, "{max_peak_difference: 1}")
    assert ("cat[seed=3]", None) in {(each.case, each.wrong) for each in check.left_out}


def test_the_gates_of_a_case_are_the_ones_that_are_tried(toy: AcceptedSuite):
    text = (
        "suite: toy\nmodel: {{source: toy}}\ngates: {{fail: {{max_peak_difference: 3}}}}\ncases:\n"
        "  - {{id: cat, prompt: c, seeds: [3], gates: {{fail: {{max_peak_difference: 255}}}}}}\n"
        "  - {{id: sides, prompt: s, seeds: [1]}}\n"
    )
    suite = toy.write("", text=text)
    right, _ = find_right(suite, toy.store, profile=CPU)
    check = self_check("toy", CPU, right, toy.store)
    assert {trial.case for trial in check.passed} == {"cat[seed=3]"}
    assert check.limits == {"max_peak_difference": (3, 255)}


def test_an_image_that_fails_its_content_alone_is_caught(toy: AcceptedSuite):
    text = SUITE + "content: {{min_sharpness: 60}}\n"
    suite = toy.write("{max_average_hash_distance: 4}", text=text)
    right, _ = find_right(suite, toy.store, profile=CPU)
    check = self_check("toy", CPU, right, toy.store)
    blurred = [trial for trial in check.trials if trial.wrong == "blurred"]
    assert all(trial.content == ("sharpness",) for trial in blurred)
    assert "blurred" not in passing(check)
    assert findings(check).table["blurred"]["max_average_hash_distance"].caught == 0


def test_pixels_that_the_suite_ignores_are_no_test(toy: AcceptedSuite):
    text = SUITE + "ignore: [[48, 48, 32, 32]]\n"  # where a patch is replaced
    suite = toy.write("{max_peak_difference: 1}", text=text)
    right, _ = find_right(suite, toy.store, profile=CPU)
    check = self_check("toy", CPU, right, toy.store)
    replaced = [trial.no_test for trial in check.trials if trial.wrong == "patch-replaced"]
    assert replaced == ["equal where it counts to an accepted image"] * 4
    assert check.passed == ()


def test_the_same_baselines_and_gates_give_the_same_result(toy: AcceptedSuite):
    first, again = (selfcheck_document(*checked(toy, "{min_ssim: 0.95}")) for _ in range(2))
    assert first == again


def test_a_damaged_baseline_is_an_error_that_names_it(toy: AcceptedSuite):
    suite = toy.write("{min_ssim: 0.95}")
    right, _ = find_right(suite, toy.store, profile=CPU)
    path = toy.store.image_path(right[0].accepted.pixels_sha256)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(GoldenseedError, match=path.name):
        self_check("toy", CPU, right, toy.store)
