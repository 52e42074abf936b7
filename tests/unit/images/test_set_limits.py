"""Limits on the pairs of a set: which direction stands where, and which exclude each other."""

from __future__ import annotations

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.gates import check_sets, parse_set_limit
from goldenseed.suite.cases import (
    Kind,
    Limit,
    SetSpec,
    Side,
)


def a_set(
    kind: Kind, cases: str, *, within: dict[str, float], statistic: str = "worst", name: str = "a"
) -> SetSpec:
    limits = {key: Limit(value, "suite", 7) for key, value in within.items()}
    return SetSpec(kind, name, (tuple(cases.split()),), statistic, limits, {}, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "side", "name", "right"),
    [
        ("consistency", "within", "min_phash_distance", "max_phash_distance"),
        ("consistency", "within", "max_ssim", "min_ssim"),
        ("consistency", "between", "max_phash_distance", "min_phash_distance"),
        ("consistency", "between", "min_ssim", "max_ssim"),
        ("diversity", "within", "max_phash_distance", "min_phash_distance"),
        ("diversity", "within", "min_ssim", "max_ssim"),
    ],
)
def test_a_direction_that_makes_no_sense_names_the_one_that_does(
    kind: Kind, side: Side, name: str, right: str
):
    with pytest.raises(GoldenseedError, match=f"fix: use {right}"):
        parse_set_limit(kind, side, name)
    gate = parse_set_limit(kind, side, right)
    assert gate.name == right


@pytest.mark.parametrize("name", ["min_phahs_distance", "phash_distance", "least_ssim", "min_"])
def test_an_unknown_limit_names_what_is_near(name: str):
    with pytest.raises(GoldenseedError, match=f"there is no limit '{name}'"):
        parse_set_limit("diversity", "within", name)


@pytest.mark.parametrize(
    ("kind", "name", "value", "message"),
    [
        ("consistency", "min_ssim", 95, "never reaches"),
        ("consistency", "max_phash_distance", 64, "never fails"),
        ("diversity", "min_phash_distance", 0, "never fails"),
        ("diversity", "max_ssim", 1, "never fails"),
    ],
)
def test_a_limit_without_effect_is_refused(kind: Kind, name: str, value: float, message: str):
    with pytest.raises(GoldenseedError, match=message) as caught:
        check_sets([a_set(kind, "x y", within={name: value})])
    assert caught.value.line == 7


def test_limits_that_exclude_each_other_are_refused():
    alike = a_set("consistency", "x y z", within={"max_phash_distance": 10}, name="alike")
    apart = a_set("diversity", "y z", within={"min_phash_distance": 12}, name="apart")
    with pytest.raises(GoldenseedError, match="`apart` excludes max_phash_distance 10 of `alike`"):
        check_sets([alike, apart])


@pytest.mark.parametrize(
    "apart",
    [
        a_set("diversity", "y z", within={"min_phash_distance": 10}),
        a_set("diversity", "y w", within={"min_phash_distance": 12}),
        a_set("diversity", "y z", within={"min_phash_distance": 12}, statistic="mean"),
        a_set("diversity", "y z", within={"max_ssim": 0.5}),
    ],
)
def test_limits_that_can_hold_together_are_not(apart: SetSpec):
    check_sets([a_set("consistency", "x y z", within={"max_phash_distance": 10}), apart])
