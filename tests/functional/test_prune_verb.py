"""Pruning by real sessions: what a whole green run says is gone, and what no other run may say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import git
import pytest

from goldenseed.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from conftest import Project

TESTS = """
from PIL import Image
def test_a(golden_image): golden_image.check(Image.new("RGB", (8, 8), (1, 0, 0)))
def test_b(golden_image):
    for name in NAMES: golden_image.check(Image.new("RGB", (8, 8), (2, 0, 0)), name=name)
"""
SHARDS = """
def pytest_collection_modifyitems(items): items[:] = items[:1]
"""


def write(project: Project, names: list[str]) -> None:
    (project.path / "test_it.py").write_text(f"NAMES = {names}\n{TESTS}")


def entries(project: Project) -> set[str]:
    return {
        name.removesuffix(".json")
        for name in project.baselines()
        if name.endswith(".json") and not name.startswith("environments")
    }


def move_and_commit(project: Project) -> None:
    """Move what was recognised; it is tried, committed, and the history goes on."""
    renamed = "tiny::red-apple[seed=1] → tiny::crimson[seed=1]"
    pending = project.command("pending").stdout
    assert f"1 case has baselines of the same recipe under another name: {renamed}\n" in pending
    assert "   move  goldenseed accept " in pending
    words = ("accept", "latest", "--renamed", "--reason", "clearer", "--by", "Ada")
    kept = project.baselines()
    tried = project.command(*words, "--dry-run")
    assert tried.stdout == f"would rename {renamed}\nnothing was written: --dry-run\n"
    assert project.baselines() == kept
    with git.Repo.init(project.path) as repository:
        repository.config_writer().set_value("user", "name", "Ada").set_value(
            "user", "email", "ada@example.org"
        ).release()
        repository.git.add("baselines")
        repository.git.commit("-qm", "before")
        moved = project.command(*words, "--commit")
        assert moved.stdout.startswith(f"renamed {renamed}\ncommitted ")
        head = repository.head.commit
        assert str(head.message).startswith("Rename 1 golden case\n\nDecided-by: Ada\nRun: ")
        names = ("tiny/crimson[seed=1].json", "tiny/red-apple[seed=1].json")
        assert set(head.stats.files) == {f"baselines/{name}" for name in names}
    told = json.loads(project.command("history", "crimson", "--json").stdout)
    (series,) = told["series"]
    assert len(series["points"]) == 2
    assert project.command("history", "red-apple[seed=1]").returncode == ExitCode.REFUSED


def test_a_renamed_case_is_moved_and_one_that_is_gone_is_pruned(project: Project):
    project.accept_all()
    project.edit("id: red-apple", "id: crimson")
    project.edit("seeds: [1, 2]", "seeds: [1]")
    result = project.run("--golden-unreferenced=fail")
    result.assert_outcomes(passed=2, failed=1)
    said = result.stdout.str()
    assert "tiny::red-apple[seed=1] → tiny::crimson[seed=1]; to move these: goldenseed" in said
    assert "1 baselines belong to no case: red-apple[seed=2]" in said
    refused = project.command("prune")
    assert refused.returncode == ExitCode.REFUSED
    assert "1 of its cases failed, tiny::crimson[seed=1] among them" in refused.stderr
    move_and_commit(project)
    project.run().assert_outcomes(passed=3)
    assert set(project.verdicts().values()) == {"identical"}
    shown = project.command("show", "crimson").stdout
    assert "--golden-update=missing" in shown
    before = project.baselines()
    listed = project.command("prune", "--json")
    assert listed.returncode == ExitCode.FOUND
    document = json.loads(listed.stdout)
    assert [each["case"] for each in document["baselines"]] == ["red-apple[seed=2]"]
    assert {each["file"].partition("/")[0] for each in document["files"]} == {"images", "traces"}
    assert project.baselines() == before
    deleted = project.command("prune", "--yes")
    assert deleted.returncode == 0
    assert deleted.stdout.endswith("deleted 1 baseline and 2 files that none names (21.9 kB)\n")
    assert project.command("prune").stdout.startswith("nothing to prune by ")
    project.run("--golden-unreferenced=fail").assert_outcomes(passed=3)


def test_images_of_tests_go_only_by_a_whole_run_that_is_younger_than_they_are(project: Project):
    project.suite.unlink()
    write(project, ["x", "y"])
    project.run("--golden-update=missing").assert_outcomes(passed=2)
    write(project, ["x"])
    for arguments, why in (
        (("-k", "test_b"), "it did not run the whole project (-k)"),
        (("test_it.py",), "it did not run the whole project (a path)"),
        (("test_it.py::test_a",), "it did not run the whole project (a test's node id)"),
    ):
        project.run(*arguments)
        assert why in project.command("prune").stderr
    (project.path / "conftest.py").write_text(SHARDS)
    project.run()
    assert "tests that were collected were left out" in project.command("prune").stderr
    (project.path / "conftest.py").write_text("")
    project.run()
    early = project.record()["run_id"]
    entry = project.path / "baselines/test_it/test_b[y].json"
    entry.write_bytes(entry.read_bytes())
    assert "kept test_it::test_b[y]: it was written after" in project.command("prune").stdout
    project.run()
    assert project.command("prune", early, "--yes").returncode == 0
    assert entries(project) == {"test_it/test_a", "test_it/test_b[x]", "test_it/test_b[y]"}
    assert project.command("prune", "--yes").returncode == 0
    assert entries(project) == {"test_it/test_a", "test_it/test_b[x]"}


def test_a_plain_test_that_fails_and_a_suite_that_cannot_be_read_stop_it(project: Project):
    project.suite.unlink()
    write(project, ["x"])
    project.run("--golden-update=missing")
    (project.path / "test_plain.py").write_text("def test_plain(): assert False\n")
    project.run()
    assert "1 of its tests failed" in project.command("prune").stderr
    (project.path / "test_plain.py").unlink()
    project.run().assert_outcomes(passed=2)
    (project.path / "sub").mkdir()
    (project.path / "sub/broken.suite.yaml").write_text("suite: [")
    stopped = project.command("prune")
    assert stopped.returncode == ExitCode.REFUSED
    assert "sub/broken.suite.yaml" in stopped.stderr


@pytest.mark.parametrize("asked", ["warn", "fail"])
def test_files_that_no_baseline_names_are_told_of_by_a_whole_run(project: Project, asked: str):
    project.suite.unlink()
    write(project, ["x"])
    project.run("--golden-update=missing")
    project.edit("(1, 0, 0)", "(3, 0, 0)", project.path / "test_it.py")
    project.run("--golden-update=all")
    result = project.run(f"--golden-unreferenced={asked}")
    word = "ERROR" if asked == "fail" else "WARNING"
    result.stdout.fnmatch_lines([f"{word} baselines: 1 files that no baseline names: images/*"])
    assert result.ret == (asked == "fail")
