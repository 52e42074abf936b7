"""The stability score counts flickers, and only those that nothing on record explains."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from goldenseed.history.points import environments_of, points_of
from goldenseed.history.stability import LEAST_PAIRS, Records, Stability, stability_of
from goldenseed.runs.parts import Try
from goldenseed.runs.record import RunRecord
from goldenseed.verdict.model import Verdict
from made_history import digest_of, made, run_on


def stability(runs: Sequence[RunRecord]) -> Stability:
    points = [point for run in runs for _, point in points_of(run)]
    environments = {k: v for run in runs for k, v in environments_of(run).items()}
    return stability_of(points, Records(environments))


def test_equal_runs_are_pairs_and_agree():
    found = stability([run_on(day, made()) for day in range(21)])
    assert (found.pairs, found.flickers, found.score) == (20, 0, 1.0)
    assert found.at_least == pytest.approx(0.881, abs=0.001)


def test_few_runs_are_unknown_and_not_perfect():
    found = stability([run_on(day, made()) for day in range(LEAST_PAIRS)])
    assert (found.pairs, found.score, found.at_least) == (LEAST_PAIRS - 1, None, None)
    assert stability([]).score is None


def test_other_pixels_under_an_equal_record_are_a_flicker():
    runs = [run_on(day, made("other" if day == 5 else "accepted")) for day in range(21)]
    found = stability(runs)
    assert (found.pairs, found.flickers) == (20, 2)
    assert found.score == pytest.approx(0.9)


@pytest.mark.parametrize(
    "change",
    [
        {"environment": {"package.diffusers": "0.31.0"}},
        {"environment": {"cpu.threads": 2}},
    ],
)
def test_other_pixels_in_another_environment_are_none(change: dict[str, dict[str, object]]):
    runs = [run_on(day, made()) for day in range(11)]
    runs += [run_on(day, made("other"), **change) for day in range(11, 22)]  # type: ignore[arg-type]
    found = stability(runs)
    assert (found.pairs, found.flickers) == (20, 0)


def test_another_recipe_and_what_was_in_force_are_causes_too():
    first, again = run_on(0, made()), made("other", recipe_sha256=digest_of("other"))
    assert stability([first, run_on(1, again)]).pairs == 0
    patched = made("other", in_force={"call.guidance_scale": 4.0})
    assert (
        stability(
            [run_on(0, made(in_force={"call.guidance_scale": 5.0})), run_on(1, patched)]
        ).pairs
        == 0
    )


def test_what_moves_no_pixel_parts_no_pair():
    runs = [
        run_on(day, made(), environment={"platform.kernel": f"6.{day}"}, commit=str(day % 10))
        for day in range(12)
    ]
    assert stability(runs).pairs == 11


def test_a_pair_is_told_across_runs_elsewhere():
    """Two machines of one profile in turn: each is compared with itself."""
    runs = [
        run_on(day, made(f"threads {day % 2}"), environment={"cpu.threads": day % 2})
        for day in range(12)
    ]
    found = stability(runs)
    assert (found.pairs, found.flickers) == (10, 0)


def test_a_tests_own_code_may_be_the_cause_so_that_its_commit_counts():
    own = {"path": "tests/test_mine.py"}
    same = [run_on(0, made(**own)), run_on(1, made("other", **own))]  # type: ignore[arg-type]
    assert (stability(same).pairs, stability(same).flickers) == (1, 1)
    other = [run_on(0, made(**own)), run_on(1, made("other", **own), commit="d")]  # type: ignore[arg-type]
    assert stability(other).pairs == 0


def test_where_it_was_made_is_not_on_record_so_nothing_is_said():
    lost = made("other", environment_sha256="f" * 64)
    assert stability([run_on(0, made()), run_on(1, lost)]).pairs == 0


def test_tries_within_a_run_are_pairs():
    tries = tuple(
        Try(verdict=Verdict.DRIFT, passed=False, pixels_sha256=digest_of(each)) for each in "aab"
    )
    found = stability([run_on(0, made(tries=tries))])
    assert (found.pairs, found.flickers) == (2, 1)


def test_a_case_that_fails_to_be_made_is_no_flicker():
    error = made(pixels_sha256=None, verdict=Verdict.ERROR, passed=False)
    found = stability([run_on(0, made()), run_on(1, error), run_on(2, made())])
    assert (found.pairs, found.flickers) == (1, 0)
