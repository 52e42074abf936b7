"""``goldenseed accept`` and ``reject``: which cases they touch, and what they say of it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from commands import goldenseed
from goldenseed.baselines.entry import ProfileBaseline
from goldenseed.baselines.store import BaselineStore
from goldenseed.runs.record import Try
from goldenseed.verdict.model import Verdict
from two_runs import AVX512, Run, picture

PROFILE = "cpu-x86_64-avx512"
SEED = "apple[seed=1]"


@dataclass
class Desk:
    """A folder with a run of two suites that have a case of the same id, and two in error."""

    root: Path

    def run(self, verb: str, *arguments: str, code: int = 0) -> list[str]:
        done = self._done(verb, *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return (done.stdout if code == 0 else done.stderr).splitlines()

    def decide(self, verb: str, *cases: str, code: int = 0, reason: str = "seen") -> list[str]:
        return self.run(verb, "run", *cases, "--by", "ada", "--reason", reason, code=code)

    def _done(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return goldenseed(self.root, *arguments)

    def baseline(self, suite: str = "fruit", case: str = SEED) -> ProfileBaseline:
        entry = BaselineStore(self.root / "baselines").entry(suite, case)
        return entry.profiles[PROFILE] if entry else ProfileBaseline()

    def accepted(self) -> Iterator[str]:
        store = BaselineStore(self.root / "baselines")
        for suite in store.suites():
            for case in store.cases(suite):
                if self.baseline(suite, case).accepted:
                    yield f"{suite}::{case}"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    run = Run(tmp_path / "reports" / "run", profile=PROFILE)
    for level, suite in enumerate(("fruit", "shapes")):
        run.case(SEED, picture(level), suite=suite)
        run.case("apple[seed=2]", picture(level + 2), suite=suite)
        run.case("broken", None, suite=suite, error="no blue today")
    run.stored()
    return Desk(tmp_path)


@pytest.mark.parametrize("name", [SEED, "apple", "app*", "*[seed=1]"])
@pytest.mark.parametrize("verb", ["accept", "reject"])
def test_what_fits_namesakes_in_other_suites_is_refused_and_they_are_listed(
    desk: Desk, verb: str, name: str
):
    said, fix = desk.decide(verb, name, code=2)
    assert "fits cases of 2 suites" in said
    assert f"fruit::{SEED}, " in said
    assert f"shapes::{SEED}" in said
    assert f"'fruit::{name}'" in fix
    assert not list(desk.accepted())


@pytest.mark.parametrize("name", [f"fruit::{SEED}", f"fruit.suite.yaml::{SEED}"])
def test_a_case_that_is_named_with_its_suite_is_the_only_one(desk: Desk, name: str):
    assert desk.decide("accept", name) == [f"first fruit::{SEED} in {PROFILE}"]
    assert list(desk.accepted()) == [f"fruit::{SEED}"]


@pytest.mark.parametrize("name", ["fruit::apple", "fruit::app*", "fruit*::a*"])
def test_a_pattern_that_has_a_suite_stays_in_it(desk: Desk, name: str):
    desk.decide("accept", name)
    assert list(desk.accepted()) == [f"fruit::{SEED}", "fruit::apple[seed=2]"]


def test_a_pattern_may_mean_all_suites_in_so_many_words(desk: Desk):
    desk.decide("accept", f"*::{SEED}")
    assert list(desk.accepted()) == [f"fruit::{SEED}", f"shapes::{SEED}"]


@pytest.mark.parametrize("names", [[], ["*"], ["*::*"]])
def test_cases_in_error_are_left_out_and_counted(desk: Desk, names: list[str]):
    said = desk.decide("accept", *names)
    assert "left out 2 with the verdict error: fruit::broken, shapes::broken" in said
    assert len(list(desk.accepted())) == 4


def test_a_case_in_error_that_is_named_is_an_error(desk: Desk):
    said, _ = desk.decide("accept", "fruit::broken", "shapes::*", code=2)
    assert "fruit::broken has no image" in said
    assert not list(desk.accepted())


def test_where_everything_is_left_out_that_is_an_error(desk: Desk):
    said, _ = desk.decide("accept", "fruit::brok*", code=2)
    assert "nothing to decide on in run: left out 1 with the verdict error" in said


@pytest.mark.parametrize("reason", ["…", "...", " ", "<why>", "WHY"])
@pytest.mark.parametrize("verb", ["accept", "reject"])
def test_an_unedited_reason_is_refused(desk: Desk, verb: str, reason: str):
    assert "the reason" in desk.decide(verb, "fruit::*", reason=reason, code=2)[0]
    assert not (desk.root / "baselines").exists()


def test_a_rejected_image_is_left_out_unless_its_case_is_named(desk: Desk):
    desk.decide("reject", f"fruit::{SEED}", reason="two stems")
    for names in ([], ["*"], ["fruit::app*"], ["fruit::apple"]):
        said = desk.decide("accept", *names)
        (line,) = (line for line in said if "rejected by ada" in line)
        assert line.startswith(f"left out fruit::{SEED} in {PROFILE}: ")
        assert line.endswith("two stems")
        assert not desk.baseline().accepted


def test_naming_a_rejected_case_is_refused_without_the_option(desk: Desk):
    desk.decide("reject", f"fruit::{SEED}", reason="two stems")
    said, fix = desk.decide("accept", f"fruit::{SEED}", code=2)
    assert "was rejected by ada on" in said
    assert "two stems" in said
    assert "--overrule-rejection" in fix


@pytest.mark.parametrize("names", [[], ["*"], ["fruit::app*"], ["fruit::apple"]])
def test_the_option_wants_the_case_named(desk: Desk, names: list[str]):
    desk.decide("reject", f"fruit::{SEED}", reason="two stems")
    said, _ = desk.decide("accept", *names, "--overrule-rejection", code=2)
    assert "wants its case named by its whole id" in said


def test_the_option_is_for_the_named_case_alone(desk: Desk):
    desk.decide("reject", "fruit::apple", reason="two stems")
    said = desk.decide("accept", f"fruit::{SEED}", "fruit::*", "--overrule-rejection")
    assert any(line.startswith("left out fruit::apple[seed=2]") for line in said)
    assert list(desk.accepted()) == [f"fruit::{SEED}"]


def test_an_overruled_rejection_is_told_and_shown(desk: Desk):
    desk.decide("reject", f"fruit::{SEED}", reason="two stems")
    named = (f"fruit::{SEED}", "--overrule-rejection")
    _, told = desk.decide("accept", *named, reason="one stem after all")
    assert told.startswith("  overruled: rejected by ada on ")
    assert told.endswith("two stems")
    *_, shown = desk.run("show", f"fruit::{SEED}")
    assert "rejected" in shown
    assert "ada: two stems; overruled" in shown
    assert shown.endswith("by ada: one stem after all")


def test_rejecting_an_accepted_image_says_so_and_what_is_accepted_now(desk: Desk):
    desk.decide("accept", f"fruit::{SEED}", reason="first look")
    _, ended, now = desk.decide("reject", f"fruit::{SEED}")
    assert ended.startswith("  no longer accepted: ")
    assert ended.endswith(": first look")
    assert now == f"  now accepted in {PROFILE}: nothing"


def test_rejecting_what_was_never_accepted_says_only_that(desk: Desk):
    assert desk.decide("reject", f"fruit::{SEED}") == [f"rejected fruit::{SEED} in {PROFILE}"]


def another_run(desk: Desk, level: int = 9, **fields: Any) -> None:
    other = Run(desk.root / "reports" / "other", profile=PROFILE)
    other.case(SEED, picture(level), suite="fruit", **fields)
    other.stored()


def test_accepting_another_image_keeps_what_is_accepted(desk: Desk):
    desk.decide("accept", f"fruit::{SEED}", reason="first look")
    another_run(desk)
    said = desk.run("accept", "other", SEED, "--reason", "new VAE")
    assert said == [f"added fruit::{SEED} in {PROFILE}"]
    assert [each.reason for each in desk.baseline().accepted] == ["first look", "new VAE"]


def test_replacing_is_asked_for_and_says_which_is_no_longer_accepted(desk: Desk):
    desk.decide("accept", f"fruit::{SEED}", reason="first look")
    another_run(desk)
    _, ended = desk.run("accept", "other", SEED, "--reason", "new VAE", "--replace")
    assert ended.endswith(": first look")
    assert [each.reason for each in desk.baseline().accepted] == ["new VAE"]


def test_an_image_of_the_present_recipe_stands_for_the_case(desk: Desk):
    desk.decide("accept", f"fruit::{SEED}", reason="20 steps")
    another_run(desk, recipe={"call": {"num_inference_steps": 30}})
    desk.run("accept", "other", SEED, "--reason", "30 steps")
    assert [each.reason for each in desk.baseline().accepted] == ["30 steps", "20 steps"]


def test_nothing_is_accepted_from_an_incomplete_run(desk: Desk):
    record = desk.root / "reports" / "run" / "run.json"
    record.write_text(record.read_text().replace('"complete":true', '"complete":false'))
    said, _ = desk.decide("accept", f"fruit::{SEED}", code=2)
    assert said == "goldenseed: the run run is incomplete: nothing of it is accepted"
    assert not list(desk.accepted())
    assert desk.decide("reject", f"fruit::{SEED}") == [f"rejected fruit::{SEED} in {PROFILE}"]


def test_a_rejection_keeps_where_the_image_was_made(desk: Desk):
    desk.decide("reject", f"fruit::{SEED}")
    (rejected,) = desk.baseline().rejected
    store = BaselineStore(desk.root / "baselines")
    assert rejected.environment_sha256
    assert store.environment(rejected.environment_sha256) == AVX512


def test_what_is_odd_of_an_image_is_said_when_it_is_accepted(desk: Desk):
    tries = tuple(Try(verdict=Verdict.NEW, pixels_sha256=each * 64, passed=False) for each in "ab")
    odd = Run(desk.root / "reports" / "odd", profile=PROFILE)
    odd.case(SEED, picture(), suite="fruit", remarks=("the picture is flat",), tries=tries)
    odd.stored()
    said = desk.run("accept", "odd", SEED, "--reason", "seen")
    assert said[1:] == [
        "  note: the picture is flat",
        "  note: its 2 tries did not all come to the same; this is the last",
    ]
    assert len(desk.run("accept", "odd", SEED, "--reason", "seen again")) == 1


def test_escape_sequences_in_a_reason_reach_no_terminal(desk: Desk):
    desk.decide("reject", f"fruit::{SEED}", reason="two\x1b[31m stems")
    said = desk.decide("accept", f"fruit::{SEED}", code=2)
    assert not any("\x1b" in line for line in said)
    assert any("⟨U+001B⟩" in line for line in said)
