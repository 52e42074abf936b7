"""A case's record is the same whether it runs first, last, alone or in another process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tiny_pipelines import tiny_stable_diffusion_xl

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Project

SUITE = """\
suite: tiny
model: {source: xl}
defaults: {call: {num_inference_steps: 2, height: 32, width: 32}}
gates: {fail: {max_peak_difference: 4}}
cases:
  - id: apple
    prompts: {red: a red apple, blue: a blue apple}
    seeds: [1]
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, imported: None) -> Path:
    return tiny_stable_diffusion_xl(tmp_path_factory.mktemp("models") / "xl")


def on_record(project: Project) -> dict[str, Any]:
    return {
        each["id"]: (each["verdict"], each["environment_sha256"], each["in_force"])
        for each in project.record()["cases"]
    }


def test_a_case_has_the_same_environment_first_and_second_and_alone(project: Project, model: Path):
    (project.path / "xl").symlink_to(model)
    project.suite.write_text(SUITE)
    project.accept_all()
    project.run().assert_outcomes(passed=2)
    both = on_record(project)
    project.run("-k", "blue").assert_outcomes(passed=1, deselected=1)
    alone = on_record(project)
    assert {verdict for verdict, *_ in (both | alone).values()} == {"identical"}
    assert both["apple[blue,seed=1]"] == alone["apple[blue,seed=1]"]
    (_, *first), (_, *second) = both.values()
    assert (first[0], first[1].keys()) == (second[0], second[1].keys())
