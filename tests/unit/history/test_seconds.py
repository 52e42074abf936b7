"""What a cut into shards goes by: medians of the last runs, of one profile, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.history.keeping import FILE, remember
from goldenseed.history.seconds import LAST_RUNS, Took, took
from goldenseed.runs.record import Seconds
from goldenseed.runs.shard_record import ShardRecord
from made_history import PROFILE, made, run_on

APPLE, PEAR = ("shapes", "apple[seed=1]"), ("shapes", "pear[seed=1]")


def test_medians_of_the_last_runs_in_milliseconds(tmp_path: Path):
    for day in range(LAST_RUNS + 10):
        seconds = Seconds(generate=9.0) if day < 10 else Seconds(generate=1.0 + day % 2)
        remember(run_on(day, made(seconds=seconds)), tmp_path)
    assert took(tmp_path) == Took(generate={APPLE: 1500})


def test_loads_are_those_of_the_cases_for_which_a_model_was_loaded(tmp_path: Path):
    remember(run_on(1, made(seconds=Seconds(load=3.0, generate=1.0))), tmp_path)
    assert took(tmp_path).load == {APPLE: 3000}


def test_seconds_of_two_machines_are_not_mixed(tmp_path: Path):
    pear = made(name=PEAR[1], seconds=Seconds(generate=2.0))
    remember(run_on(1, made(seconds=Seconds(generate=1.0)), pear), tmp_path)
    other = made(seconds=Seconds(generate=50.0), profile=f"a-{PROFILE}")
    remember(run_on(2, other), tmp_path)
    assert took(tmp_path).generate == {APPLE: 1000, PEAR: 2000}


def test_a_shard_adds_nothing_so_that_the_next_one_finds_the_same(tmp_path: Path):
    remember(run_on(1, made(seconds=Seconds(generate=1.0))), tmp_path)
    before = took(tmp_path)
    shard = ShardRecord(number=1, of=2, cut_sha256="0" * 64)
    remember(run_on(2, made(seconds=Seconds(generate=7.0)), shard=shard), tmp_path)
    assert took(tmp_path) == before


def test_no_history_is_no_seconds_and_a_damaged_one_is_left_as_it_is(tmp_path: Path):
    assert took(tmp_path) == Took()
    assert not (tmp_path / FILE).exists()
    (tmp_path / FILE).write_bytes(b"no database " * 1000)
    with pytest.raises(GoldenseedError, match="cannot be read") as refused:
        took(tmp_path)
    assert "--golden-shard-by=steps" in str(refused.value.fix)
    assert (tmp_path / FILE).read_bytes() == b"no database " * 1000
