"""The pairs of a set: all of them in order, or one and the same sample."""

from __future__ import annotations

from itertools import combinations, product

import pytest

from goldenseed.runs.sets import MOST_PAIRS, pairs_between, pairs_within


@pytest.mark.parametrize("size", [2, 3, 7, 45])
def test_all_pairs_are_taken_in_order(size: int):
    group = [f"c{index}" for index in range(size)]
    assert pairs_within([group], "s") == (list(combinations(group, 2)), size * (size - 1) // 2)


def test_pairs_stay_inside_their_groups():
    assert pairs_within(["ab", "xyz"], "s")[0] == [*combinations("ab", 2), *combinations("xyz", 2)]
    assert pairs_between("ab", "xyz", "s") == (list(product("ab", "xyz")), 6)


def test_beyond_the_most_a_sample_is_taken_the_same_every_time():
    group = [f"c{index}" for index in range(300)]
    pairs, count = pairs_within([group[:100], group[100:]], "s")
    assert count == 100 * 99 // 2 + 200 * 199 // 2
    assert len(set(pairs)) == MOST_PAIRS
    assert set(pairs) <= {*combinations(group[:100], 2), *combinations(group[100:], 2)}
    assert pairs_within([group[:100], group[100:]], "s")[0] == pairs
    assert pairs_within([group[:100], group[100:]], "t")[0] != pairs


def test_a_sample_of_a_huge_set_is_quick():
    group = [str(index) for index in range(100_000)]
    assert len(pairs_within([group], "s")[0]) == MOST_PAIRS
    assert len(pairs_between(group, group, "s")[0]) == MOST_PAIRS
