"""Baselines of what is gone: seen by a run of the whole project, and no false alarm by others."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

FAIL = "--golden-unreferenced=fail"
TESTS = """
from PIL import Image
def test_a(golden_image): golden_image.check(Image.new("RGB", (8, 8), (1, 0, 0)))
def test_b(golden_image):
    for name in NAMES: golden_image.check(Image.new("RGB", (8, 8), (2, 0, 0)), name=name)
"""


def write(project: Project, names: list[str]) -> None:
    (project.path / "test_it.py").write_text(f"NAMES = {names}\n{TESTS}")


def alarms(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "belong to no" in line]


def test_a_suite_that_was_renamed_leaves_orphans(project: Project):
    project.accept_all()
    project.edit("suite: tiny", "suite: other")
    result = project.run(FAIL, "--golden-update=missing")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    (line,) = alarms(result)
    assert line.startswith("ERROR baselines/tiny: 4 baselines belong to no suite below")
    assert alarms(project.run(FAIL, "-k", "blue")) == []
    assert alarms(project.run(FAIL, f"{project.suite.name}::red-apple[seed=1]")) == []
    assert alarms(project.run(FAIL, project.suite.name)) == []


def test_all_suites_gone_are_seen_where_no_case_is_left(project: Project):
    project.accept_all()
    project.suite.unlink()
    (project.path / "test_plain.py").write_text("def test_plain(): pass\n")
    result = project.run(FAIL)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert len(alarms(result)) == 1
    assert project.run("test_plain.py", FAIL).ret == 0
    assert project.run("--golden-unreferenced=warn").ret == 0


def test_a_suite_that_was_not_run_but_is_there_is_none_that_is_gone(project: Project):
    project.accept_all()
    (project.path / "tests").mkdir()
    (project.path / "tests/test_plain.py").write_text("def test_plain(): pass\n")
    assert project.run(FAIL, "-o", "testpaths=tests").ret == 0
    shutil.move(project.suite, project.path / ".hidden")  # which pytest would not collect
    assert project.run(FAIL, "-o", "testpaths=tests").ret == pytest.ExitCode.TESTS_FAILED


def test_images_of_tests_leave_orphans_where_their_whole_file_ran(project: Project):
    project.suite.unlink()
    write(project, ["x", "y"])
    project.run("--golden-update=missing").assert_outcomes(passed=2)
    write(project, ["x"])
    (line,) = alarms(project.run(FAIL, "test_it.py"))
    assert line == "ERROR test_it.py: 1 baselines belong to no image of its tests: test_b[y]"
    assert alarms(project.run(FAIL, "-k", "test_a")) == []
    assert alarms(project.run(FAIL, "test_it.py::test_a")) == []
    (project.path / "conftest.py").write_text(
        "import pytest\n"
        "def pytest_collection_modifyitems(config, items):\n"
        "    config.hook.pytest_deselected(items=[items.pop()])\n"
    )
    assert alarms(project.run(FAIL)) == []


def test_a_test_that_stops_early_hides_its_later_images_without_an_alarm(project: Project):
    project.suite.unlink()
    write(project, ["x", "y"])
    project.run("--golden-update=missing")
    project.edit("(2, 0, 0)", "(99, 0, 0)", project.path / "test_it.py")
    assert alarms(project.run(FAIL)) == []


def test_a_test_file_that_is_gone_leaves_orphans(project: Project):
    project.suite.unlink()
    write(project, ["x"])
    project.run("--golden-update=missing")
    (project.path / "test_it.py").rename(project.path / "test_other.py")
    result = project.run(FAIL, "--golden-update=missing")
    (line,) = alarms(result)
    assert line.startswith("ERROR baselines/test_it: 2 baselines belong to no suite below")
    assert line.endswith("nor to tests in test_it.py: test_a, test_b[x]")
