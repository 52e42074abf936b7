"""What may be accepted of a run: of a complete one, what the suite still asks for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.acceptable import check_acceptable
from goldenseed.runs.record import CaseRecord, RunRecord
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import recipe_of, recipe_sha256
from goldenseed.verdict.model import Verdict

SUITE = """\
suite: fruit
model: {source: model}
defaults: {call: {num_inference_steps: 3, height: 32, width: 32}}
cases:
  - {id: apple, prompt: a red apple, seeds: [1, 2]}
"""
PATH = "suites/fruit.suite.yaml"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / PATH
    path.parent.mkdir()
    (path.parent / "model").mkdir()
    path.write_text(SUITE)
    return path


def recorded(suite: Path, path: str = PATH, **fields: object) -> RunRecord:
    """Return the record of a run of the suite as it is."""
    cases = []
    for case in load_suite(suite).cases:
        recipe = recipe_of(case)
        cases.append(
            CaseRecord(
                id=case.id,
                suite="fruit",
                path=path,
                recipe=recipe,
                recipe_sha256=recipe_sha256(recipe),
                verdict=Verdict.NEW,
                passed=False,
            )
        )
    started = datetime(2026, 11, 20, tzinfo=UTC)
    given = {"run_id": "run", "started": started, "complete": True, "cases": tuple(cases)}
    return RunRecord.model_validate(given | fields)


def check(run: RunRecord, here: Path) -> tuple[str, ...]:
    return check_acceptable(run, run.cases, BaselineStore(here / "baselines"), here)


def test_the_run_of_a_suite_that_is_as_it_was_may_be_accepted(suite: Path, tmp_path: Path):
    assert check(recorded(suite), tmp_path) == ()
    assert check(recorded(suite), tmp_path / "somewhere" / "below") == ()


def test_gates_and_comments_are_no_part_of_a_recipe(suite: Path, tmp_path: Path):
    run = recorded(suite)
    suite.write_text(f"# hello\n{SUITE}gates: {{fail: {{min_ssim: 0.9}}}}\n")
    assert check(run, tmp_path) == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda text: text.replace("steps: 3", "steps: 4"),
            "fruit.suite.yaml:5: fruit::apple[seed=1] has another recipe now than in the run:",
        ),
        (lambda text: text.replace("red apple", "green apple"), "prompt changed"),
        (lambda text: text.replace("[1, 2]", "[1]"), "has no case fruit::apple[seed=2] any more"),
        (lambda text: text.replace("suite: fruit", "suite: pears"), "has no case fruit::apple"),
        (lambda text: text + "nonsense: 1\n", "nonsense"),
    ],
)
def test_what_the_suite_no_longer_asks_for_is_refused(
    suite: Path, tmp_path: Path, change: Callable[[str], str], says: str
):
    run = recorded(suite)
    suite.write_text(change(SUITE))
    with pytest.raises(GoldenseedError) as refused:
        check(run, tmp_path)
    assert says in str(refused.value)
    assert refused.value.fix


def test_nothing_of_an_incomplete_run_may_be_accepted(suite: Path, tmp_path: Path):
    with pytest.raises(GoldenseedError, match="the run run is incomplete"):
        check(recorded(suite, complete=False), tmp_path)


def test_where_the_suite_is_not_found_that_is_said(suite: Path, tmp_path: Path):
    run = recorded(suite)
    suite.unlink()
    (line,) = check(run, tmp_path)
    assert line.startswith(f"{PATH} is not found from here")


def test_where_the_model_is_on_another_machine_that_is_said(suite: Path, tmp_path: Path):
    run = recorded(suite)
    (suite.parent / "model").rmdir()
    (line,) = check(run, tmp_path)
    assert line.startswith(f"{PATH} cannot be read without its model")


def test_the_images_of_tests_have_no_suite(suite: Path, tmp_path: Path):
    assert check(recorded(suite, "tests/test_fruit.py"), tmp_path) == ()
