"""What CONTRIBUTING.md says of the tree is so: the files are there, and the names are in them."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

import goldenseed

ROOT = Path(__file__).parents[2]
PACKAGE = Path(goldenseed.__file__).parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
DECISIONS = re.findall(r"^\| (.+\?) \| `([^`]+)` \| `([^`]+)` \|$", TEXT, re.MULTILINE)
MANUALS = re.findall(r"^### ([^\n:]+): (\d) files$(.*?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL)


def test_there_are_ten_questions_and_the_manuals():
    assert len(DECISIONS) == 10
    assert [name for name, *_ in MANUALS] == [
        "A metric",
        "A back end",
        "A diagnosis rule",
        "A report view",
    ]


@pytest.mark.parametrize(("question", "file", "name"), DECISIONS)
def test_a_decision_is_made_where_the_table_says(question: str, file: str, name: str):
    tree = ast.parse((PACKAGE / file).read_text())
    defined = (ast.FunctionDef, ast.ClassDef)
    assert name in {each.name for each in tree.body if isinstance(each, defined)}, question
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    rooms = {layer for contract in settings["contracts"] for layer in contract.get("layers", ())}
    assert f"goldenseed.{file.partition('/')[0]}" in rooms


@pytest.mark.parametrize(("what", "count", "text"), MANUALS)
def test_something_new_takes_as_many_files_as_it_says(what: str, count: str, text: str):
    steps = re.findall(r"^\d\. (.+)$", text, re.MULTILINE)
    assert len(steps) == int(count) <= 5, what


def test_the_files_and_folders_that_it_names_are_there():
    named = re.findall(r"`((?:harness|tests|docs|suites)/[^`]*)`", TEXT)
    assert len(named) > 10
    own = "harness/goldenseed/"
    places = [
        PACKAGE / each.removeprefix(own) if each.startswith(own) else ROOT / each for each in named
    ]
    assert [each for each in places if not each.exists()] == []


def test_the_targets_of_make_that_it_names_are_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", TEXT)) <= targets


def test_the_reference_of_the_site_has_every_public_name():
    shown = re.findall(r"^::: goldenseed\.(\w+)$", (ROOT / "docs/api.md").read_text(), re.MULTILINE)
    assert shown == goldenseed.__all__
