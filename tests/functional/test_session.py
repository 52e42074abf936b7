"""One session after another in a real project: verdicts, records, baselines, selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from goldenseed.runs.folder import load_run

if TYPE_CHECKING:
    from conftest import Project

CASES = ("red-apple[seed=1]", "red-apple[seed=2]", "colours[red,seed=0]", "colours[blue,seed=0]")

PIXELS_OFF = """
    import diffusers, functools, numpy
    original = diffusers.StableDiffusionPipeline.__call__
    @functools.wraps(original)
    def some_pixels_off(self, *args, **kwargs):
        output = original(self, *args, **kwargs)
        rows = output.images[:, :{rows}, :4]
        output.images[:, :{rows}, :4] = numpy.where(
            rows < 0.5, rows + {levels} / 255, rows - {levels} / 255
        )
        return output
    def pytest_configure(config):
        diffusers.StableDiffusionPipeline.__call__ = some_pixels_off
    def pytest_unconfigure(config):
        diffusers.StableDiffusionPipeline.__call__ = original
"""


def test_a_first_run_is_new_and_fails_and_leaves_no_baseline(project: Project):
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=4)
    assert set(project.verdicts().values()) == {"new"}
    assert project.baselines() == {}
    result.stdout.fnmatch_lines(
        [
            "NEW tiny.suite.yaml::red-apple?seed=1?",
            "*accept  goldenseed accept * 'tiny::red-apple?seed=1?' --reason *",
            "golden: 4 new",
        ]
    )


def test_accepted_images_are_identical_in_the_next_run(project: Project):
    project.accept_all()
    result = project.run()
    result.assert_outcomes(passed=4)
    assert project.verdicts() == dict.fromkeys(CASES, "identical")
    result.stdout.fnmatch_lines(["golden: 4 identical", "golden: report*reports/*/index.html"])


def test_the_record_holds_what_others_rely_on(project: Project):
    project.accept_all()
    project.run()
    run = project.record()
    assert run["schema_version"] == 1
    assert run["complete"] is True
    assert run["profile"].startswith("cpu-")
    assert run["environment"]["torch.version"]
    case = next(case for case in run["cases"] if case["id"] == "red-apple[seed=1]")
    assert case["recipe"]["seed"] == 1
    assert case["recipe"]["call"]["num_inference_steps"] == 3
    assert len(case["recipe_sha256"]) == 64
    assert (project.path / "reports" / "latest" / case["image"]).is_file()
    assert case["baseline"]["pixels_sha256"] == case["pixels_sha256"]
    assert case["reasons"][0]["code"] == "identical"
    assert case["seconds"]["generate"] > 0
    assert load_run(project.path / "reports" / "latest").run_id == run["run_id"]


def test_a_changed_recipe_is_incomparable_and_names_the_field_and_the_metrics(project: Project):
    project.accept_all()
    project.edit("num_inference_steps: 3", "num_inference_steps: 2")
    result = project.run("-k", "apple")
    result.assert_outcomes(failed=2, deselected=2)
    result.stdout.fnmatch_lines(["*num_inference_steps 3 * 2*"])
    case = project.record()["cases"][0]
    assert case["verdict"] == "incomparable"
    assert case["reasons"][0]["metric"] == "recipe.call.num_inference_steps"
    assert (case["reasons"][0]["value"], case["reasons"][0]["limit"]) == (2, 3)
    assert case["metrics"]["peak_difference"] > 0
    assert 0 < case["metrics"]["ssim"] < 1


def test_a_changed_word_of_the_prompt_is_incomparable_for_its_cases_only(project: Project):
    project.accept_all()
    project.edit("a blue ball", "a blue cube")
    project.run()
    assert project.verdicts() == {
        **dict.fromkeys(CASES, "identical"),
        "colours[blue,seed=0]": "incomparable",
    }


def test_another_size_is_incomparable_without_metrics(project: Project):
    project.accept_all()
    project.edit("height: 32", "height: 48")
    project.run("-k", "blue")
    (case,) = project.record()["cases"]
    assert case["verdict"] == "incomparable"
    assert "size_changed" in {reason["code"] for reason in case["reasons"]}
    assert case["metrics"] == {}


def test_another_seed_is_a_new_case(project: Project):
    project.accept_all()
    project.edit("seeds: [1, 2]", "seeds: [1, 3]")
    project.run()
    assert project.verdicts()["red-apple[seed=3]"] == "new"
    assert project.verdicts()["red-apple[seed=1]"] == "identical"


@pytest.mark.parametrize(
    ("levels", "rows", "verdict", "outcome"),
    [
        (1, 4, "warn", "passed"),
        (1, 32, "warn", "passed"),
        (3, 4, "warn", "passed"),
        (9, 4, "drift", "failed"),
    ],
)
def test_what_the_suite_cannot_see_is_judged_by_its_distance(
    project: Project, levels: int, rows: int, verdict: str, outcome: str
):
    project.accept_all()
    project.conftest(PIXELS_OFF.format(levels=levels, rows=rows))
    result = project.run("--golden-trace=off")
    assert set(project.verdicts().values()) == {verdict}
    assert result.parseoutcomes()[outcome] == 4
    if verdict == "warn":
        assert result.parseoutcomes()["warnings"] >= 4
        result.stdout.fnmatch_lines(["*GoldenWarning: WARN tiny.suite.yaml::*"])


def test_a_level_added_after_the_latents_is_no_rounding_and_the_trace_shows_it(project: Project):
    project.accept_all()
    project.conftest(PIXELS_OFF.format(levels=1, rows=4))
    project.run()
    assert set(project.verdicts().values()) == {"warn"}
    (reason,) = [r for r in project.record()["cases"][0]["reasons"] if "decoded" in r["metric"]]
    assert reason["value"] > reason["limit"]
    assert reason["source"] == "tolerance (float32, not measured)"


def test_golden_require_names_the_worst_that_passes(project: Project):
    project.accept_all()
    project.conftest(PIXELS_OFF.format(levels=1, rows=4))
    off = "--golden-trace=off"
    project.run("--golden-require=warn", off).assert_outcomes(passed=4)
    project.run("--golden-require=match", off).assert_outcomes(failed=4)
    project.run("--golden-require=identical", off).assert_outcomes(failed=4)


def test_a_run_never_touches_the_baselines(project: Project):
    project.accept_all()
    before = project.baselines()
    project.conftest(PIXELS_OFF.format(levels=9, rows=4))
    project.run()
    assert project.baselines() == before


def test_update_changed_accepts_drift_but_not_new(project: Project):
    project.accept_all()
    project.edit("seeds: [1, 2]", "seeds: [1, 3]")
    project.conftest(PIXELS_OFF.format(levels=9, rows=4))
    result = project.run("--golden-update=changed")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["accepted 3 images into baselines/"])
    project.run()
    assert project.verdicts() == {
        "red-apple[seed=1]": "identical",
        "red-apple[seed=3]": "new",
        "colours[red,seed=0]": "identical",
        "colours[blue,seed=0]": "identical",
    }


def test_update_is_refused_under_ci_unless_forced(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CI", "true")
    result = project.run("--golden-update=missing")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--golden-update=missing does nothing under CI*"])
    assert project.baselines() == {}
    project.run("--golden-update=missing", "--golden-update-in-ci").assert_outcomes(passed=4)


def test_a_rejected_image_fails_although_it_was_once_accepted(project: Project):
    project.accept_all()
    project.run()
    rejecting = project.command("reject", "latest", "colours[blue,seed=0]", "--reason", "grey")
    assert rejecting.returncode == 0, rejecting.stderr
    result = project.run("--golden-update=missing")
    result.assert_outcomes(passed=3, failed=1)
    assert project.verdicts()["colours[blue,seed=0]"] == "rejected"
    result.stdout.fnmatch_lines(["REJECTED tiny.suite.yaml::*", "*grey*"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-k", "red and ball"], 0),
        (["-k", "colours and red"], 1),
        (["-m", "golden"], 4),
        (["-m", "not golden"], 0),
        (["tiny.suite.yaml::red-apple[seed=2]"], 1),
        (["tiny.suite.yaml::red-apple"], 2),
        (["tiny.suite.yaml"], 4),
    ],
)
def test_cases_are_selected_as_tests_are(project: Project, arguments: list[str], expected: int):
    result = project.run("--co", "-q", *arguments)
    assert result.stdout.str().count("tiny.suite.yaml::") == expected
    assert not (project.path / "reports").exists()


def test_marks_of_a_case_select_it(project: Project):
    project.edit("    seeds: [1, 2]\n", "    seeds: [1, 2]\n    marks: [slow]\n")
    (project.path / "pytest.ini").unlink(missing_ok=True)
    project.pytester.makeini("[pytest]\nmarkers = slow: takes long\n")
    result = project.run("--co", "-q", "--strict-markers", "-m", "slow")
    assert result.stdout.str().count("tiny.suite.yaml::") == 2


def test_an_unregistered_mark_is_an_error_under_strict_markers(project: Project):
    project.edit("    seeds: [1, 2]\n", "    seeds: [1, 2]\n    marks: [slwo]\n")
    result = project.run("--strict-markers")
    result.stdout.fnmatch_lines(["*tiny.suite.yaml:8: *slwo*", "*fix: register the mark*"])


def test_last_failed_runs_only_what_failed(project: Project):
    project.accept_all()
    project.edit("a blue ball", "a blue cube")
    project.run().assert_outcomes(passed=3, failed=1)
    project.run("--lf").assert_outcomes(failed=1)
    assert list(project.verdicts()) == ["colours[blue,seed=0]"]


def test_exitfirst_leaves_an_incomplete_record(project: Project):
    project.run("-x").assert_outcomes(failed=1)
    run = project.record()
    assert run["complete"] is False
    assert len(run["cases"]) == 1


def test_nothing_is_accepted_from_a_run_that_was_cut_short(project: Project):
    project.conftest(
        """
        import pytest
        def pytest_runtest_logreport(report):
            if report.when == "call":
                raise KeyboardInterrupt
        """
    )
    result = project.run("--golden-update=missing")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.baselines() == {}
    assert project.record()["complete"] is False


def test_unreferenced_baselines_are_reported_also_on_a_partial_run(project: Project):
    project.accept_all()
    project.edit("seeds: [1, 2]", "seeds: [1]")
    result = project.run("--golden-unreferenced=warn", "-k", "blue")
    result.stdout.fnmatch_lines(["WARNING tiny.suite.yaml: 1 baselines*red-apple?seed=2?"])
    assert result.ret == 0
    assert project.run("--golden-unreferenced=fail").ret == pytest.ExitCode.TESTS_FAILED
    assert "tiny/red-apple[seed=2].json" in project.baselines()


def test_two_suites_of_one_name_are_refused(project: Project):
    (project.path / "other.suite.yaml").write_text(project.suite.read_text())
    result = project.run("--co")
    result.stdout.fnmatch_lines(["*the suite name 'tiny' is taken by*other.suite.yaml*"])


def test_an_unknown_gate_is_an_error_at_collection_with_its_line(project: Project):
    project.edit("min_ssim: 0.999", "min_sim: 0.999")
    result = project.run()
    result.stdout.fnmatch_lines(["*tiny.suite.yaml:6: there is no gate 'min_sim'", "*min_ssim*"])
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_the_golden_image_fixture_judges_images_of_ordinary_tests(project: Project):
    project.suite.unlink()
    project.pytester.makepyfile(
        test_hero="""
        from PIL import Image
        def test_hero(golden_image):
            golden_image.check(Image.new("RGB", (16, 16), (200, 30, 30)))
            golden_image.check(Image.new("L", (8, 8), 7), name="mask")
        """
    )
    project.run().assert_outcomes(failed=1)
    project.run("--golden-update=missing").assert_outcomes(passed=1)
    project.run().assert_outcomes(passed=1)
    assert project.verdicts() == {"test_hero": "identical", "test_hero[mask]": "identical"}
    project.edit("30, 30", "30, 90", project.path / "test_hero.py")
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*DRIFT test_hero.py::test_hero"])


def test_python_tests_beside_suites_are_left_alone(project: Project):
    project.suite.unlink()
    project.pytester.makepyfile(test_plain="def test_plain(): assert True")
    result = project.run()
    result.assert_outcomes(passed=1)
    assert not (project.path / "reports").exists()
    assert "goldenseed" not in result.stdout.str().split("plugins:")[1].partition("\n")[2]
