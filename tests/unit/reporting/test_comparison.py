"""What the terminal says of two compared runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from goldenseed.core.files import json_sha256
from goldenseed.reporting.comparison import comparison_blocks
from goldenseed.reporting.documents import comparison_document
from goldenseed.reporting.terminal import block_lines
from goldenseed.runs.comparison import compare_runs
from goldenseed.runs.movement import movement_of
from goldenseed.runs.pairing import differences_by_pair, environments_of
from two_runs import AVX2, AVX512, Run, picture

if TYPE_CHECKING:
    from collections.abc import Callable

EULER: dict[str, Any] = {"model": {"dtype": "float32", "scheduler": {"class": "Euler"}}}


@pytest.fixture
def a(tmp_path: Path) -> Run:
    return Run(tmp_path / "run-a", AVX512, "cpu-x86_64-avx512")


@pytest.fixture
def b(tmp_path: Path) -> Run:
    return Run(tmp_path / "run-b", AVX2, "cpu-x86_64-avx2")


def told(render: Callable[..., Any], a: Run, b: Run) -> Any:
    found = compare_runs(a.stored(), b.stored())
    pairs = found.pairing.pairs
    differences = differences_by_pair(found.a.record, found.b.record, pairs)
    environments = environments_of(pairs, differences)
    return render(found, environments, movement_of(found.pairs, differences))


def text(a: Run, b: Run) -> str:
    return "\n".join(block_lines(told(comparison_blocks, a, b)))


def test_both_runs_are_named_with_profile_and_number_of_cases(a: Run, b: Run):
    a.case("apple", picture())
    b.case("apple", picture())
    lines = text(a, b).splitlines()
    assert lines[0] == "A  run-a  cpu-x86_64-avx512  1 case"
    assert lines[1] == "B  run-b  cpu-x86_64-avx2  1 case"


def test_pairs_are_counted_by_verdict_and_a_moved_one_shows_its_distance(a: Run, b: Run):
    for name, level in (("apple", 0), ("ball", 9)):
        a.case(name, picture())
        b.case(name, picture(level))
    said = text(a, b)
    assert "paired 2: 1 identical, 1 drift" in said
    (row,) = [line for line in said.splitlines() if "shapes::ball" in line]
    assert row.split()[:3] == ["drift", "shapes::ball", "9"]


def test_cases_of_one_run_alone_are_named(a: Run, b: Run):
    a.case("apple", picture())
    for name in ("apple", "new"):
        b.case(name, picture())
    assert "only in B 1: shapes::new" in text(a, b)


def test_the_field_that_moved_cases_share_is_said_in_a_sentence(a: Run, b: Run):
    for name in ("apple", "ball", "cup", "dog", "egg"):
        moved = name in {"apple", "ball"}
        recipe = EULER if moved else None
        a.case(name, picture(), recipe=recipe)
        b.case(name, picture(9 if moved else 0), recipe=recipe)
    said = text(a, b)
    assert (
        "all 2 cases with model.scheduler.class = Euler moved beyond the tolerance, "
        "none of the 3 others did" in said
    )
    assert "whole image: 2 brighter" in said


def test_where_no_field_separates_that_is_said(a: Run, b: Run):
    for name, level in (("apple", 9), ("ball", 0), ("cup", 0)):
        a.case(name, picture())
        b.case(name, picture(level))
    assert "1 moved beyond the tolerance, 2 did not; no field separates them" in text(a, b)


def test_environment_differences_are_listed_with_their_kind(a: Run, b: Run):
    a.case("apple", picture())
    b.case("apple", picture())
    said = text(a, b)
    assert "environments: cpu-x86_64-avx512 → cpu-x86_64-avx2; 1 key differs, A → B" in said
    assert "identity  cpu.capability  AVX512 → AVX2" in said


def test_long_values_are_shown_where_they_part(a: Run, b: Run):
    same = "built with " + "x" * 200
    for run, end in ((a, "mkl"), (b, "openblas")):
        run.environment["torch.config"] = same + end
        run.case("apple", picture())
    (line,) = [each for each in text(a, b).splitlines() if "torch.config" in each]
    assert "xmkl →" in line
    assert line.endswith("xopenblas")


def test_equal_environments_are_said_to_be_equal(a: Run, b: Run):
    b.environment = a.environment
    for run in (a, b):
        run.case("apple", picture())
    assert "no key differs" in text(a, b)


def test_an_environment_that_was_not_recorded_is_said_to_be_missing(a: Run, b: Run):
    a.case("apple", picture(), environment_sha256="0" * 64)
    b.case("apple", picture())
    assert "environments: not on record" in text(a, b)


def test_a_difference_of_some_cases_alone_is_told_so_and_may_be_what_parts_them(a: Run, b: Run):
    special = {**AVX2, "scheduler.config.eta": 1}
    b.other_environments = (special,)
    for name in ("apple", "ball", "cup", "dog"):
        moved = name in {"apple", "ball"}
        a.case(name, picture())
        where = {"environment_sha256": json_sha256(special)} if moved else {}
        b.case(name, picture(9 if moved else 0), **where)
    said = text(a, b)
    assert "scheduler.config.eta  none → 1  (in 2 of 4 cases)" in said
    assert "all 2 cases with environment scheduler.config.eta = None → 1 moved" in said


def test_an_error_is_told_with_its_message(a: Run, b: Run):
    a.case("apple", None, error="CUDA out of memory")
    b.case("apple", picture())
    said = text(a, b)
    assert "ERROR shapes::apple" in said
    assert "CUDA out of memory" in said


def test_text_from_records_cannot_steer_the_terminal(a: Run, b: Run):
    for run, end in ((a, "one"), (b, "two")):
        run.environment["evil"] = f"\x1b[31m{end}\n"
        run.case("apple\x1b[2J", picture(9 if run is b else 0))
    assert "\x1b" not in text(a, b)


def test_the_json_has_every_case_and_is_json(a: Run, b: Run):
    a.case("apple", picture())
    b.case("apple", picture(9))
    b.case("new", picture())
    document = json.loads(json.dumps(told(comparison_document, a, b), allow_nan=False))
    assert document["same"] is False
    (case,) = document["cases"]
    assert (case["id"], case["verdict"], case["metrics"]["peak_difference"]) == (
        "apple",
        "drift",
        9,
    )
    assert document["only_in_b"] == [{"suite": "shapes", "id": "new"}]
    assert document["environments"]["differences"] == [
        {"key": "cpu.capability", "kind": "identity", "a": "AVX512", "b": "AVX2", "cases": 1}
    ]
