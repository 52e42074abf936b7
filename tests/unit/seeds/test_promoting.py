"""A seed written as a case of a suite, whatever it is called and however its image was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.seeds.promoting import in_a_suite
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import recipe_of, recipe_sha256
from kept_seeds import seed

SUITE = """\
suite: found
model: {source: model, scheduler: {class: DDIMScheduler}}
cases:
  - {id: plain, prompt: "a red: apple", seeds: [3], call: {guidance_scale: 2.0}}
  - {id: mixed, prompt: {between: [a cat, a dog], at: 0.25}, seeds: [3]}
  - {id: noise, prompt: a cat, seeds: [3], noise: {between: [1, 2], at: 0.5}}
  - {id: device, prompt: a cat, seeds: [3], noise: device}
"""
OTHER = """\
suite: other
model: {source: model}
cases:
  - {id: first, prompt: a cat, seeds: [1]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "found.suite.yaml").write_text(SUITE)
    return tmp_path


@pytest.mark.parametrize("case_id", ["plain", "mixed", "noise", "device"])
def test_what_was_found_can_stand_in_any_suite_of_its_model(folder: Path, case_id: str) -> None:
    found = next(
        each for each in load_suite(folder / "found.suite.yaml").cases if each.case_id == case_id
    )
    recipe = recipe_of(found)
    kept = seed(1, recipe=recipe, recipe_sha256=recipe_sha256(recipe))
    (folder / "other.suite.yaml").write_text(OTHER)
    for name, named in {"other": "007", "1.5": "yes", "null": "1e3"}.items():
        path = folder / f"{name}.suite.yaml"
        with in_a_suite(kept, path, named) as case:
            assert case.id == f"{named}[seed=3]"
        assert recipe_of(load_suite(path).cases[-1]) == recipe


def test_a_suite_with_a_name_that_none_can_have_is_not_left_behind(folder: Path) -> None:
    path = folder / "my suite.suite.yaml"
    with pytest.raises(GoldenseedError, match="my suite"), in_a_suite(seed(1), path, "one"):
        pass
    assert not path.exists()
