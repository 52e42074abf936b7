from __future__ import annotations

from pathlib import Path

import pytest

from goldenseed.session.distribution import marked


def test_a_first_try_finds_no_mark_and_leaves_none(tmp_path: Path):
    for _ in range(2):
        with marked(tmp_path / "running", "suite::case") as died_before:
            assert not died_before
            assert len(list((tmp_path / "running").iterdir())) == 1
    assert list((tmp_path / "running").iterdir()) == []


def test_an_exception_is_no_crash(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), marked(tmp_path, "suite::case"):
        raise KeyboardInterrupt
    with marked(tmp_path, "suite::case") as died_before:
        assert not died_before


def test_after_a_crash_the_same_case_is_known_and_no_other(tmp_path: Path):
    crashed = marked(tmp_path, "suite::case")
    crashed.__enter__()
    with marked(tmp_path, "suite::case") as died_before, marked(tmp_path, "other") as other:
        assert died_before
        assert not other


def test_where_no_mark_can_be_written_the_case_runs_all_the_same(tmp_path: Path):
    (tmp_path / "running").write_text("in the way")
    with marked(tmp_path / "running", "suite::case") as died_before:
        assert not died_before
