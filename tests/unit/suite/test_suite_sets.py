"""``consistency`` and ``diversity``: which cases are meant, and what is refused on which line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Suite
from goldenseed.suite.sets import matches

Load = Callable[[str | bytes], Suite]

HEAD = """\
suite: toy
model: {source: toy}
cases:
  - {id: cat, prompt: a cat, seeds: [1, 2]}
  - {id: dog, prompts: {old: an old dog, young: a young dog}, seeds: [1, 2]}
  - {id: one, prompt: one bird, seeds: [1]}
"""


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("cat[seed=1]", True),
        ("cat", True),
        ("cat*", True),
        ("c?t[seed=?]", True),
        ("ca", False),
        ("[c]at*", False),
        ("CAT", False),
        ("cat[seed=*", True),
    ],
)
def test_a_pattern_means_ids_with_brackets_that_stand_for_themselves(pattern: str, meant: bool):
    assert matches(pattern, "cat[seed=1]") is meant


def test_members_come_in_the_order_of_the_suite_each_once(load: Load):
    suite = load(
        HEAD
        + "consistency:\n  - {id: a, cases: ['dog[old,*', 'cat*', cat], within: {min_ssim: 0.5}}\n"
    )
    (found,) = suite.sets
    assert found.groups == (("cat[seed=1]", "cat[seed=2]", "dog[old,seed=1]", "dog[old,seed=2]"),)
    assert (found.statistic, found.line) == ("worst", 8)
    assert found.within["min_ssim"].line == 8


def test_a_diverse_set_pairs_the_cases_of_one_prompt(load: Load):
    suite = load(
        HEAD
        + "diversity:\n  - {id: d, cases: [dog, one], statistic: mean, within: {max_ssim: 0.9}}\n"
    )
    (found,) = suite.sets
    assert found.groups == (
        ("dog[old,seed=1]", "dog[old,seed=2]"),
        ("dog[young,seed=1]", "dog[young,seed=2]"),
    )
    assert found.statistic == "mean"


def test_a_suite_can_demand_its_self_check(load: Load):
    assert load(HEAD + "selfcheck: required\n").selfcheck_required
    assert not load(HEAD).selfcheck_required
    with pytest.raises(GoldenseedError, match=r"toy\.suite\.yaml:7: `selfcheck` is \"yes\""):
        load(HEAD + 'selfcheck: "yes"\n')


@pytest.mark.parametrize(
    ("lines", "line", "message"),
    [
        ("consistency: [{id: a, cases: [cow], within: {min_ssim: 1}}]", 7, "meant by `cow`"),
        ("consistency: [{id: a, cases: [one], within: {min_ssim: 1}}]", 7, "one case only, `one"),
        ("consistency: [{id: a, cases: [cat]}]", 7, "the set `a` has no limits"),
        ("consistency: [{id: a, cases: [], within: {min_ssim: 1}}]", 7, "is empty"),
        ("consistency: [{id: a, cases: [cat], between: {max_ssim: 1}}]", 7, "no other set"),
        ("diversity: [{id: a, cases: [one, 'cat[seed=1]'], within: {max_ssim: 1}}]", 7, "no two"),
        ("diversity: [{id: a, cases: [cat], between: {max_ssim: 1}}]", 7, "unknown key `between`"),
        ("consistency: [{id: a, cases: [cat], within: {min_ssim: high}}]", 7, "a number is needed"),
        (
            (
                "consistency:\n  - {id: a, cases: [cat], within: {min_ssim: 0}}\n"
                "  - {id: A, cases: [dog], within: {min_ssim: 0}}"
            ),
            9,
            "the set `A` stands here and on line 8",
        ),
        (
            (
                "consistency:\n  - {id: a, cases: [cat, dog], within: {min_ssim: 0}}\n"
                "  - {id: b, cases: [cat], between: {max_ssim: 0}}"
            ),
            9,
            r"`cat\[seed=1\]` is in the set `b` and in `a`",
        ),
    ],
)
def test_what_is_wrong_with_a_set_is_said_with_its_line(
    load: Load, lines: str, line: int, message: str
):
    with pytest.raises(GoldenseedError, match=rf"toy\.suite\.yaml:{line}: .*{message}"):
        load(HEAD + lines + "\n")
