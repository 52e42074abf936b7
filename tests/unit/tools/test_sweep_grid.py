"""What a sweep goes through, as people write it."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import recipe_of
from goldenseed.tools.sweep.grid import (
    Grid,
    parse_axis,
    parse_between,
    parse_seeds,
    prompts_towards,
)
from goldenseed.tools.sweep.sheets import Small, clusters, diversity, labelled
from goldenseed.tools.sweep.sweeping import Tried

SUITE = """\
suite: tiny
model: {source: model}
defaults: {call: {guidance_scale: 3.0}}
cases:
  - {id: apple, prompt: a red apple, seeds: [1]}
"""


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """The one case of a suite without a model."""
    path = tmp_path / "tiny.suite.yaml"
    path.write_text(SUITE)
    (tmp_path / "model").mkdir()
    return load_suite(path).cases[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:4", [0, 1, 2, 3]),
        ("5:12:3", [5, 8, 11]),
        ("7", [7]),
        ("1, 5,1", [1, 5]),
        ("9223372036854775807", [2**63 - 1]),
    ],
)
def test_seeds_are_read(text: str, expected: list[int]) -> None:
    assert list(parse_seeds(text)) == expected


def test_ten_thousand_seeds_are_ten_thousand_and_no_list() -> None:
    assert len(parse_seeds("0:10000")) == 10_000
    assert isinstance(parse_seeds("0:10000000"), range)


def test_drawn_seeds_are_others_each_time_and_none_twice() -> None:
    one, two = parse_seeds("random:500"), parse_seeds("random:500")
    assert len(set(one)) == 500
    assert set(one) != set(two)
    assert all(0 <= seed < 2**32 for seed in one)


@pytest.mark.parametrize(
    "text", ["", "-1", "3:1", "0:4:0", "1.5", "a", "1:2:3:4", "9223372036854775808", "random:0"]
)
def test_what_names_no_seeds_is_refused(text: str) -> None:
    with pytest.raises(GoldenseedError, match="names no seeds"):
        parse_seeds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("guidance_scale=3:9:1", ("guidance_scale", (3, 4, 5, 6, 7, 8, 9))),
        ("eta=0:0.3:0.1", ("eta", (0, 0.1, 0.2, 0.3))),
        ("eta=1:0:-0.5", ("eta", (1.0, 0.5, 0.0))),
        ("num_inference_steps=20,30,20", ("num_inference_steps", (20, 30))),
        ("negative_prompt=blur,grain", ("negative_prompt", ("blur", "grain"))),
        ("kind=null,1", ("kind", ("null", 1))),
        ("use=true,false", ("use", (True, False))),
        ("use=1,true,1.0,True", ("use", (1, True, "True"))),
    ],
)
def test_values_of_an_argument_are_read(
    text: str, expected: tuple[str, tuple[object, ...]]
) -> None:
    assert parse_axis(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "x=", "=3", "3x=1", "x=1:2:0", "x=3:1:1", "a-b=1", "x=NaN", "x=-Infinity"),
        *("prompt=a,b", "seed=1,2", "generator=1", "eta=big,1"),
    ],
)
def test_what_names_no_values_is_refused(text: str) -> None:
    with pytest.raises(GoldenseedError):
        parse_axis(text)


def test_every_seed_meets_every_combination(case: Case) -> None:
    grid = Grid(case, (4, 5), {"guidance_scale": (1.5, 2), "eta": (0,)})
    cases = list(grid)
    assert len(cases) == len(grid) == 4
    assert [each.id for each in cases] == [
        "apple[guidance_scale=1.5,eta=0,seed=4]",
        "apple[guidance_scale=2,eta=0,seed=4]",
        "apple[guidance_scale=1.5,eta=0,seed=5]",
        "apple[guidance_scale=2,eta=0,seed=5]",
    ]
    assert cases[0].of(case).arguments() == {"guidance_scale": 1.5, "eta": 0}
    assert case.arguments() == {"guidance_scale": 3.0}


def test_points_between_two_seeds_have_both_at_their_ends(case: Case) -> None:
    grid = Grid(case, (1,), {}, parse_between("3:7:5"))
    assert [each.id for each in grid] == [
        f"apple[noise.at={at},seed=1]" for at in ("0.0", "0.25", "0.5", "0.75", "1.0")
    ]
    assert recipe_of(list(grid)[1].of(case))["noise"] == {"between": [3, 7], "at": 0.25}
    for text in ("3:7", "3:7:1", "a:b:3", "3:7:99999999"):
        with pytest.raises(GoldenseedError, match="names no points"):
            parse_between(text)


def test_no_two_images_of_a_sweep_share_an_id(case: Case) -> None:
    long = "x" * 60
    texts = ("a b", "a-b", "a%20b", "A b", f"{long}1", f"{long}2", "ä", "a\u0308", "1.0e", "true~")
    axes = {"style": (*texts, 1, 1.5, True), "at": (0.0, 0.5), "_": (1, 2)}
    noises = parse_between("1:2:3")
    ids = [each.id for each in Grid(case, (1, 11), axes, noises)]
    assert len(set(ids)) == len(ids) == 13 * 2 * 2 * 2 * 3


@pytest.mark.parametrize(
    ("seeds", "axes"),
    [
        ("0:9223372036854775807", {}),
        ("random:99999999", {}),
        ("0:10000", {f"x{number}": tuple(range(9000)) for number in range(9)}),
    ],
)
def test_more_images_than_can_be_counted_are_too_many(
    case: Case, seeds: str, axes: dict[str, tuple[int, ...]]
) -> None:
    with pytest.raises(GoldenseedError, match="too many"):
        Grid(case, parse_seeds(seeds), axes)


def test_going_through_many_seeds_holds_none_of_them(case: Case) -> None:
    grid = Grid(case, parse_seeds("0:9000000"), {"eta": (0,)})
    tracemalloc.start()
    first = next(iter(grid))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert first.seed == 0
    assert most < 1_000_000


def test_an_argument_of_odd_underlines_has_a_label() -> None:
    tried = Tried("x", 3, "x.png", "0" * 64, {"sharpness": 2.0}, kept=True, axes={})
    for name, said in {"guidance_scale": "gs", "a__b": "ab", "_x": "x", "__": "__"}.items():
        small = Small(replace(tried, axes={name: 1}), b"", np.zeros(1, np.float32))
        assert labelled("sharpness")(small) == f"seed 3, {said}=1\nsharpness 2"


def test_points_between_two_prompts_meet_every_seed(case: Case) -> None:
    prompts = prompts_towards(case, "a green pear", 3)
    cases = [each.of(case) for each in Grid(case, (1, 2), {}, prompts=prompts)]
    assert [each.id for each in cases[:3]] == [
        "apple[prompt.at=0.0,seed=1]",
        "apple[prompt.at=0.0,seed=2]",
        "apple[prompt.at=0.5,seed=1]",
    ]
    assert recipe_of(cases[2])["prompt"] == {"between": ["a red apple", "a green pear"], "at": 0.5}
    for other in ("", " ", "a red apple"):
        with pytest.raises(GoldenseedError, match="nothing between the prompts"):
            prompts_towards(case, other, 3)
    with pytest.raises(GoldenseedError, match="nothing between the prompts"):
        prompts_towards(cases[0], "a cat", 3)


def test_images_that_look_alike_are_one_group_and_have_little_diversity() -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 16))
    looks = np.concatenate(
        [
            centre + 0.01 * rng.standard_normal((size, 16))
            for centre, size in zip(centres, (9, 6, 3), strict=True)
        ]
    )
    looks = (looks / np.linalg.norm(looks, axis=1, keepdims=True)).astype(np.float32)
    group = clusters(looks)
    assert [sorted(set(part)) for part in np.split(group, [9, 15])] == [[0], [1], [2]]
    assert (diversity(looks) < 0.01).all()
    alone = np.eye(4, dtype=np.float32)
    assert diversity(alone).tolist() == [1, 1, 1, 1]
    assert diversity(alone[:1]).tolist() == [2]
    assert clusters(alone[:1]).tolist() == [0]
