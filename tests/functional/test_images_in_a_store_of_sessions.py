"""A project whose accepted images lie in a store, and its sessions."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commands import goldenseed

if TYPE_CHECKING:
    from conftest import Project


def test_a_session_is_the_same_from_the_store_and_doubts_of_it_are_errors(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    cache = project.path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    store = project.path / "store"
    store.mkdir()
    (project.path / "pyproject.toml").write_text('[tool.goldenseed]\nimages = "file:store"\n')
    project.accept_all()
    assert len(list(store.rglob("*.png"))) == 4
    assert not list((project.path / "baselines").rglob("*.png"))

    shutil.rmtree(cache)
    project.run().assert_outcomes(passed=4)
    assert set(project.verdicts().values()) == {"identical"}

    shutil.rmtree(cache)
    altered, lost = sorted(store.rglob("*.png"))[:2]
    lost.unlink()
    altered.write_bytes(b"<html>busy</html>")
    project.run().assert_outcomes(passed=2, failed=2)
    assert sorted(project.verdicts().values()) == ["error", "error", "identical", "identical"]
    errors = [str(case) for case in project.record()["cases"] if case["verdict"] == "error"]
    assert sorted("something else under this name" in each for each in errors) == [False, True]
    assert sorted("is not in the store" in each for each in errors) == [False, True]

    shutil.rmtree(cache)
    store.rename(project.path / "elsewhere")
    project.run().assert_outcomes(failed=4)
    for case in project.record()["cases"]:
        assert case["verdict"] == "error"
        assert "the folder is not there" in str(case)


def said(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a verb; return its exit code and all that it says."""
    done = goldenseed(folder, *arguments)
    return done.returncode, done.stdout + done.stderr


def test_ci_puts_a_draft_and_a_person_promotes_what_is_right(
    accepted_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "store").mkdir()
    ci, person = tmp_path / "ci", tmp_path / "person"
    shutil.copytree(accepted_project, ci, symlinks=True)
    shutil.rmtree(ci / "baselines")
    (ci / "pyproject.toml").write_text('[tool.goldenseed]\nimages = "file:../store"\n')
    shutil.copytree(ci, person, symlinks=True, ignore=shutil.ignore_patterns("reports"))
    said(ci, "archive", "keygen", "--output", "key")
    code, first = said(ci, "archive", "create", "--draft", "--key", "key")
    assert code == 0
    name = first.split()[1]
    run = name.removeprefix("draft:")
    assert not (ci / "baselines").exists()
    assert [each.suffix for each in (tmp_path / "store").rglob("*.*")] == [".zip"]

    key = ("--trusted-key", "../ci/key.pub")
    assert said(person, "drafts")[1].startswith(name)
    code, waits = said(person, "pending", name)
    assert (code, f"goldenseed accept {name}" in waits) == (1, True)
    code, told = said(person, "accept", name, "*", "--reason", "as wanted")
    assert (code, "--trusted-key" in told) == (2, True)
    spoilt = ("reject", name, "red-apple[seed=2]", "--reason", "a worm", *key)
    assert said(person, *spoilt)[0] == 0
    for outcome in ("first", "unchanged"):
        code, told = said(person, "accept", name, "*", "--reason", "as wanted", *key)
        if outcome == "first":
            assert (code, told.count("first tiny::")) == (0, 3)
            assert "left out tiny::red-apple[seed=2]" in told
        else:
            assert (code, "first" in told) == (0, False)
    assert "3 images accepted of it" in said(person, "drafts")[1]
    objects = {each: each.stat().st_mtime_ns for each in (tmp_path / "store").rglob("*.png")}
    assert len(objects) == 3

    code, told = said(person, "drafts", "latest", "--output", "archives")
    assert (code, "wrote archives" in told) == (0, True)
    code, told = said(
        person, "archive", "chain", "red-apple[seed=1]", "--archives", "archives", *key
    )
    assert (code, run in told) == (0, True)

    (draft,) = (tmp_path / "store").rglob("*.zip")
    renamed = draft.parent.with_name("20200101T000000Z-0000") / draft.name
    shutil.copytree(draft.parent, renamed.parent)
    code, told = said(person, "accept", "draft:2020", "*", "--reason", "as wanted", *key)
    assert (code, "is called a draft of the run 2020" in told) == (2, True)
    shutil.rmtree(tmp_path / "cache")
    draft.write_bytes(draft.read_bytes().replace(b"red apple", b"bad apple"))
    code, told = said(person, "accept", name, "*", "--reason", "as wanted", *key)
    assert (code, "holds something else under this name" in told) == (2, True)
    assert {each: each.stat().st_mtime_ns for each in objects} == objects
