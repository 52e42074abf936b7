"""A function's digest is of what its source says, and not of what one Python compiles of it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from goldenseed.backends.diffusers.foreign import code_sha256
from goldenseed.backends.diffusers.written import written

SOURCE = """
def outer(own):
    @decorated
    def inner(value, *, factor=2):
        '''Say something.'''
        return own(value) * factor  # by as much
    return inner
def decorated(function):
    return function
"""


def made(folder: Path, source: str) -> Callable[..., Any]:
    (folder / "app.py").write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("app", folder / "app.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    inner: Callable[..., Any] = module.outer(abs)
    return inner


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("  # by as much", "", True),
        ("Say something.", "Say more of it.", True),
        ("own(value) * factor", "(own( value )*factor)", True),
        ("own(value) * factor", "own(value) * factor * 1.0", False),
        ("factor=2", "factor=3", False),
        ("own(value)", "own(-value)", False),
    ],
)
def test_what_is_done_counts_and_not_how_it_is_laid_out(
    tmp_path: Path, old: str, new: str, same: bool
):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    before, now = made(tmp_path / "a", SOURCE), made(tmp_path / "b", SOURCE.replace(old, new))
    assert code_sha256(before).startswith("s")
    assert (code_sha256(before) == code_sha256(now)) is same


def test_of_what_has_no_source_the_bytecode_is_digested_and_that_is_said():
    names: dict[str, Any] = {}
    exec("def typed(value):\n    return value * 2", names)
    assert written(names["typed"].__code__) is None
    assert len(code_sha256(names["typed"])) == len("0123abcd")


def test_two_lambdas_of_one_line_are_told_apart_by_their_arguments():
    first, second = (lambda one: one + 1), (lambda two: two + 2)
    assert written(first.__code__) != written(second.__code__)
    assert written(first.__code__)
