"""The one view of a run that everything shown is written from."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldenseed.reporting.commands import Place
from goldenseed.reporting.view import case_view, run_view
from goldenseed.reporting.words import WORST_FIRST, About
from goldenseed.verdict.model import Reason
from tests.unit.reporting.recorded import case, page_of, record, run, stored


def test_a_recorded_run_is_seen_whole(tmp_path: Path) -> None:
    view = run_view(stored(tmp_path), tmp_path)
    assert [each.verdict for each in view.sections] == list(WORST_FIRST)
    assert view.outcome == "6 of 13 cases fail, 1 set is broken"
    assert view.shared[0].startswith(
        "4 of 13 cases moved, of which 1 has no diagnosis: 3 part at denoising step 1, "
    )
    assert (view.environment or "").startswith("diffusers 0.41.0 → 0.42.1, ")
    assert [(lock.suite, len(lock.differences)) for lock in view.locks] == [("moved", 3)]
    assert {each.record.id for each in view.cases} == {each.id for each in record().cases}


def test_a_drift_has_its_gates_pictures_causes_and_command(tmp_path: Path) -> None:
    view = case_view(stored(tmp_path).cases[0], Place("run 1"), tmp_path)
    assert (view.prompt, view.seed, view.anchor) == ("a red apple", 1024, "moved.red-apple-1024")
    gated = [row for row in view.metrics if row.gate]
    assert [(row.gate and row.gate.name, row.passed) for row in gated] == [
        ("min_ssim", False),
        ("max_phash_distance", True),
        ("max_peak_difference", False),
    ]
    assert [row.gate and row.gate.source for row in gated] == ["suite", None, "suite"]
    assert view.comparable
    assert view.difference
    assert view.why
    assert view.why.likely == "denoiser weights: unet (0.85)"
    assert view.accept[:4] == ("goldenseed", "accept", "'run 1'", "'moved::red-apple[seed=1024]'")


def test_that_a_baseline_is_of_another_profile_comes_first() -> None:
    matched = case_view(case("match"), Place("r"))
    assert [each.about for each in matched.reasons][:2] == [About.PROFILE, About.TOLERANCE]
    assert matched.fallback == matched.reasons[:1]
    assert matched.others == matched.reasons[1:]


@pytest.mark.parametrize("verdict", ["error", "rejected", "identical"])
def test_nothing_is_offered_where_nothing_should_be_accepted(verdict: str) -> None:
    assert case_view(case(verdict), Place("r")).accept == ()


def test_an_image_that_breaks_its_content_is_not_offered() -> None:
    blurred = Reason(code="content", metric="sharpness", value=3, limit=20, source="suite")
    assert case_view(case("warn", reasons=(blurred,)), Place("r")).accept == ()


def test_without_a_folder_no_picture_is_looked_for() -> None:
    assert case_view(case("drift"), Place("r")).current is None


def test_prompt_and_seed_are_found_in_the_recipe_or_its_call() -> None:
    flat = case_view(case(recipe={"prompt": "a cat", "call": {"seed": 3}}), Place("r"))
    assert (flat.prompt, flat.seed) == ("a cat", 3)


def test_a_recipe_without_a_prompt_has_none() -> None:
    assert case_view(case(recipe={"prompt": ["a", "b"], "call": None}), Place("r")).prompt is None


def test_a_run_where_nothing_moved_shares_nothing() -> None:
    view = run_view(run(case(), case(id="b[seed=1]")))
    assert (view.shared, view.environment, view.locks) == ((), None, ())


def test_what_was_noticed_is_said_once_with_its_cases_wherever_a_run_is_shown() -> None:
    from goldenseed.reporting.markdown import summary_markdown
    from goldenseed.reporting.terminal import summary_lines

    cases = tuple(
        each.model_copy(update={"id": f"case{number}", "remarks": ("the image is <flat>",)})
        for number, each in enumerate([case("identical")] * 5)
    )
    view = run_view(record().model_copy(update={"cases": cases}))
    suite = cases[0].suite
    (said,) = view.remarks
    assert said == (
        f"the image is <flat> ({suite}::case0, {suite}::case1, {suite}::case2 and 2 more)"
    )
    assert f"golden: note: {said}" in summary_lines(view)
    assert "the image is &#60;flat&#62;" in summary_markdown(view)
    assert "the image is &lt;flat&gt;" in page_of(view)
    assert run_view(record()).remarks == ()
