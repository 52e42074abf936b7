"""``goldenseed diff`` on the folders of real sessions."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from goldenseed.core.pixels import decode, encode_png
from goldenseed.runs.folder import load_run

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Project

BRIGHTER = """
    import diffusers, functools, numpy
    original = diffusers.StableDiffusionPipeline.__call__
    @functools.wraps(original)
    def brighter(self, *args, **kwargs):
        output = original(self, *args, **kwargs)
        if "ball" in kwargs["prompt"]:
            output.images = numpy.clip(output.images + 9 / 255, 0, 1)
        return output
    def pytest_configure(config):
        diffusers.StableDiffusionPipeline.__call__ = brighter
    def pytest_unconfigure(config):
        diffusers.StableDiffusionPipeline.__call__ = original
"""


def run_to(project: Project, name: str, *arguments: str) -> Path:
    """Run the suite and move what it leaves to a folder, as from another machine."""
    project.run(*arguments)
    folder = project.path / name
    shutil.move((project.path / "reports" / "latest").resolve(), folder)
    return folder


def test_the_same_run_twice_is_the_same_and_exits_0(project: Project):
    run_to(project, "one")
    run_to(project, "two")
    result = project.command("diff", "./one", "./two")
    assert result.returncode == 0, result.stderr
    assert "paired 4: 4 identical" in result.stdout
    assert "no key differs" in result.stdout
    assert "\x1b" not in result.stdout


def test_cases_that_moved_are_named_and_exit_1(project: Project):
    run_to(project, "one")
    project.conftest(BRIGHTER)
    run_to(project, "two")
    result = project.command("diff", "./one", "./two", "--json")
    assert result.returncode == 1, result.stderr
    document = json.loads(result.stdout)
    assert {case["id"]: case["verdict"] for case in document["cases"]} == {
        "red-apple[seed=1]": "identical",
        "red-apple[seed=2]": "identical",
        "colours[red,seed=0]": "drift",
        "colours[blue,seed=0]": "drift",
    }
    assert document["together"]["brighter"] == 2


def test_the_report_shows_the_other_run_in_the_baseline_s_place(project: Project):
    one = run_to(project, "one")
    project.conftest(BRIGHTER)
    two = run_to(project, "two")
    shutil.copytree(one, moved := project.path / "archive" / "one")
    project.command("diff", str(moved), str(two), "--report", "compared")
    shutil.rmtree(one)
    shutil.rmtree(moved)
    shutil.rmtree(two)
    folder = project.path / "compared"
    run = load_run(folder)
    (drift, *_) = [case for case in run.cases if case.verdict == "drift"]
    assert drift.baseline is not None
    for place in (drift.image, drift.baseline.image, drift.difference):
        assert place is not None
        assert decode(folder / place).size == (32, 32)
        assert place in (folder / "index.html").read_text()
    page, summary = (folder / "index.html").read_text(), (folder / "summary.md").read_text()
    assert "which together: " in page
    assert "which together&#58; " in summary
    assert "environments&#58; both " in summary
    for name in ("index.html", "summary.md"):
        (folder / name).unlink()
    assert project.command("report", str(folder)).returncode == 0
    assert (folder / "index.html").read_text() == page
    assert (folder / "summary.md").read_text() == summary


def test_the_report_of_a_comparison_lands_among_the_runs_and_images_can_be_accepted_from_it(
    project: Project,
):
    run_to(project, "one")
    run_to(project, "two")
    said = project.command("diff", "./one", "./two").stdout
    (folder,) = (project.path / "reports").glob("diff-*")
    assert f"reports/{folder.name}/index.html" in said
    accepting = project.command("accept", folder.name, "red-apple*", "--reason", "both agree")
    assert accepting.returncode == 0, accepting.stderr
    project.run("-k", "apple").assert_outcomes(passed=2, deselected=2)


def test_a_comparison_may_be_repeated_but_overwrites_nothing_else(project: Project):
    one = run_to(project, "one")
    run_to(project, "two")
    before = {path: path.read_bytes() for path in one.rglob("*") if path.is_file()}
    assert project.command("diff", "./one", "./two", "--report", "compared").returncode == 0
    assert project.command("diff", "./one", "./two", "--report", "compared").returncode == 0
    for folder in ("one", "model"):
        result = project.command("diff", "./one", "./two", "--report", folder)
        assert result.returncode == 2
        assert "fix: name a" in result.stderr
    assert before == {path: path.read_bytes() for path in one.rglob("*") if path.is_file()}


def test_a_case_of_one_run_alone_exits_1_unless_only_common_ones_count(project: Project):
    run_to(project, "one")
    run_to(project, "two", "-k", "apple")
    result = project.command("diff", "./one", "./two")
    assert result.returncode == 1
    assert "only in A 2: tiny::colours[red,seed=0], tiny::colours[blue,seed=0]" in result.stdout
    assert project.command("diff", "./one", "./two", "--common").returncode == 0


def test_runs_of_two_suites_say_what_they_have_and_exit_2(project: Project):
    run_to(project, "one")
    project.edit("suite: tiny", "suite: other")
    run_to(project, "two")
    result = project.command("diff", "./one", "./two")
    assert result.returncode == 2
    assert "no case in common" in result.stderr
    assert "4 of suite tiny" in result.stderr
    assert "4 of suite other" in result.stderr
    assert not list((project.path / "reports").glob("diff-*"))


def test_a_run_that_is_not_there_exits_2(project: Project):
    run_to(project, "one")
    result = project.command("diff", "./one", "./nowhere")
    assert result.returncode == 2
    assert "no run record here" in result.stderr


def test_a_tampered_image_is_an_error_for_its_case_and_the_others_are_compared(project: Project):
    one = run_to(project, "one")
    run_to(project, "two")
    (case, *_) = load_run(one).cases
    file = one / str(case.image)
    image = decode(file)
    image.putpixel((0, 0), (1, 2, 3))
    file.write_bytes(encode_png(image))
    result = project.command("diff", "./one", "./two")
    assert result.returncode == 1
    assert "paired 4: 3 identical, 1 error" in result.stdout
    assert "not the recorded" in result.stdout


@pytest.mark.parametrize("module", ["torch", "diffusers", "transformers"])
def test_comparing_runs_needs_no_model_library(project: Project, module: str):
    for name in ("one", "two"):
        run_to(project, name, "-k", "blue")
    code = f"""
import sys
sys.modules[{module!r}] = None
sys.argv = ["goldenseed", "diff", "./one", "./two"]
from goldenseed.cli.main import main
main()
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=project.path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
