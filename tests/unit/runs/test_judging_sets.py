"""Judging sets from a run's folder: sizes, damage, statistics, what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from goldenseed.core.pixels import encode_png, pixels_sha256
from goldenseed.runs.record import CaseRecord
from goldenseed.runs.sets import judge_sets
from goldenseed.suite.cases import Suite
from goldenseed.suite.loading import load_suite
from goldenseed.verdict.model import Verdict

HEAD = """\
suite: toy
model: {source: toy}
cases:
  - {id: cat, prompt: a cat, seeds: [1, 2, 3]}
  - {id: dog, prompt: a dog, seeds: [1, 2]}
"""
LEVELS = {"cat[seed=1]": 100, "cat[seed=2]": 104, "cat[seed=3]": 110} | {
    "dog[seed=1]": 200,
    "dog[seed=2]": 202,
}


def suite_of(folder: Path, sets: str) -> Suite:
    (folder / "toy").mkdir(exist_ok=True)
    (folder / "toy" / "model_index.json").write_text('{"_class_name": "Toy"}')
    path = folder / "toy.suite.yaml"
    path.write_text(HEAD + sets)
    return load_suite(path)


def record(folder: Path, case: str, image: Image.Image) -> CaseRecord:
    digest = pixels_sha256(image)
    (folder / "images").mkdir(exist_ok=True)
    (folder / f"images/{digest}.png").write_bytes(encode_png(image))
    return CaseRecord(
        id=case,
        suite="toy",
        path="toy.suite.yaml",
        recipe={},
        recipe_sha256="0" * 64,
        pixels_sha256=digest,
        image=f"images/{digest}.png",
        width=image.width,
        height=image.height,
        mode=image.mode,
        verdict=Verdict.NEW,
        passed=False,
    )


@pytest.fixture
def cases(tmp_path: Path) -> dict[str, CaseRecord]:
    return {
        case: record(tmp_path, case, Image.new("L", (8, 8), level))
        for case, level in LEVELS.items()
    }


def test_the_worst_pair_and_the_mean_of_the_pairs(tmp_path: Path, cases: dict[str, CaseRecord]):
    suite = suite_of(
        tmp_path,
        "consistency:\n"
        "  - {id: worst, cases: [cat], within: {max_mean_difference: 9}}\n"
        "  - {id: mean, cases: [cat], statistic: mean, within: {max_mean_difference: 9}}\n"
        "diversity:\n"
        "  - {id: apart, cases: [cat, dog], within: {min_mean_difference: 4}}\n",
    )
    worst, mean, apart = judge_sets(suite, "toy.suite.yaml", cases, tmp_path)
    assert (worst.passed, worst.results[0].value) == (False, 10)
    assert worst.results[0].worst_pair == ("cat[seed=1]", "cat[seed=3]")
    assert (mean.passed, mean.results[0].value) == (True, pytest.approx(20 / 3))
    assert mean.results[0].worst_value == 10
    assert (apart.passed, apart.results[0].value) == (False, 2)
    assert apart.results[0].worst_pair == ("dog[seed=1]", "dog[seed=2]")
    assert apart.results[0].pairs == 4


BETWEEN = (
    "consistency:\n"
    "  - {id: cats, cases: [cat], between: {min_mean_difference: 90}}\n"
    "  - {id: dogs, cases: [dog], within: {max_mean_difference: 5}}\n"
)


def test_between_sets_every_image_of_one_meets_every_image_of_the_other(
    tmp_path: Path, cases: dict[str, CaseRecord]
):
    cats, dogs = judge_sets(suite_of(tmp_path, BETWEEN), "toy.suite.yaml", cases, tmp_path)
    (result,) = cats.results
    assert (result.value, result.worst_pair) == (90, ("cat[seed=3]", "dog[seed=1]"))
    assert (result.other, result.pairs, cats.passed, dogs.passed) == ("dogs", 6, True, True)


def test_what_did_not_run_is_not_judged_and_fails_nothing(
    tmp_path: Path, cases: dict[str, CaseRecord]
):
    del cases["dog[seed=2]"]
    cats, dogs = judge_sets(suite_of(tmp_path, BETWEEN), "toy.suite.yaml", cases, tmp_path)
    assert cats.not_judged == ("between cats and dogs: 1 of 2 cases ran",)
    assert dogs.not_judged == ("1 of 2 cases ran",)
    assert (cats.passed, dogs.passed, cats.results) == (True, True, ())


def test_images_of_two_sizes_fail_the_set_with_a_message(
    tmp_path: Path, cases: dict[str, CaseRecord]
):
    cases["cat[seed=2]"] = record(tmp_path, "cat[seed=2]", Image.new("L", (8, 9), 1))
    cats, _ = judge_sets(
        suite_of(tmp_path, BETWEEN.replace("between: {min_", "within: {max_")),
        "toy.suite.yaml",
        cases,
        tmp_path,
    )
    assert not cats.passed
    assert "cat[seed=1] and cat[seed=2] differ in size ((8, 8) and (8, 9))" in str(cats.error)


def test_a_damaged_image_fails_the_set_and_is_named(tmp_path: Path, cases: dict[str, CaseRecord]):
    image = cases["dog[seed=1]"].image or ""
    (tmp_path / image).write_bytes(b"")
    _, dogs = judge_sets(suite_of(tmp_path, BETWEEN), "toy.suite.yaml", cases, tmp_path)
    assert not dogs.passed
    assert image in str(dogs.error)
