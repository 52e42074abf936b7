"""What the page is given of the history: little of many cases, and nothing of none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from goldenseed.history import asked
from goldenseed.history.keeping import recall, remember
from goldenseed.reporting.history_data import case_history, suite_histories
from goldenseed.runs.record import Seconds
from made_history import START, made, run_on

KEY = ("shapes", "apple[seed=1]")
NEWER = {"package.diffusers": "0.31.0"}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    for day in range(12):
        late = day >= 8
        apple = made("new", mean=0.0123456, passed=False) if late else made()
        pear = made("pear", name="pear", seconds=Seconds(generate=2.0 + day))
        remember(run_on(day, apple, pear, environment=NEWER if late else None), folder)
    return folder


def test_a_case_is_columns_of_which_a_constant_is_written_once(reports: Path):
    past = recall(run_on(11, made()), reports)[KEY]
    times, verdicts, differences, seconds, changes, stability = case_history(past)
    assert times[0] == int(START.timestamp())
    assert verdicts == ["identical"] * 8 + ["match"] * 4
    assert differences == [0] * 8 + [0.01235] * 4
    assert seconds == [1]
    assert changes == [[8, "image, certain: diffusers 0.30.0 → 0.31.0"]]
    assert stability == "100 % of 10 pairs (at least 78 %)"


def test_a_suite_has_its_worst_case_all_its_seconds_and_its_failures(reports: Path):
    pasts = recall(run_on(11, made(), made(name="pear")), reports)
    ((name, times, differences, seconds, failing),) = suite_histories(pasts.values())
    assert (name, len(times)) == ("shapes", 12)
    assert differences == [0] * 8 + [0.01235] * 4
    assert seconds == [3 + day for day in range(12)]
    assert failing == [0] * 8 + [1] * 4


def test_of_a_run_of_many_cases_only_the_last_runs_are_shown(
    reports: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(asked, "MOST_POINTS", 10)
    monkeypatch.setattr(asked, "LEAST_RUNS", 3)
    pasts = recall(run_on(11, made(), made(name="pear")), reports)
    assert [len(each.points) for each in pasts.values()] == [5, 5]


def test_a_history_of_10_000_cases_is_small(reports: Path):
    past = recall(run_on(11, made()), reports)[KEY]
    assert len(json.dumps(case_history(past))) < 600


def test_where_there_is_no_history_there_is_nothing_to_show(tmp_path: Path):
    assert recall(run_on(0, made()), tmp_path) == {}
    assert case_history(None) == []
    remember(run_on(0, made()), tmp_path)
    past = recall(run_on(0, made()), tmp_path)
    assert case_history(past[KEY]) == []
    assert suite_histories(past.values()) == []
