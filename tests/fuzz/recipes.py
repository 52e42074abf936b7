"""Recipes of elsewhere: texts, graphs and pictures with parameters."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fuzz.mutations import Changes, as_json, edited_bytes, put
from goldenseed.recipes.interpreting import Given, interpret
from goldenseed.recipes.reading import read_source, read_text_source
from goldenseed.recipes.writing import suite_text
from recipe_pictures import A1111, graph, twenty

BLOCK = '【图像复现指令】\nSeed: 1\nPrompt: "a (b:1.2) <lora:x:1>"\nSize: 8x8\nSteps: 2\nCFG: 8.0\n'


def recipe_text(changes: Changes, folder: Path) -> None:
    """Read a text as a block of lines or as parameters, and write a suite of it."""
    text = BLOCK if changes[0][0] % 2 else A1111
    source = read_text_source(edited_bytes(text.encode(), changes), "x")
    suite_text("x", "model", [interpret(source, Given(seed=1))])


def recipe_graph(changes: Changes, folder: Path) -> None:
    """Read a graph with values that no program writes, and write a suite of it."""
    source = read_text_source(as_json(graph(), changes), "x.json")
    suite_text("x", "model", [interpret(source, Given(seed=1))])


@cache
def _pictures() -> tuple[bytes, ...]:
    return tuple(twenty().values())


def recipe_picture(changes: Changes, folder: Path) -> None:
    """Read a damaged picture's parameters, and write a suite of them."""
    data = _pictures()[changes[0][0] % len(_pictures())]
    source = read_source(put(folder, "x.png", edited_bytes(data, changes)))
    suite_text("x", "model", [interpret(source, Given(seed=1))])
