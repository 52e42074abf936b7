"""What the history keeps of a run's record, and what it makes of it."""

from __future__ import annotations

import pytest

from goldenseed.history.points import Point, Series, environments_of, is_of_images, points_of
from goldenseed.runs.parts import SetRecord, SetResult, VerbRecord
from goldenseed.runs.relation_record import RelationRecord
from goldenseed.verdict.model import Verdict
from made_history import digest_of, made, run_on


def point(*arguments: object, **fields: object) -> Point:
    ((_, found),) = points_of(run_on(0, made(*arguments, **fields)))  # type: ignore[arg-type]
    return found


def test_a_case_is_told_by_suite_id_and_profile_wherever_its_file_lies():
    here, there = (
        next(points_of(run_on(0, made(path=path))))[0]
        for path in ("a.suite.yaml", "b/a.suite.yaml")
    )
    assert here == there == Series("shapes", "apple[seed=1]", "cpu-x86_64-avx512")


def test_a_case_that_failed_before_it_had_a_profile_has_the_runs():
    failed = made(profile=None, pixels_sha256=None, verdict=Verdict.ERROR, passed=False)
    ((series, found),) = points_of(run_on(0, failed))
    assert series.profile == "cpu-x86_64-avx512"
    assert (found.verdict, found.pixels, found.environment) == (Verdict.ERROR, None, None)


def test_metrics_stages_content_and_seconds_are_values():
    found = point("new", mean=0.25, steps=(0.0, 1.23456789e-7), content={"sharpness": 31.2})
    assert found.values == {
        "mean_difference": 0.25,
        "ssim": 0.9999,
        "denoising_step[0]": 0.0,
        "denoising_step[1]": 1.23457e-7,
        "content.sharpness": 31.2,
        "generate_seconds": 1.0,
    }
    assert found.divergence == "denoising_step[0]"


def test_of_an_identical_image_every_metric_is_the_best_but_an_infinite_one():
    found = point()
    assert [found.value(each) for each in ("mean_difference", "ssim", "phash_distance")] == [
        0,
        1,
        0,
    ]
    assert found.value("psnr") is None
    assert found.value("denoising_step[0]") is None
    assert point("new", mean=1.0).value("phash_distance") is None


def test_a_dirty_tree_is_told_from_its_commit():
    run = run_on(0, made())
    dirty = run.model_copy(update={"git": run.git and run.git.model_copy(update={"dirty": True})})
    assert next(points_of(dirty))[1].commit == "c" * 40 + "+"


def test_an_environment_that_is_not_on_record_is_not_known():
    lost = run_on(0, made(environment_sha256=digest_of("lost")))
    assert next(points_of(lost))[1].environment is None
    assert environments_of(lost) == {}
    assert list(environments_of(run_on(0, made())).values()) == [run_on(0).environment]


@pytest.mark.parametrize("options", [{"compared": "b with a"}, {"change": "threads-2"}])
def test_comparisons_and_trials_are_no_history(options: dict[str, str]):
    assert not is_of_images(run_on(0, options=options))
    verb = VerbRecord(name="calibrate", passed=True)
    assert not is_of_images(run_on(0).model_copy(update={"verb": verb}))
    assert is_of_images(run_on(0, options={"require": "warn"}))


def test_sets_have_points_of_their_own_under_a_name_that_no_case_has():
    limit = {
        "limit_name": "max_phash_distance", "side": "within", "metric": "phash_distance",
        "limit": 20, "value": 26, "worst_value": 26, "worst_pair": ("a", "b"), "pairs": 1,
        "of_pairs": 1, "passed": False,
    }  # fmt: skip
    known = {"kind": "consistency", "suite": "shapes", "path": "a.suite.yaml", "statistic": "worst"}
    sets = (
        SetRecord(
            id="cats", cases=("a", "b"), passed=False, results=(SetResult(**limit),), **known
        ),
        SetRecord(id="dogs", cases=("c",), passed=True, not_judged=("1 of 2 cases ran",), **known),
        SetRecord(id="cows", cases=("d", "e"), passed=False, error="no image", **known),
    )
    run = run_on(0, made()).model_copy(update={"sets": sets})
    found = {series.case: each for series, each in points_of(run)}
    assert [*found] == ["apple[seed=1]", "consistency cats", "consistency cows"]
    assert found["consistency cats"].values == {"phash_distance": 26}
    assert not found["consistency cats"].passed
    assert found["consistency cows"].verdict is Verdict.ERROR


def test_a_relation_whose_image_could_not_be_made_is_remembered_too():
    broken = RelationRecord(
        id="same[apple,seed=1,threads=2]", relation="same", suite="shapes", path="a.suite.yaml",
        case="apple[seed=1]", vary={"threads": 2}, hold="match", state="error", why="no memory",
    )  # fmt: skip
    untried = broken.model_copy(update={"id": "offload[apple,seed=1]", "state": "cannot"})
    run = run_on(0, made()).model_copy(update={"relations": (broken, untried)})
    (_, (series, found)) = points_of(run)
    assert series.case == broken.id
    assert (found.verdict, found.passed) == (Verdict.ERROR, False)
