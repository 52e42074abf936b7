"""Metrics and scores of other packages in real sessions, when they are not what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from other_package import other_package

if TYPE_CHECKING:
    from conftest import Project

GATES = "fail: {max_peak_difference: 4, min_ssim: 0.999"
OFFERS = """
from goldenseed import Metric, Score

def metric(name):
    return Metric(name=name, worst=1, best=0, cost=5, measure=f"strange_far_off:{name}")

def __getattr__(name):
    return metric(name)

def score(name):
    return Score(name=name, measure=f"strange_far_off:{name}")

NAN = score("nan_score")
"""
FAR_OFF = """
def fitful(pair):
    raise KeyError("weights")

def ssim(pair):
    raise AssertionError("never called")

def nan_score(scene):
    return float("nan")
"""
FIRST_IMAGE_OFF = """
    import diffusers, functools
    original = diffusers.StableDiffusionPipeline.__call__
    made = []
    @functools.wraps(original)
    def first_off(self, *args, **kwargs):
        output = original(self, *args, **kwargs)
        if not made:
            output.images[:, :4, :4] = 0.25
        made.append(output)
        return output
    def pytest_configure(config):
        diffusers.StableDiffusionPipeline.__call__ = first_off
    def pytest_unconfigure(config):
        diffusers.StableDiffusionPipeline.__call__ = original
"""


@pytest.fixture
def strange(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    folder = project.path / "strange"
    names = ("fitful", "gone", "ssim", "torn")
    modules = {"strange_offers": OFFERS, "strange_far_off": FAR_OFF}
    offers = {name: f"strange_offers:{name}" for name in names}
    other_package(folder, "goldenseed.metrics", {**offers, "torn": "nowhere:AT_ALL"}, modules)
    with (next(folder.glob("*.dist-info")) / "entry_points.txt").open("a") as file:
        file.write("[goldenseed.content]\nnan_score = strange_offers:NAN\n")
    monkeypatch.syspath_prepend(folder)
    return project


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("max_torn", "the metric 'torn' of strange 1.0 (nowhere:AT_ALL) cannot be loaded: ModuleN"),
        ("max_gone", "the metric 'gone' (strange_far_off:gone) cannot be imported: module"),
    ],
)
def test_a_metric_that_cannot_be_imported_stops_before_a_model_is_loaded(
    strange: Project, gate: str, said: str
):
    strange.edit(GATES, f"{GATES},\n         {gate}: 0.5")
    result = strange.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    assert f"tiny.suite.yaml:7: {said}" in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


def test_a_metric_that_raises_is_an_error_of_its_case_and_the_others_go_on(strange: Project):
    strange.accept_all()
    strange.edit(GATES, f"{GATES}, max_fitful: 0.5")
    strange.conftest(FIRST_IMAGE_OFF)
    strange.run().assert_outcomes(passed=3, failed=1, warnings=1)
    verdicts = strange.verdicts()
    assert verdicts.pop("red-apple[seed=1]") == "error"
    assert set(verdicts.values()) == {"identical"}
    case = next(case for case in strange.record()["cases"] if case["verdict"] == "error")
    assert "the metric 'fitful' (strange_far_off:fitful) failed: KeyError" in str(case["reasons"])


def test_a_built_in_metric_keeps_its_name_and_that_is_said(strange: Project):
    strange.accept_all()
    result = strange.run()
    result.assert_outcomes(passed=4, warnings=1)
    result.stdout.fnmatch_lines(["*the metric 'ssim' of strange 1.0 (strange_offers:ssim) is not*"])
    strict = strange.run("-W", "error")
    strict.assert_outcomes(errors=1)
    assert "Traceback" not in strict.stdout.str()


def test_a_score_that_is_no_number_fails_its_case_by_name(strange: Project):
    strange.accept_all()
    strange.edit("cases:", "content: {min_nan_score: 1}\ncases:")
    result = strange.run()
    result.assert_outcomes(failed=4, warnings=1)
    result.stdout.fnmatch_lines(
        ["*'nan_score' (strange_far_off:nan_score) returned nan, which is*"]
    )
    assert set(strange.verdicts().values()) == {"identical"}
