"""A project whose accepted images lie in a store, and its sessions."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

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
