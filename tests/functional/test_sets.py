"""Sets of cases in real sessions: judged after all cases, also on workers; reported; failing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

SETS = """\
consistency:
  - id: apples
    cases: [red-apple]
    within: {{max_mean_difference: {within}}}
    between: {{min_mean_difference: {between}}}
  - id: balls
    cases: [colours]
    within: {{min_ssim: -0.9}}
diversity:
  - id: seeds
    cases: [red-apple]
    statistic: mean
    within: {{min_mean_difference: {apart}}}
"""


def add_sets(
    project: Project, *, within: float = 250, between: float = 0.5, apart: float = 0.5
) -> None:
    sets = SETS.format(within=within, between=between, apart=apart)
    project.suite.write_text(project.suite.read_text() + sets)


def sets(project: Project) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in project.record()["sets"]}


def test_sets_that_hold_are_recorded_with_their_worst_pair(project: Project):
    add_sets(project)
    project.accept_all()
    result = project.run()
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["golden: 3 sets hold"])
    found = sets(project)
    assert all(each["passed"] for each in found.values())
    within, between = found["apples"]["results"]
    assert within["worst_pair"] == ["red-apple[seed=1]", "red-apple[seed=2]"]
    assert (between["other"], between["pairs"]) == ("balls", 4)
    assert within["value"] == within["worst_value"] == found["seeds"]["results"][0]["value"]


def test_a_broken_set_fails_the_session_although_every_case_passes(project: Project):
    add_sets(project, within=0.001)
    project.run("--golden-update=missing")
    result = project.run()
    result.assert_outcomes(passed=4)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            (
                "golden: consistency apples (*:15): max_mean_difference 0.001 BROKEN: "
                "mean difference * in the worst pair, red-apple?seed=1? and red-apple?seed=2? "
                "(1 pair)"
            ),
            "golden: 2 sets hold",
        ]
    )
    summary = (project.path / "reports/latest/summary.md").read_text()
    assert "All 4 cases pass, 1 set is broken" in summary
    assert "<code>apples</code> | consistency | broken" in summary
    page = (project.path / "reports/latest/index.html").read_text()
    images = [
        case["image"] for case in project.record()["cases"] if case["id"].startswith("red-apple")
    ]
    section = page[page.index('class="fold sets"') : page.index('id="cases"')]
    assert all(image in section for image in images)


def test_images_that_are_all_the_same_are_not_diverse(project: Project):
    add_sets(project, apart=200)
    project.run("--golden-update=missing")
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["golden: diversity seeds * min_mean_difference 200 BROKEN: *"])


@pytest.mark.parametrize("arguments", [("tiny.suite.yaml::red-apple[seed=1]",), ("-x",)])
def test_a_set_of_which_not_all_ran_is_not_judged(project: Project, arguments: tuple[str, ...]):
    add_sets(project, within=0.001)
    result = project.run(*arguments)
    result.stdout.fnmatch_lines(["golden: not judged: consistency apples (1 of 2 cases ran)*"])
    assert sets(project)["apples"]["passed"]
    assert sets(project)["apples"]["results"] == []


def test_a_case_that_gave_no_image_did_not_run(project: Project):
    add_sets(project, within=0.001)
    project.conftest(
        """
        import diffusers, functools
        original = diffusers.StableDiffusionPipeline.__call__
        @functools.wraps(original)
        def broken(self, *args, **kwargs):
            if kwargs["generator"].initial_seed() == 2:
                raise RuntimeError("out of luck")
            return original(self, *args, **kwargs)
        def pytest_configure(config):
            diffusers.StableDiffusionPipeline.__call__ = broken
        def pytest_unconfigure(config):
            diffusers.StableDiffusionPipeline.__call__ = original
        """
    )
    project.run()
    assert sets(project)["apples"]["not_judged"] == ["1 of 2 cases ran"]


def test_workers_change_nothing(project: Project):
    project.edit("max_peak_difference: 4, min_ssim: 0.999", "max_phash_distance: 30")
    project.edit("suite: tiny\n", "suite: tiny\nselfcheck: required\n")
    add_sets(project, within=0.001)
    project.run("--golden-update=missing")
    alone = sets(project)
    result = project.run("-n", "2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert sets(project) == alone
    result.stdout.fnmatch_lines(["ERROR tiny.suite.yaml: the self-check *"])


def test_collecting_shows_nothing_new(project: Project):
    project.suite.write_text(project.suite.read_text())
    before = project.run("--co", "-q").outlines[:5]
    add_sets(project)
    assert project.run("--co", "-q").outlines[:5] == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("max_mean_difference:", "min_mean_difference:", "*fix: use max_mean_difference"),
        ("min_ssim: -0.9", "min_sism: 0.9", "*there is no gate 'min_sism'"),
        ("[colours]", "[colors]", "*tiny.suite.yaml:20: no case is meant by `colors`"),
    ],
)
def test_a_fault_is_an_error_at_collection(project: Project, old: str, new: str, message: str):
    add_sets(project)
    project.edit(old, new)
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([message])


def test_a_set_can_ask_for_an_embedding(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
):
    from tiny_pipelines import tiny_clip

    embedded = (
        "consistency: [{id: apples, cases: [red-apple], within: {min_clip_similarity: -0.9}}]"
    )
    project.suite.write_text(f"{project.suite.read_text()}{embedded}\n")
    monkeypatch.delenv("GOLDENSEED_WEIGHTS", raising=False)
    project.run("--golden-update=missing")
    assert "GOLDENSEED_WEIGHTS" in sets(project)["apples"]["error"]
    assert project.run().ret == pytest.ExitCode.TESTS_FAILED
    weights = tmp_path_factory.mktemp("weights")
    tiny_clip(weights / "clip")
    monkeypatch.setenv("GOLDENSEED_WEIGHTS", str(weights))
    assert project.run().ret == 0
    (result,) = sets(project)["apples"]["results"]
    assert (result["metric"], result["pairs"]) == ("clip_similarity", 1)
