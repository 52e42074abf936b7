"""A pilot among processes that share a folder: who waits for it, who makes what nobody began."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from goldenseed.runs.made import pending
from goldenseed.runs.parts import NotCompared
from goldenseed.runs.pilots import NOT_RUN
from goldenseed.runs.record import CaseRecord
from goldenseed.session.failure import CASE
from goldenseed.session.pilots import PILOT, Pilots, decision
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from goldenseed.verdict.model import Verdict

SUITE = """\
suite: toy
model: {source: toy}
pilot: {cases: 2, require: match}
cases:
  - {id: a, prompts: {one: x, two: y}, seeds: [0, 1, 2]}
"""


class Item:
    """What is asked of an item of pytest here."""

    def __init__(self, case: Case | None) -> None:
        self.case = case
        self.stash: dict[object, object] = {} if case is None else {CASE: case}


class Process:
    """One process of a session, with what it was made to run."""

    def __init__(self, folder: Path, cases: Sequence[Case], verdict: Verdict) -> None:
        self.made: list[str] = []
        self.verdict = verdict
        self.pilots = Pilots(folder, "none", self.run, lambda case: case.suite.path.name)
        self.items = [Item(None), *map(Item, cases)]
        self.pilots.arrange(cast("list[pytest.Item]", self.items))
        *self.pilot, _, _, _, _ = [each.case for each in self.items if each.case is not None]
        self.rest = self.items[-1].case

    def run(self, case: Case, name: str) -> tuple[CaseRecord, Exception | None]:
        self.made.append(name)
        return record(case, self.verdict), None

    def judge(self, case: Case, verdict: Verdict) -> dict[str, Any]:
        assert self.pilots.why_not(case) is None
        return self.pilots.ended(case, [record(case, verdict)], None)

    def why_not(self) -> str | None:
        assert self.rest is not None
        return self.pilots.why_not(self.rest)


def record(case: Case, verdict: Verdict) -> CaseRecord:
    return pending(case, case.suite.path.name).model_copy(update={"verdict": verdict})


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., Process]:
    (tmp_path / "toy").mkdir()
    path = tmp_path / "toy.suite.yaml"
    path.write_text(SUITE)
    suite = load_suite(path)
    return lambda verdict=Verdict.MATCH: Process(tmp_path / "run", suite.cases, verdict)


def test_the_pilot_comes_first_and_the_others_keep_their_order(process: Callable[..., Process]):
    found = process()
    assert len({case.prompt for case in found.pilot}) == 2
    order = [each.case.id for each in found.items[2:] if each.case is not None]
    assert order == sorted(order)


def test_the_others_run_where_it_held(process: Callable[..., Process]):
    found = process()
    told = [found.judge(case, Verdict.IDENTICAL) for case in found.pilot]
    assert found.why_not() is None
    (pilot,) = told[0]["pilots"]
    assert (pilot.asked, pilot.require, pilot.line, len(pilot.cases)) == (2, "match", 3, 2)
    assert told[1] == {}
    assert found.made == []


@pytest.mark.parametrize("verdict", [Verdict.WARN, Verdict.DRIFT, Verdict.NEW, Verdict.ERROR])
def test_they_do_not_where_one_is_worse_whatever_a_second_try_gave(
    process: Callable[..., Process], verdict: Verdict
):
    found, other = process(), process()
    found.judge(found.pilot[0], verdict)
    found.judge(found.pilot[0], Verdict.IDENTICAL)
    assert found.why_not() == NOT_RUN
    assert found.pilots.why_not_of(found.pilot[0]) == NOT_RUN  # a relation of one of its cases
    assert other.why_not() == NOT_RUN
    assert other.made == []


def test_what_nobody_began_is_made_by_who_waits_for_it(process: Callable[..., Process]):
    found, other = process(), process()
    found.judge(found.pilot[0], Verdict.MATCH)
    assert other.why_not() is None
    assert other.made == [f"{found.pilot[1].id} (pilot)"]
    assert found.pilots.why_not(found.pilot[1]) is None  # it is run and recorded all the same


def test_a_case_whose_process_is_gone_breaks_it(process: Callable[..., Process]):
    found, other = process(), process()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert found.pilots.why_not(found.pilot[0]) is None
    (mark,) = (found.pilots.folder / PILOT).iterdir()
    assert mark.read_text() == f"begun {os.getpid()}"
    mark.write_text(f"begun {gone.pid}")
    assert other.why_not() == NOT_RUN


def test_a_pilot_of_which_no_case_was_run_did_not_hold(process: Callable[..., Process]):
    found = process()
    for case in found.pilot:
        left = NotCompared(id=case.id, suite="toy", path="toy.suite.yaml", why="skipped: slow")
        found.pilots.ended(case, [], left)
    assert found.why_not() == NOT_RUN


@pytest.mark.parametrize(
    ("states", "held"),
    [
        (["held", "held"], True),
        (["held", "left out"], True),
        (["left out"], False),
        (["held", None], None),
        (["held", "begun 1"], None),
        (["broken", None, "begun 1"], False),
    ],
)
def test_what_became_of_its_cases_decides(states: list[str | None], held: bool | None):
    assert decision(states) is held
