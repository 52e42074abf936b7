"""Several images out of one call: one case, judged image by image, the worst decides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

SUITE = """\
suite: several
model: {source: model}
defaults:
  call: {num_inference_steps: 3, height: 32, width: 32, num_images_per_prompt: 3}
gates: {fail: {max_mean_difference: 0.1}}
cases:
  - {id: apples, prompt: red apples, seeds: [1]}
"""


@pytest.fixture
def several(project: Project) -> Project:
    """A project whose one case makes three images at once."""
    project.suite.unlink()
    (project.path / "several.suite.yaml").write_text(SUITE)
    return project


def case_of(project: Project) -> dict:
    (case,) = project.record()["cases"]
    return case


def test_whole_path(several: Project):
    several.run().assert_outcomes(failed=1)
    assert case_of(several)["verdict"] == "new"
    print(several.command("accept", "latest", "--reason", "they are right").stdout)
    result = several.run()
    print(json.dumps(case_of(several), indent=1)[:3000])
    print(result.stdout.str())
    assert case_of(several)["verdict"] == "identical"
