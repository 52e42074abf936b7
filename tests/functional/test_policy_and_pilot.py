"""Rules before any image: a policy at collection, and a pilot before the other cases."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from goldenseed.runs.pilots import NOT_RUN

if TYPE_CHECKING:
    from conftest import Project

SUITE = """\
suite: tiny
model: {source: model}
policy: policy.yaml
pilot: {cases: 2, require: match}
defaults: {call: {num_inference_steps: 2, height: 32, width: 32}}
gates: {fail: {max_peak_difference: 255}}
cases:
  - {id: ball, prompts: {red: a red ball, blue: a blue ball}, seeds: [1, 2, 3]}
"""


@pytest.fixture
def piloted(make_project: Callable[[str], Project]) -> Project:
    project = make_project(SUITE)
    (project.path / "policy.yaml").write_text("steps: {max: 3}\nmodels: [model]\n")
    return project


def pilots(project: Project) -> list[tuple[bool, int, int]]:
    record = project.record()
    return [(each["held"], len(each["broken"]), each["not_run"]) for each in record["pilots"]]


def other_schedule(project: Project) -> None:
    """Let the model's folder have another schedule, which no recipe says."""
    link = project.path / "model"
    model = link.resolve()
    link.unlink()
    shutil.copytree(model, link)
    file = link / "scheduler" / "scheduler_config.json"
    project.edit('"beta_end": 0.012', '"beta_end": 0.0121', file)


def test_a_deviation_is_an_error_before_anything_is_loaded(piloted: Project):
    piloted.edit("num_inference_steps: 2", "num_inference_steps: 4")
    result = piloted.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["*tiny.suite.yaml:5: `ball`: num_inference_steps is 4, at most 3 is allowed (`steps`*"]
    )
    result.stdout.no_fnmatch_line("*loading model*")


def test_the_others_run_only_if_the_pilot_holds(piloted: Project):
    piloted.run("--golden-update=missing").assert_outcomes(passed=6)
    assert pilots(piloted) == [(True, 0, 0)]

    other_schedule(piloted)
    result = piloted.run()
    result.assert_outcomes(
        passed=2, skipped=4, warnings=2
    )  # inside the gates, and worse than match
    assert result.ret == 1
    assert pilots(piloted) == [(False, 2, 4)]
    result.stdout.fnmatch_lines(
        [
            "golden: 2 warn, 4 not compared",
            "golden: note: the pilot of tiny (tiny.suite.yaml:4) did not hold: 2 of 2 cases *",
        ]
    )
    record = piloted.record()
    assert {each["why"] for each in record["not_compared"]} == {NOT_RUN}
    report = piloted.path / "reports" / "latest"
    assert "did not hold" in (report / "summary.md").read_text()
    assert "did not hold" in (report / "index.html").read_text()
    assert not (report / "pilot").exists()


def test_workers_wait_for_it(piloted: Project):
    """Nothing is accepted, so that the pilot breaks, and nobody makes a third image."""
    result = piloted.pytester.runpytest_subprocess("-n", "2", "-p", "no:benchmark")
    result.assert_outcomes(failed=2, skipped=4)
    assert pilots(piloted) == [(False, 2, 4)]
    assert len(list((piloted.path / "reports" / "latest" / "images").iterdir())) == 2
