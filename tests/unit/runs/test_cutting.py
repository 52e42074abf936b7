"""Cutting cases into shards: everything once, balanced, few loads, the same wherever computed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenseed.runs.shards import (
    CutCase,
    CutRecord,
    CutSuite,
    Piece,
    cut,
    estimated_work,
    lengths,
)


def filled(pieces: list[Piece], loads: list[int], shards: int) -> tuple[list[int], int]:
    """What each shard takes, and how many loads there are in all."""
    work = [0] * shards
    loaded = set()
    for piece, shard in zip(pieces, cut(pieces, loads, shards), strict=True):
        work[shard] += piece.cost
        loaded.add((shard, piece.model))
    for shard, model in loaded:
        work[shard] += loads[model]
    return work, len(loaded)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 1000)), max_size=60),
    st.lists(st.integers(0, 3000), min_size=5, max_size=5),
    st.integers(1, 12),
)
def test_every_piece_goes_to_one_shard_and_none_is_longer_than_need_be(
    given_pieces: list[tuple[int, int]], loads: list[int], shards: int
):
    pieces = [Piece(*each) for each in given_pieces]
    assigned = cut(pieces, loads, shards)
    assert len(assigned) == len(pieces)
    assert all(0 <= shard < shards for shard in assigned)
    if pieces:
        work, _ = filled(pieces, loads, shards)
        once = {each.model for each in pieces}
        alone = sum(each.cost for each in pieces) + sum(loads[model] for model in once)
        assert max(work) <= alone


def test_models_that_fit_are_loaded_once():
    pieces = [Piece(model, 10) for model in range(8) for _ in range(10)]
    work, loads = filled(pieces, [30] * 8, 4)
    assert (loads, set(work)) == (8, {260})


def test_a_model_is_split_where_it_is_longer_than_a_fair_share_and_the_others_are_not():
    pieces = [Piece(0, 10)] * 60 + [Piece(1, 10)] * 10 + [Piece(2, 10)] * 10
    work, loads = filled(pieces, [5, 5, 5], 4)
    assert loads == 5
    assert max(work) <= 1.05 * sum(work) / 4


def test_one_model_is_shared_evenly():
    work, loads = filled([Piece(0, 7)] * 100, [50], 4)
    assert (loads, set(work)) == (4, {225})


def test_few_pieces_leave_shards_empty_and_none_fails():
    assert cut([], [], 4) == ()
    assert Counter(cut([Piece(0, 5)], [1], 8)) == {0: 1}


def test_a_load_that_takes_longer_than_all_images_is_not_repeated_for_them():
    _, loads = filled([Piece(0, 1)] * 8, [10_000], 8)
    assert loads == 1


RECORD = CutRecord(
    shards=3,
    by="steps",
    suites={"a.suite.yaml": CutSuite(name="a", sha256="0" * 64)},
    loads=(20, 5),
    cases=tuple(
        CutCase(path="a.suite.yaml", id=f"case[seed={n}]", model=n % 2, cost=1 + n * 7 % 11)
        for n in range(40)
    ),
)


def test_another_process_finds_the_same_cut_and_the_same_digest():
    program = (
        "import json, sys\nfrom goldenseed.runs.shards import CutRecord\n"
        "cut = CutRecord.model_validate_json(sys.stdin.read())\n"
        "print(json.dumps([cut.sha256, cut.assigned()]))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        input=RECORD.model_dump_json(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(told.stdout) == [RECORD.sha256, list(RECORD.assigned())]
    assert sum(lengths(RECORD)[0]) >= sum(each.cost for each in RECORD.cases)


@pytest.mark.parametrize(
    "change",
    [
        {"shards": 4},
        {"loads": (20, 6)},
        {"suites": {"a.suite.yaml": CutSuite(name="a", sha256="1" * 64)}},
        {"suites": {"a.suite.yaml": CutSuite(name="a", sha256="0" * 64, lock_sha256="2" * 64)}},
        {"cases": RECORD.cases[1:]},
    ],
    ids=["shards", "loads", "suite", "lock", "cases"],
)
def test_whatever_a_cut_depends_on_is_in_its_digest(change: dict[str, object]):
    assert RECORD.model_copy(update=change).sha256 != RECORD.sha256


def test_work_is_steps_times_pixels_times_images():
    small = {"num_inference_steps": 10, "height": 512, "width": 512}
    assert estimated_work({**small, "num_inference_steps": 20}) == 2 * estimated_work(small)
    assert estimated_work({**small, "height": 1024}) == 2 * estimated_work(small)
    assert estimated_work({**small, "num_images_per_prompt": 3}) == 3 * estimated_work(small)
    assert estimated_work({"num_inference_steps": "many", "height": -1}) == estimated_work({})
