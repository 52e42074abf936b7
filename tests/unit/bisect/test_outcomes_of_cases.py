from __future__ import annotations

import pytest

from goldenseed.bisect.outcomes import Ends, Parting
from goldenseed.bisect.packages import Package
from goldenseed.bisect.releases import Released, _narrowed
from goldenseed.bisect.search import Outcome, OutOfBudget
from goldenseed.bisect.suspects import suspicion
from goldenseed.bisect.tried import Budget, named
from goldenseed.runs.record import CaseRecord
from goldenseed.trace.stages import Stage
from goldenseed.verdict.model import Verdict

DRIFT = Parting(Verdict.DRIFT, Stage.DENOISING_STEP, 0, None, 1e-2)


def case(pixels: str | None, verdict: Verdict = Verdict.NEW) -> CaseRecord:
    return CaseRecord(
        id="a", suite="s", path="s.suite.yaml", recipe={}, recipe_sha256="0" * 64,
        pixels_sha256=pixels, verdict=verdict, passed=False,
    )  # fmt: skip


ENDS = Ends(case("1" * 64), case("2" * 64), Parting(Verdict.DRIFT))


@pytest.mark.parametrize(
    ("pixels", "verdict", "outcome"),
    [
        ("1" * 64, Verdict.IDENTICAL, Outcome.BEFORE),
        ("2" * 64, Verdict.DRIFT, Outcome.AFTER),
        ("3" * 64, Verdict.DRIFT, Outcome.AFTER),
        ("3" * 64, Verdict.MATCH, Outcome.THIRD),
        (None, Verdict.ERROR, Outcome.FAILED),
    ],
)
def test_an_image_is_as_before_as_after_or_a_third_one(
    pixels: str | None, verdict: Verdict, outcome: Outcome
):
    assert ENDS.outcome(case(pixels), case(pixels, verdict)) is outcome


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (Parting(Verdict.DRIFT, Stage.DENOISING_STEP, 0, None, 3e-2), True),
        (Parting(Verdict.DRIFT, Stage.DENOISING_STEP, 0, None, 1e-1), False),
        (Parting(Verdict.DRIFT, Stage.DENOISING_STEP, 1, None, 1e-2), False),
        (Parting(Verdict.WARN, Stage.DENOISING_STEP, 0, None, 1e-2), False),
        (Parting(Verdict.DRIFT, Stage.TIMESTEPS, 0, None, 1e-2), False),
    ],
)
def test_one_difference_has_one_verdict_one_stage_and_about_one_size(other: Parting, alike: bool):
    assert DRIFT.is_like(other) is alike


def test_what_acts_at_the_stage_goes_before_what_does_not():
    names = ["diffusers", "transformers", "numpy", "tokenizers", "markdown", "env.MKL_CBWR"]

    def first(stage: Stage | None) -> str:
        return max(names, key=lambda each: suspicion(each, Parting(Verdict.DRIFT, stage)))

    assert first(Stage.TOKEN_IDS) == "tokenizers"
    assert first(Stage.TIMESTEPS) in {"numpy", "diffusers"}
    rounded = Parting(Verdict.MATCH, Stage.TIMESTEPS, 0, None, 1e-7)
    assert max(names, key=lambda each: suspicion(each, rounded)) == "env.MKL_CBWR"
    assert suspicion("transformers", DRIFT) < suspicion("diffusers", DRIFT)
    assert 0 < suspicion("markdown", DRIFT) < suspicion("diffusers", DRIFT)


def test_a_set_is_named_by_the_shorter_list_with_what_computes_first():
    everything = frozenset({"anyio", "numpy", "zipp", "diffusers", "idna"})
    assert named(frozenset(), everything) == "good"
    assert named(everything, everything) == "bad"
    assert named(frozenset({"anyio", "numpy"}), everything) == "numpy, anyio"
    assert named(everything - {"diffusers"}, everything) == "all but diffusers"


def test_a_budget_ends_by_number_and_by_time():
    budget = Budget(2)
    budget.take()
    budget.take()
    with pytest.raises(OutOfBudget, match="--max-environments"):
        budget.take()
    with pytest.raises(OutOfBudget, match="--max-minutes"):
        Budget(2, minutes=0.0).take()


def test_releases_between_are_halved_and_those_that_cannot_tell_are_left_out():
    ends = (Package("numpy", "1.0"), Package("numpy", "2.0"))
    between = ("1.1", "1.2", "1.3", "1.4")
    tried: list[str] = []

    def attempt(pin: str) -> Outcome:
        tried.append(pin)
        if pin == "numpy==1.3":
            return Outcome.UNRESOLVABLE
        return Outcome.AFTER if pin == "numpy==1.4" else Outcome.BEFORE

    assert _narrowed(ends, between, attempt) == Released("numpy", "1.2", "1.4", ("1.3",))
    assert len(tried) <= 4
    told: list[list[str]] = []
    at_once = _narrowed(ends, between, attempt, lambda pins: told.append([*pins]))
    assert at_once == Released("numpy", "1.2", "1.4", ("1.3",))
    assert told[0] == ["numpy==1.3", "numpy==1.2"], "with what follows if it is bad"
    assert all(1 <= len(each) <= 2 for each in told)
    never = _narrowed(ends, between, lambda pin: Outcome.BEFORE)
    assert never == Released("numpy", "1.4", "2.0")
