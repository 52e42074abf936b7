"""The groups of the page: what shares first divergence and cause is one decision."""

from __future__ import annotations

from goldenseed.reporting.causes import cause_groups
from goldenseed.reporting.view import run_view
from goldenseed.runs.record import CaseRecord
from tests.unit.reporting.recorded import case, record, run


def groups(*cases: CaseRecord) -> dict[str, list[str]]:
    found = cause_groups(list(run_view(run(*cases)).cases))
    return {group.title: [each.record.id for each in group.cases] for group in found}


def test_each_case_is_in_one_group_and_the_worst_group_comes_first() -> None:
    view = run_view(record())
    found = cause_groups(list(view.cases))
    assert sorted(id(each) for group in found for each in group.cases) == sorted(
        id(each) for each in view.cases
    )
    assert found[0].cases[0].record.verdict == "drift"
    assert found[-1].cases[0].record.verdict == "identical"


def test_cases_that_part_at_one_stage_for_one_cause_are_one_group_as_in_the_headline() -> None:
    view = run_view(record())
    title = cause_groups(list(view.cases))[0].title
    assert title == "Moved at denoising step 1, likely cause: denoiser weights: unet (0.85)"
    assert title.partition("at ")[2] in view.shared[0]


def test_failures_with_one_message_are_one_group_whatever_their_numbers_and_places() -> None:
    places = [(3, "a"), (7, "b")]
    cases = [case("error", id=name, error=f"x.yaml:{n}: lost {n} of 9") for n, name in places]
    assert list(groups(*cases).values()) == [["a", "b"]]


def test_cases_that_nothing_is_known_of_are_grouped_by_their_verdict() -> None:
    new = [case("new", id="a"), case("new", id="b")]
    assert groups(*new, case(id="c")) == {
        "Nothing is accepted for this case yet": ["a", "b"],
        "The very pixels that were accepted": ["c"],
    }


def test_a_case_that_is_there_twice_is_in_its_group_twice() -> None:
    (group,) = groups(case("drift"), case("drift")).values()
    assert len(group) == 2
