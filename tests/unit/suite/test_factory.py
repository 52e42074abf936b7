"""A model that the user's own code makes: found without being run, and part of the recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Case
from goldenseed.suite.factory import module_file
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import model_key, recipe_of

Load = Callable[..., Case]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("raise SystemExit('was run')")
    (tmp_path / "mine" / "pipelines.py").write_text("raise SystemExit('was run')")

    def load(model: str) -> Case:
        path = tmp_path / "toy.suite.yaml"
        path.write_text(f"suite: toy\nmodel: {model}\ncases: [{{id: one, seeds: [1]}}]\n")
        return load_suite(path).cases[0]

    return load


def test_the_code_is_digested_and_not_run(load: Load, tmp_path: Path):
    case = load("{factory: 'mine.pipelines:build', arguments: {steps: 3}}")
    recipe = recipe_of(case)["model"]
    assert isinstance(recipe, dict)
    assert {key: recipe[key] for key in ("factory", "arguments")} == {
        "factory": "mine.pipelines:build",
        "arguments": {"steps": 3},
    }
    assert "source" not in recipe
    (tmp_path / "mine" / "pipelines.py").write_text("raise SystemExit('was run, changed')")
    changed = load("{factory: 'mine.pipelines:build', arguments: {steps: 3}}")
    assert recipe_of(changed)["model"] != recipe
    assert model_key(changed.model) != model_key(case.model)
    other = load("{factory: 'mine.pipelines:build', arguments: {steps: 4}}")
    assert model_key(other.model) != model_key(changed.model)


def test_a_module_is_found_beside_the_suite_before_all_others(load: Load, tmp_path: Path):
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "__init__.py").touch()
    assert module_file("json", tmp_path / "toy.suite.yaml") == tmp_path / "json" / "__init__.py"
    import html.parser

    found = module_file("html.parser", tmp_path / "toy.suite.yaml")
    assert found == Path(html.parser.__file__)


@pytest.mark.parametrize(
    ("model", "what", "fix"),
    [
        ("{dtype: float32}", "`model` has no `source`", "add `source: …`"),
        ("{factory: 'mine.gone:build'}", "there is no module `mine.gone`", "correct `factory`"),
        ("{factory: 'gone:build'}", "there is no module `gone`", "correct `factory`"),
        ("{factory: mine.pipelines}", '"mine.pipelines"', "`package.module:function`"),
        ("{factory: 'mine:build', source: mine}", "`model.source` has no effect", "remove it"),
        ("{factory: 'mine:build', variant: fp16}", "`model.variant` has no effect", "remove it"),
        ("{factory: 'mine:build', pipeline: A}", "`model.pipeline` has no effect", "remove it"),
        ("{source: mine, arguments: {a: 1}}", "`model.arguments` has no effect", "remove it"),
    ],
)
def test_what_cannot_be_is_said_with_its_line(load: Load, model: str, what: str, fix: str):
    with pytest.raises(GoldenseedError) as caught:
        load(model)
    assert what in str(caught.value)
    assert fix in str(caught.value)
    assert "toy.suite.yaml:2" in str(caught.value)
