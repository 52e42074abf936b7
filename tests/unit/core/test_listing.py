"""Lists in sentences are cut where they get long, and say so."""

from __future__ import annotations

import pytest

from goldenseed.core.listing import first_of, from_to


@pytest.mark.parametrize(
    ("number", "said"), [(0, ""), (1, "n0"), (2, "n0, n1"), (3, "n0, n1 and 1 more")]
)
def test_what_is_beyond_the_first_is_counted(number: int, said: str):
    assert first_of([f"n{each}" for each in range(number)], 2) == said


def test_large_numbers_are_grouped_and_the_sign_between_is_the_caller_s():
    assert first_of(["a"] * 5002, 2, between="; ") == "a; a and 5,000 more"


def test_a_series_is_named_by_its_ends_where_it_is_long():
    assert from_to(["a", "b"], 2) == "a, b"
    assert from_to(["a", "b", "c"], 2) == "a … c"
