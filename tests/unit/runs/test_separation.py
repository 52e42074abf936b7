"""Which cases moved together: only statements that hold for every case."""

from __future__ import annotations

from typing import Any

from goldenseed.core.files import json_sha256
from goldenseed.runs.movement import (
    Fields,
    Separation,
    fields_of,
    separate,
)
from goldenseed.runs.record import CaseRecord
from goldenseed.verdict.model import Verdict


def case(seed: int = 0, size: int = 64, **recipe: Any) -> Fields:
    whole = {"seed": seed, **recipe}
    record = CaseRecord(
        id=f"case[seed={seed}]",
        suite="shapes",
        path="shapes.suite.yaml",
        recipe=whole,
        recipe_sha256=json_sha256(whole),
        width=size,
        height=size,
        verdict=Verdict.WARN,
        passed=False,
    )
    return fields_of(record)


def scheduler(name: str) -> dict[str, Any]:
    return {"model": {"scheduler": {"class": name}}}


def fields(found: Separation) -> set[str]:
    return {split.field for split in found.separating}


def test_a_field_that_parts_moved_from_held_is_named_with_its_values_and_counts():
    moved = [case(seed, **scheduler("Euler")) for seed in range(3)]
    held = [case(seed, **scheduler("DDIM")) for seed in range(3, 8)]
    found = separate(moved, held)
    (split,) = found.separating
    assert split.field == "model.scheduler.class"
    assert (split.values, split.other_values) == (("Euler",), ("DDIM",))
    assert (found.moved, found.held, split.held_with, split.held_without) == (3, 5, 0, 5)


def test_a_field_that_a_recipe_leaves_out_is_a_value_of_its_own():
    moved = [case(seed, **scheduler("Euler")) for seed in range(2)]
    (split,) = separate(moved, [case(seed) for seed in range(2, 4)]).separating
    assert split.other_values == ("(not given)",)


def test_a_seed_that_differs_in_every_case_is_never_named():
    found = separate([case(1)], [case(seed) for seed in range(2, 9)])
    assert found.separating == ()
    assert found.shared == ()


def test_size_is_a_field():
    moved = [case(1, size=128), case(2, size=128)]
    assert fields(separate(moved, [case(3), case(4)])) == {"size"}


def test_one_counterexample_keeps_a_field_from_separating():
    moved = [case(seed, **scheduler("Euler")) for seed in range(4)]
    held = [case(9, **scheduler("Euler")), *(case(s, **scheduler("DDIM")) for s in range(5))]
    found = separate(moved, held)
    assert found.separating == ()
    (split,) = found.shared
    assert (split.field, split.held_with, split.held_without) == ("model.scheduler.class", 1, 5)


def test_several_fields_that_separate_are_all_named():
    moved = [case(seed, 128, **scheduler("Euler")) for seed in range(2)]
    held = [case(seed, 64, **scheduler("DDIM")) for seed in range(2, 4)]
    assert fields(separate(moved, held)) == {"model.scheduler.class", "size"}


def test_5_and_5_0_are_one_value():
    moved = [case(seed, call={"guidance_scale": 5}) for seed in range(2)]
    held = [case(seed, call={"guidance_scale": 5.0}) for seed in range(2)]
    assert separate(moved, held).separating == ()


def test_true_and_1_are_two_values():
    moved = [case(seed, call={"x": True}) for seed in range(2)]
    held = [case(seed, call={"x": 1}) for seed in range(2)]
    assert fields(separate(moved, held)) == {"call.x"}


def test_a_long_list_of_values_is_not_a_statement():
    moved = [case(seed % 2, call={"steps": seed // 2}) for seed in range(10)]
    held = [case(seed % 2, call={"steps": 10 + seed // 2}) for seed in range(10)]
    assert separate(moved, held).separating == ()


def test_few_values_of_the_held_cases_are_enough():
    moved = [case(seed % 2, call={"steps": seed // 2}) for seed in range(10)]
    held = [case(seed % 2, call={"steps": 20}) for seed in range(10)]
    (split,) = separate(moved, held).separating
    assert split.other_values == (20,)


def test_nothing_is_said_where_all_moved_or_none():
    cases = [case(seed, **scheduler("Euler")) for seed in range(4)]
    assert separate(cases, []) == Separation(moved=4, held=0)
    assert separate([], cases) == Separation(moved=0, held=4)
