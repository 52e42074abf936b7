"""Two runs compared: the verdict on every pair, from the two folders alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from goldenseed.core.pixels import decode, encode_png, pixels_sha256
from goldenseed.runs.comparison import JudgedPair, compare_runs
from goldenseed.verdict.model import Verdict
from two_runs import AVX2, Run, picture, rounded


@pytest.fixture
def a(tmp_path: Path) -> Run:
    return Run(tmp_path / "run-a")


@pytest.fixture
def b(tmp_path: Path) -> Run:
    return Run(tmp_path / "run-b", AVX2, "cpu-avx2")


def only_pair(a: Run, b: Run) -> JudgedPair:
    (pair,) = compare_runs(a.stored(), b.stored()).pairs
    return pair


@pytest.mark.parametrize(
    ("image", "verdict"),
    [(picture(), "identical"), (rounded(), "match"), (picture(3), "warn"), (picture(9), "drift")],
    ids=["identical", "match", "warn", "drift"],
)
def test_a_pair_gets_the_verdict_of_a_test_run(a: Run, b: Run, image: Image.Image, verdict: str):
    a.case("apple", picture())
    b.case("apple", image)
    assert only_pair(a, b).judged.verdict == verdict


@pytest.mark.parametrize(
    ("ball", "same"),
    [(picture(), True), (rounded(), True), (picture(3), False)],
    ids=["identical", "match", "warn"],
)
def test_runs_are_the_same_if_every_pair_is_within_the_noise(
    a: Run, b: Run, ball: Image.Image, same: bool
):
    for name, image in (("apple", picture()), ("ball", ball)):
        a.case(name, picture())
        b.case(name, image)
    assert compare_runs(a.stored(), b.stored()).same is same


def test_the_gates_are_those_recorded_with_the_second_run(a: Run, b: Run):
    a.case("apple", picture(), limits={"max_peak_difference": 2.0})
    b.case("apple", picture(5), limits={"max_peak_difference": 8.0})
    judged = only_pair(a, b).judged
    assert judged.verdict is Verdict.WARN
    assert judged.limits == {"max_peak_difference": 8.0}


def test_in_bfloat16_no_difference_counts_as_noise(a: Run, b: Run):
    recipe = {"model": {"dtype": "bfloat16"}}
    a.case("apple", picture(), recipe=recipe)
    b.case("apple", picture(1), recipe=recipe)
    assert only_pair(a, b).judged.verdict is Verdict.WARN


def test_another_profile_is_not_repeated_with_every_case(a: Run, b: Run):
    a.case("apple", picture())
    b.case("apple", picture(1))
    pair = only_pair(a, b)
    assert {reason.code for reason in pair.judged.reasons} == {"tolerance"}
    assert (pair.judged.profile, pair.judged.baseline and pair.judged.baseline.profile) == (
        "cpu-avx2",
        "cpu-avx512",
    )


def test_a_changed_recipe_is_incomparable_and_named(a: Run, b: Run):
    a.case("apple", picture(), recipe={"call": {"num_inference_steps": 20}})
    b.case("apple", picture(3), recipe={"call": {"num_inference_steps": 19}})
    judged = only_pair(a, b).judged
    assert judged.verdict is Verdict.INCOMPARABLE
    assert judged.reasons[0].metric == "recipe.call.num_inference_steps"
    assert judged.metrics["peak_difference"] == 3


def test_a_recipe_edited_under_its_old_digest_is_still_seen(a: Run, b: Run):
    case = a.case("apple", picture())
    b.case("apple", picture(), recipe={"prompt": "pear"}, recipe_sha256=case.recipe_sha256)
    assert only_pair(a, b).judged.verdict is Verdict.INCOMPARABLE


def test_another_size_is_incomparable(a: Run, b: Run):
    a.case("apple", picture())
    b.case("apple", picture(size=(48, 32)))
    judged = only_pair(a, b).judged
    assert judged.verdict is Verdict.INCOMPARABLE
    assert [reason.code for reason in judged.reasons] == ["size_changed"]


def test_how_much_brighter_the_second_image_is_is_measured_in_levels(a: Run, b: Run):
    a.case("apple", picture(5))
    b.case("apple", picture(2))
    assert only_pair(a, b).brighter == pytest.approx(-3.0)


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("missing", "cannot be read"),
        ("truncated", "truncated"),
        ("other pixels", "not the recorded"),
        ("no image", "is no image"),
    ],
)
def test_an_image_that_is_not_the_recorded_one_is_an_error_for_its_case_alone(
    a: Run, b: Run, side: str, damage: str, message: str
):
    for run in (a, b):
        run.case("apple", picture(20))
        run.case("ball", picture())
    run = {"a": a, "b": b}[side]
    file = run.folder / (run.cases[0].image or "")
    whole = file.read_bytes()
    match damage:
        case "missing":
            file.unlink()
        case "truncated":
            file.write_bytes(whole[: len(whole) // 2])
        case "other pixels":
            file.write_bytes(encode_png(picture(21)))
        case "no image":
            file.write_text("not an image")
    apple, ball = compare_runs(a.stored(), b.stored()).pairs
    assert apple.judged.verdict is Verdict.ERROR
    assert message in (apple.judged.error or "")
    assert f"run {side.upper()} (run-{side})" in (apple.judged.error or "")
    assert ball.judged.verdict is Verdict.IDENTICAL


def test_a_case_that_one_run_could_not_generate_is_an_error_with_its_message(a: Run, b: Run):
    a.case("apple", None, error="out of memory")
    b.case("apple", picture())
    judged = only_pair(a, b).judged
    assert judged.verdict is Verdict.ERROR
    assert "out of memory" in (judged.error or "")


def test_an_image_outside_the_folder_of_its_run_is_not_read(a: Run, b: Run, tmp_path: Path):
    (tmp_path / "secret.png").write_bytes(encode_png(picture()))
    b.case("apple", picture())
    case = a.case("apple", picture())
    a.cases[:] = [case.model_copy(update={"image": "../secret.png"})]
    judged = only_pair(a, b).judged
    assert judged.verdict is Verdict.ERROR
    assert "leaves its folder" in (judged.error or "")


@pytest.mark.parametrize("altered", ["a", "b"])
@pytest.mark.parametrize(
    "field", [{"profile": "CPU x86"}, {"environment_sha256": "zz"}, {"width": 33}, {"mode": "L"}]
)
def test_a_record_that_was_altered_is_an_error_for_its_case(
    a: Run, b: Run, field: dict[str, Any], altered: str
):
    for name, run in (("a", a), ("b", b)):
        run.case("apple", picture(), **(field if name == altered else {}))
    judged = only_pair(a, b).judged
    assert judged.verdict is Verdict.ERROR
    assert "was altered" in (judged.error or "")


def test_pictures_are_kept_for_a_report(a: Run, b: Run, tmp_path: Path):
    a.case("apple", picture())
    b.case("apple", picture(9))
    (pair,) = compare_runs(a.stored(), b.stored(), pictures=tmp_path / "kept").pairs
    judged = pair.judged
    assert judged.baseline is not None
    for place, digest in (
        (judged.image, pair.pair.b.pixels_sha256),
        (judged.baseline.image, pair.pair.a.pixels_sha256),
    ):
        assert pixels_sha256(decode(tmp_path / "kept" / str(place))) == digest
    assert decode(tmp_path / "kept" / str(judged.difference)).size == (32, 32)


def test_the_folders_of_the_runs_are_left_as_they_were(a: Run, b: Run, tmp_path: Path):
    for run, level in ((a, 0), (b, 9)):
        run.case("apple", picture(level))
        run.stored()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    compare_runs(a.stored(), b.stored())
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
