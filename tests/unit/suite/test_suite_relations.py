"""``relations``: what a suite may say of them, and what is refused on which line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Suite

Load = Callable[[str | bytes], Suite]
HEAD = """\
suite: toy
model: {source: toy}
cases:
  - {id: cat, prompt: a cat, seeds: [1, 2]}
  - {id: dog, prompt: a dog, seeds: [1]}
"""


def test_every_combination_of_what_varies_is_an_alternative(load: Load):
    suite = load(
        HEAD + "relations:\n  - {id: b, cases: ['c*', dog], hold: identical, "
        "vary: {batch: [2, 4], position: [first, last]}}\n"
    )
    (found,) = suite.relations
    assert found.cases == ("cat[seed=1]", "cat[seed=2]", "dog[seed=1]")
    assert [dict(each) for each in found.alternatives] == [
        {"batch": batch, "position": place} for batch in (2, 4) for place in ("first", "last")
    ]
    assert found.hold.words == found.hold.document == "identical"
    assert (found.line, found.lines["batch"]) == (7, 7)


def test_limits_and_the_exact_image_may_hold_together(load: Load):
    limits = "{max_peak_difference: 1, no_farther_from_exact_than: 1.5}"
    suite = load(
        HEAD + f"relations:\n  - {{id: b, cases: [cat], vary: {{threads: 2}}, hold: {limits}}}"
    )
    hold = suite.relations[0].hold
    assert (hold.verdict, hold.times) == (None, 1.5)
    assert hold.document == {"max_peak_difference": 1.0, "no_farther_from_exact_than": 1.5}
    assert hold.words == "max_peak_difference 1, no_farther_from_exact_than 1.5"


@pytest.mark.parametrize(
    ("relation", "message"),
    [
        ("id: b, cases: [bird], vary: {threads: 2}, hold: match", "no case is meant by `bird`"),
        ("id: cat, cases: [cat], vary: {threads: 2}, hold: match", "`cat` is the case on line 4"),
        ("id: b, cases: [cat], vary: {threads: 2}, hold: alike", "write one of identical, match"),
        ("id: b, cases: [cat], vary: {threads: 2}, hold: {}", "the relation `b` holds nothing"),
        ("id: b, cases: [cat], vary: {}, hold: match", "vary` is empty"),
        ("id: b, cases: [cat], vary: {threads: []}, hold: match", "`threads` has no value"),
        ("id: b, cases: [cat], vary: {threads: [2, 2]}, hold: match", "has a value twice"),
        ("id: b, cases: [cat], vary: {threads: 2}", "has no `hold`"),
        (
            "id: b, cases: [cat], vary: {threads: 2}, hold: {no_farther_from_exact_than: 0.5}",
            "it can be at least 1",
        ),
        (
            "id: b, cases: [cat], vary: {threads: 2}, hold: {min_ssim: high}",
            'is the text "high", a number is needed',
        ),
    ],
)
def test_a_fault_is_said_with_its_line(load: Load, relation: str, message: str):
    with pytest.raises(GoldenseedError) as raised:
        load(f"{HEAD}relations:\n  - {{{relation}}}\n")
    assert message in str(raised.value)
    assert "toy.suite.yaml:7" in str(raised.value)


def test_two_relations_of_one_name_are_refused(load: Load):
    one = "  - {id: b, cases: [cat], vary: {threads: 2}, hold: match}\n"
    with pytest.raises(GoldenseedError, match="`b` is the relation on line 7 too"):
        load(f"{HEAD}relations:\n{one}{one}")
