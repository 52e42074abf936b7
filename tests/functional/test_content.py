"""Content limits in real sessions: they decide whether a case passes, and leave its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tiny_pipelines import tiny_clip

if TYPE_CHECKING:
    from conftest import Project

KEPT = "content: {min_sharpness: 1, max_clipped_fraction: 0.9}\ncases:"
BROKEN = "content: {min_sharpness: 1.0e+6, max_clipped_fraction: 0.9}\ncases:"


def test_scores_are_recorded_and_limits_that_hold_change_nothing(project: Project):
    project.accept_all()
    recipes = {case["id"]: case["recipe_sha256"] for case in project.record()["cases"]}
    project.edit("cases:", KEPT)
    result = project.run()
    result.assert_outcomes(passed=4)
    for case in project.record()["cases"]:
        assert case["verdict"] == "identical"
        assert case["recipe_sha256"] == recipes[case["id"]]
        assert case["content"].keys() == {"sharpness", "clipped_fraction"}
        assert case["content"]["sharpness"] > 1
        assert case["content_limits"] == {"min_sharpness": 1, "max_clipped_fraction": 0.9}


def test_a_broken_limit_fails_a_case_that_is_identical(project: Project):
    project.accept_all()
    project.edit("cases:", BROKEN)
    result = project.run("--golden-require=identical")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            "IDENTICAL tiny.suite.yaml::red-apple?seed=1?",
            "*content: sharpness * < min_sharpness 1000000 (suite)",
        ]
    )
    result.stdout.no_fnmatch_line("*is not enough for*")
    result.stdout.no_fnmatch_line("*goldenseed accept*")
    case = project.record()["cases"][0]
    assert (case["verdict"], case["passed"]) == ("identical", False)
    [reason] = [reason for reason in case["reasons"] if reason["code"] == "content"]
    assert reason["metric"] == "sharpness"
    assert reason["value"] == case["content"]["sharpness"]
    assert (reason["limit"], reason["source"]) == (1e6, "suite")
    report = (project.path / "reports" / "latest" / "index.html").read_text()
    assert report.count('<p class="alarm">Fails: the image breaks a limit on its content') == 4
    assert "(min 1000000)" in report
    summary = (project.path / "reports" / "latest" / "summary.md").read_text()
    assert "content&#58; sharpness" in summary


def test_an_image_that_breaks_a_limit_is_not_accepted_by_an_option(project: Project):
    project.edit("cases:", BROKEN)
    project.edit("    seeds: [1, 2]\n", "    seeds: [1, 2]\n    content: {min_sharpness: 1}\n")
    result = project.run("--golden-update=missing")
    result.assert_outcomes(passed=2, failed=2)
    assert [name for name in project.baselines() if "colours" in name] == []
    assert len([name for name in project.baselines() if "red-apple" in name]) == 2


def test_a_limit_nobody_knows_is_an_error_of_the_suite_with_its_line(project: Project):
    project.edit("cases:", "content: {min_sharpnes: 1}\ncases:")
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        ["*tiny.suite.yaml:7: there is no content limit 'min_sharpnes'", "*did you mean*"]
    )


def test_a_score_by_a_model_beside_the_suite(project: Project):
    tiny_clip(project.path / "models" / "clip")
    project.accept_all()
    project.edit("cases:", "content: {min_clip_score: {value: -1, model: models/clip}}\ncases:")
    project.run().assert_outcomes(passed=4)
    scores = [case["content"]["clip_score"] for case in project.record()["cases"]]
    assert all(-1 <= score <= 1 for score in scores)
    assert len(set(scores)) == 4


def test_a_score_that_cannot_be_computed_fails_the_case_and_says_why(project: Project):
    (project.path / "empty").mkdir()
    project.accept_all()
    project.edit("cases:", "content: {min_pick_score: {value: 1, model: empty}}\ncases:")
    result = project.run()
    result.assert_outcomes(failed=4)
    assert set(project.verdicts().values()) == {"identical"}
    result.stdout.fnmatch_lines(["*empty: holds no model: there is no config.json", "*fix: save*"])


def test_a_gate_whose_weights_are_not_there_is_an_error_of_the_suite(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("GOLDENSEED_WEIGHTS", raising=False)
    project.edit("min_ssim: 0.999", "max_lpips: 0.1")
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        ["*tiny.suite.yaml:6: the metric 'lpips' needs weights*", "*set GOLDENSEED_WEIGHTS*"]
    )


TEST = """
from PIL import Image

def test_sharp(golden_image):
    image = Image.frombytes("L", (32, 32), bytes([40, 200] * 512))
    golden_image.check(image, content={"min_sharpness": 20})

def test_flat(golden_image):
    golden_image.check(Image.new("L", (32, 32), 90), content={"min_sharpness": 20})

def test_misspelt(golden_image):
    golden_image.check(Image.new("L", (32, 32), 90), content={"min_sharpnes": 20})
"""


def test_images_of_ordinary_tests_have_content_too(project: Project):
    project.suite.unlink()
    project.pytester.makepyfile(test_pictures=TEST)
    project.run("--golden-update=missing")
    result = project.run("-rA")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines_random(
        [
            "PASSED *test_sharp*",
            "*NEW *test_flat*",
            "*content: sharpness 0 < min_sharpness 20 (test)",
            "*there is no content limit 'min_sharpnes'*",
        ]
    )
