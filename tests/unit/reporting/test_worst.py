from __future__ import annotations

import pytest

from goldenseed.reporting.view import run_view
from goldenseed.reporting.worst import badness, worst_of_each
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Reason
from tests.unit.reporting.recorded import case, run


def drift(number: int, *, ssim: float, limit: float = 0.99) -> CaseRecord:
    gate = Reason(code="gate", metric="ssim", value=ssim, limit=limit, direction="min")
    return case("drift", id=f"d[seed={number}]", reasons=(gate,), metrics={"ssim": ssim})


def chosen(*cases: CaseRecord, most: int) -> list[tuple[str, str]]:
    found = worst_of_each(run_view(run(*cases)).cases, most)
    return [(each.record.verdict.value, each.record.id) for each in found]


def test_three_hundred_drifts_hide_no_errors():
    drifts = [drift(n, ssim=0.9) for n in range(300)]
    errors = [case("error", id=f"e[seed={n}]") for n in range(25)]
    verdicts = [verdict for verdict, _ in chosen(*drifts, *errors, most=20)]
    assert verdicts == ["drift"] * 10 + ["error"] * 10


def test_room_that_one_verdict_does_not_need_is_another_s():
    drifts = [drift(n, ssim=0.9) for n in range(30)]
    found = chosen(*drifts, case("error", id="e"), case("rejected", id="r"), most=20)
    assert [v for v, _ in found] == ["drift"] * 18 + ["error", "rejected"]


def test_the_worst_of_a_verdict_comes_first():
    cases = [drift(n, ssim=ssim) for n, ssim in enumerate((0.98, 0.2, 0.9))]
    assert [name for _, name in chosen(*cases, most=2)] == ["d[seed=1]", "d[seed=2]"]


def test_what_passes_is_named_only_where_room_is_left():
    cases = [case("warn", id="w"), *(drift(n, ssim=0.9) for n in range(3))]
    assert {verdict for verdict, _ in chosen(*cases, most=3)} == {"drift"}
    assert chosen(*cases, most=4)[-1] == ("warn", "w")


def test_a_failure_that_was_expected_comes_after_those_that_were_not():
    expected = drift(1, ssim=0.1).model_copy(update={"xfail": "known"})
    cases = [expected, *(drift(n, ssim=0.9) for n in (2, 3))]
    assert [name for _, name in chosen(*cases, most=2)] == ["d[seed=2]", "d[seed=3]"]


@pytest.mark.parametrize(
    ("near", "far"),
    [
        (("psnr", 29.0, 30.0), ("psnr", 3.0, 30.0)),
        (("peak_difference", 2, 1), ("peak_difference", 200, 1)),
        (("of_another_package", 2.0, 1.0), ("of_another_package", 2.5, 1.0)),
        (("phash_distance", 7, 6), ("phash_distance", "inf", 6)),
    ],
)
def test_farther_beyond_a_gate_is_worse(
    near: tuple[str, float, float], far: tuple[str, float | str, float]
):
    found = [
        badness(
            case(
                "drift",
                metrics={},
                reasons=(Reason(code="gate", metric=metric, value=value, limit=limit),),
            )
        )
        for metric, value, limit in (near, far)
    ]
    assert found[0] < found[1]


def test_of_an_altered_record_whose_numbers_are_none_nothing_raises():
    odd = Reason(code="gate", metric="ssim", value="many", limit=0.9)
    assert badness(case("drift", reasons=(odd,), metrics={}))[0] == 0.0
