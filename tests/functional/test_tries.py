"""Repetitions, reruns and marks: every try is in the record, and so is what was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

FLAKY = """
import pytest
from PIL import Image
count = []
def test_flaky(golden_image):
    count.append(1)
    golden_image.check(Image.new("RGB", (8, 8), (DRAWN[len(count) - 1], 0, 0)))
@pytest.mark.parametrize("p", ["2-3", "b"])
def test_steady(golden_image, p):
    golden_image.check(Image.new("RGB", (8, 8), (len(p), 0, 0)))
"""


def flaky(project: Project, *drawn: int) -> None:
    project.suite.unlink(missing_ok=True)
    (project.path / "test_it.py").write_text(f"DRAWN = {drawn}\n{FLAKY}")


def case(project: Project, name: str) -> dict[str, Any]:
    return next(each for each in project.record()["cases"] if each["id"] == name)


def verdicts(found: dict[str, Any]) -> list[str]:
    return [each["verdict"] for each in found["tries"]]


def test_repetitions_are_held_against_one_baseline_and_are_all_in_the_record(project: Project):
    flaky(project, 10)
    project.run("--golden-update=missing").assert_outcomes(passed=3)
    flaky(project, 10, 200, 10)
    result = project.run("--count=3")
    result.assert_outcomes(passed=8, failed=1)
    found = case(project, "test_flaky")
    assert (found["verdict"], found["passed"]) == ("drift", False)
    assert verdicts(found) == ["identical", "drift", "identical"]
    assert verdicts(case(project, "test_steady[2-3]")) == ["identical"] * 3
    result.stdout.fnmatch_lines(
        ["golden: note: identical at try 1, drift at try 2, identical at try 3 (*test_flaky)"]
    )


def test_what_differs_between_repetitions_is_not_accepted(project: Project):
    flaky(project, 10, 200)
    result = project.run("--count=2", "--golden-update=missing")
    result.stdout.fnmatch_lines(["WARNING not accepted, since their tries gave different images:*"])
    assert set(project.baselines()) >= {"test_it/test_steady[b].json"}
    assert "test_it/test_flaky.json" not in project.baselines()


def test_a_rerun_that_passes_hides_no_drift(project: Project):
    flaky(project, 10)
    project.run("--golden-update=missing")
    flaky(project, 200, 10)
    result = project.run("--reruns=1")
    assert result.ret == 0
    found = case(project, "test_flaky")
    assert (found["verdict"], found["passed"]) == ("identical", True)
    assert verdicts(found) == ["drift", "identical"]
    assert [each["retried"] for each in found["tries"]] == [True, False]
    result.stdout.fnmatch_lines(["golden: note: drift at try 1, identical at try 2 (*)"])
    assert "drift at try 1" in (project.path / "reports/latest/summary.md").read_text()
    assert "drift at try 1" in (project.path / "reports/latest/index.html").read_text()


def test_a_rerun_that_fails_again_fails(project: Project):
    flaky(project, 10)
    project.run("--golden-update=missing")
    flaky(project, 200, 201)
    assert project.run("--reruns=1").ret == pytest.ExitCode.TESTS_FAILED
    assert verdicts(case(project, "test_flaky")) == ["drift", "drift"]


def test_cases_of_suites_are_repeated_as_well_and_found_again(project: Project):
    project.accept_all()
    result = project.run("--count=2", "-k", "red-apple and [seed:1]")
    result.assert_outcomes(passed=2, deselected=6)
    assert verdicts(case(project, "red-apple[seed=1]")) == ["identical"] * 2
    name = "tiny.suite.yaml::red-apple[seed=1][2-2]"
    project.run("--count=2", name).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("[seed:1]", {"red-apple[seed=1]"}),
        ("seed:1", {"red-apple[seed=1]", "red-apple[seed=12]"}),
        ("red-apple and not [seed:1]", {"red-apple[seed=12]"}),
        ("blue", {"colours[blue,seed=0]"}),
    ],
)
def test_seeds_are_selected_by_k(project: Project, expression: str, names: set[str]):
    project.edit("seeds: [1, 2]", "seeds: [1, 12]")
    result = project.run("--co", "-q", "-k", expression)
    assert {each.partition("::")[2] for each in result.outlines if "::" in each} == names


MARKED = """\
  - {id: a, prompt: a, seeds: [1], marks: [skip]}
  - {id: b, prompt: b, seeds: [1], marks: [xfail]}
  - {id: c, prompt: c, seeds: [1]}
"""


def test_marks_leave_a_trace(project: Project):
    head = project.suite.read_text().partition("cases:\n")[0]
    project.suite.write_text(f"{head}cases:\n{MARKED}")
    project.run("--golden-update=missing")
    project.edit("prompt: b", "prompt: d")
    result = project.run()
    result.assert_outcomes(passed=1, skipped=1, xfailed=1)
    found = project.record()
    (left_out,) = found["not_compared"]
    assert (left_out["id"], left_out["suite"]) == ("a[seed=1]", "tiny")
    expected = case(project, "b[seed=1]")
    assert (expected["verdict"], expected["passed"]) == ("incomparable", False)
    assert expected["xfail"] == ""
    result.stdout.fnmatch_lines(
        [
            "golden: 1 identical, 1 incomparable, 1 not compared",
            "golden: note: not compared, skipped: unconditional skip (tiny::a?seed=1?)",
            "golden: note: fails behind an xfail mark (tiny::b?seed=1?)",
        ]
    )
    summary = (project.path / "reports/latest/summary.md").read_text()
    assert summary.startswith(
        "## Golden images: 1 of 2 cases pass, 1 fails behind an xfail mark, 1 not compared\n"
    )


def test_a_strict_xfail_that_passes_is_no_pass_in_the_record(project: Project):
    project.accept_all()
    project.edit("seeds: [1, 2]", "seeds: [1, 2]\n    marks: [xfail]")
    project.run("-o", "xfail_strict=true", "-k", "[seed:1]").assert_outcomes(failed=1)
    found = case(project, "red-apple[seed=1]")
    assert (found["verdict"], found["passed"]) == ("identical", False)
    assert "XPASS(strict)" in found["reasons"][-1]["detail"]


def test_a_session_that_skips_every_case_says_so(project: Project):
    project.edit("defaults:\n", "defaults:\n  marks: [skip]\n")
    result = project.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["golden: no cases, 4 not compared"])
    assert len(project.record()["not_compared"]) == 4
