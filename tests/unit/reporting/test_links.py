from __future__ import annotations

import re
import time

import pytest

from goldenseed.reporting.links import anchors, case_anchor, case_slug
from tests.unit.reporting.recorded import case


def test_an_ordinary_case_is_called_by_its_name_and_seed() -> None:
    assert case_slug("red-apple[seed=1024]") == "red-apple-1024"


def test_the_anchor_names_the_suite_so_that_two_suites_can_share_a_case_id() -> None:
    one, two = (case(id="cat[seed=1]", suite=suite) for suite in ("shapes", "flux"))
    assert case_anchor(one) != case_anchor(two)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a[seed=1]", "a-1"),
        ("a b[seed=1]", "a-b[seed=1]"),
        ("A[seed=1]", "a[seed=1]"),
        ("a[seed=1,steps=2]", "a[steps=1,seed=2]"),
        ("é", "è"),
        ("x" * 300 + "1", "x" * 300 + "2"),
    ],
)
def test_different_ids_never_share_a_slug(one: str, other: str) -> None:
    assert case_slug(one) != case_slug(other)


@pytest.mark.parametrize("case_id", ['"><script>', "a b#c%d", "\u202e", "", "x" * 500, "Ünïcode"])
def test_a_slug_needs_no_escaping_in_a_link(case_id: str) -> None:
    assert re.fullmatch(r"[a-z0-9_-]{1,100}", case_slug(case_id))


def test_a_case_that_is_there_twice_still_has_its_own_anchor() -> None:
    drifted = case("drift")
    found = [anchor for anchor, _ in anchors([drifted, drifted])]
    assert found == ["moved.red-apple-1024", "moved.red-apple-1024~2"]


def test_the_bare_slug_links_only_where_it_is_unambiguous() -> None:
    cases = [case("drift", suite="shapes"), case("drift", suite="flux"), case(id="cat[seed=1]")]
    assert [slug for _, slug in anchors(cases)] == [None, None, "cat-1"]


def test_a_long_id_takes_no_longer_than_it_is() -> None:
    began = time.process_time()
    assert len(case_slug("y" * 1_000_000)) < 100
    assert time.process_time() - began < 2
