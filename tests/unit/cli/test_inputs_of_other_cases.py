"""Verbs that make images say that they do not look up other cases' accepted ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import goldenseed

SUITE = """\
suite: edits
model: {source: model}
cases:
  - {id: plain, prompt: a cat, seeds: [1]}
  - id: refined
    prompt: a cat
    seeds: [1]
    inputs:
      image: [{case: "plain[seed=1]"}]
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model_index.json").write_text("{}")
    (tmp_path / "edits.suite.yaml").write_text(SUITE)
    return tmp_path


@pytest.mark.parametrize("verb", ["probe", "calibrate"])
def test_an_accepted_image_as_input_is_refused_before_anything_is_made(suite: Path, verb: str):
    force = ("--force",) if verb == "calibrate" else ()
    ended = goldenseed(suite, verb, "edits.suite.yaml", *force)
    assert ended.returncode == 2
    assert "refined[seed=1] is given the accepted image of plain[seed=1]" in ended.stderr
    assert f"`image[0]`, which `goldenseed {verb}` does not look up" in ended.stderr
    assert "edits.suite.yaml:9" in ended.stderr
    assert f"name other cases to {verb}" in ended.stderr
    assert not (suite / "reports").exists()


def test_the_other_cases_can_be_named(suite: Path):
    ended = goldenseed(suite, "calibrate", "edits.suite.yaml", "plain", "--force")
    assert "look up" not in ended.stderr
    assert "nothing made from this recipe is accepted" in ended.stderr
