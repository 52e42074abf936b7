"""Which cases of two runs are one and the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.runs.pairing import pair_cases
from two_runs import Run


def runs(tmp_path: Path) -> tuple[Run, Run]:
    return Run(tmp_path / "run-a"), Run(tmp_path / "run-b")


def test_cases_are_paired_by_suite_and_id_wherever_the_suite_file_lay(tmp_path: Path):
    a, b = runs(tmp_path)
    a.case("apple", None, path="suites/shapes.suite.yaml")
    b.case("apple", None, path="elsewhere/shapes.suite.yaml")
    (pair,) = pair_cases(a.stored().record, b.stored().record).pairs
    assert (pair.a.path, pair.b.path) == ("suites/shapes.suite.yaml", "elsewhere/shapes.suite.yaml")


def test_one_id_in_two_suites_is_two_cases(tmp_path: Path):
    a, b = runs(tmp_path)
    a.case("apple", None, suite="one")
    a.case("apple", None, suite="two")
    b.case("apple", None, suite="two")
    pairing = pair_cases(a.stored().record, b.stored().record)
    assert [pair.a.suite for pair in pairing.pairs] == ["two"]
    assert [case.suite for case in pairing.only_in_a] == ["one"]


def test_what_has_no_counterpart_is_named_on_its_side(tmp_path: Path):
    a, b = runs(tmp_path)
    for name in ("shared", "old"):
        a.case(name, None)
    for name in ("new", "shared"):
        b.case(name, None)
    pairing = pair_cases(a.stored().record, b.stored().record)
    assert [case.id for case in pairing.only_in_a] == ["old"]
    assert [case.id for case in pairing.only_in_b] == ["new"]


def test_runs_of_different_suites_are_refused_and_both_are_described(tmp_path: Path):
    a, b = runs(tmp_path)
    for name in ("apple", "ball"):
        a.case(name, None, suite="shapes")
    b.case("apple", None, suite="portraits")
    with pytest.raises(GoldenseedError, match="run-a has 2 of suite shapes; run-b has 1 of suite"):
        pair_cases(a.stored().record, b.stored().record)


def test_a_run_without_cases_is_refused(tmp_path: Path):
    a, b = runs(tmp_path)
    b.case("apple", None)
    with pytest.raises(GoldenseedError, match="run-a has no cases"):
        pair_cases(a.stored().record, b.stored().record)


def test_a_case_that_one_run_names_twice_is_refused(tmp_path: Path):
    a, b = runs(tmp_path)
    b.case("apple", None)
    for path in ("one.suite.yaml", "two.suite.yaml"):
        a.case("apple", None, path=path)
    with pytest.raises(GoldenseedError, match=r"one\.suite\.yaml and of two\.suite\.yaml"):
        pair_cases(a.stored().record, b.stored().record)
