"""A suite file's text as YAML nodes, each with its line, with the scalars of YAML 1.2.

PyYAML reads YAML 1.1, where ``1e-3`` is text, ``no`` is false, ``010`` is eight, ``1:30`` is ninety
and ``2026-11-20`` is a date: five surprises in a file about numbers and words.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NoReturn

import yaml
from yaml.cyaml import CLoader
from yaml.nodes import Node, ScalarNode
from yaml.reader import ReaderError

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular

Scalar = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DECIMAL = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAY_BE_A_NUMBER = frozenset("+-.0123456789")

LONGEST_NUMBER = 400
"""Characters; a float's shortest decimal form needs 24, its exact integer part at most 309."""


def plain_scalar(text: str) -> Scalar:
    """Return the value of an unquoted scalar.

    Raises ``ValueError``, with a reason in words, for a number that JSON could not hold.
    """
    if text in _WORDS:
        return _WORDS[text]
    return number(text) if text[0] in _MAY_BE_A_NUMBER else text


def number(text: str) -> str | int | float:
    """Return ``text`` as an int or a float where it is one, else ``text`` itself."""
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a finite number")
    if not _FLOAT.fullmatch(text):
        return int(text, 0) if _OTHER_BASE.fullmatch(text) and len(text) <= LONGEST_NUMBER else text
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} characters is too long")
    if _DECIMAL.fullmatch(text):
        return int(text)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is beyond what a float can hold")
    return value


LARGEST_FILE = 8 * 1024 * 1024
"""Bytes."""
DEEPEST = 64
"""Levels of nesting, aliases followed."""
MOST_VALUES = 1_000_000
"""Values in the file, aliases followed."""

PLAIN = "plain"
"""The tag of an unquoted scalar, whose text decides what it is."""
QUOTED = "quoted"
"""The tag of a scalar that is text."""
COLLECTION = "collection"
"""The tag of a list or a mapping."""


def _text_of(path: Path) -> str:
    raw = read_regular(path, LARGEST_FILE)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GoldenseedError(
            f"is not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}",
            path=path,
            line=raw.count(b"\n", 0, error.start) + 1,
            fix="save the file as UTF-8",
        ) from error


class _Composer(CLoader):
    """libyaml's composer, without YAML 1.1's resolvers, of bounded depth and size.

    It recurses on the C stack and takes 500 bytes a node, so both are bounded while composing.
    """

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(text)
        self._path = path
        self._depth = 0
        self._nodes = 0

    def descend_resolver(self, parent: Node | None, _index: object) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            refuse_depth(self._path, 1 if parent is None else line_of_node(parent))

    def ascend_resolver(self) -> None:
        self._depth -= 1

    def resolve(self, kind: type[Node], _value: object, implicit: tuple[bool, bool]) -> str:
        self._nodes += 1
        if self._nodes > 2 * MOST_VALUES:  # a value in a mapping has a key, which is a node as well
            raise GoldenseedError(
                f"holds more than {MOST_VALUES:,} values", path=self._path, fix="split the suite"
            )
        if kind is not ScalarNode:
            return COLLECTION
        return PLAIN if implicit[0] else QUOTED


def compose(path: Path, beginning: str) -> Node:
    """Read ``path`` as the one YAML document it holds.

    Raises:
        GoldenseedError: no such file, too large, not UTF-8, not YAML, empty, more than one
            document, or nested beyond ``DEEPEST``.

    """
    text = _text_of(path)
    try:
        root = _Composer(path, text).get_single_node()
    except ReaderError as error:
        raise GoldenseedError(
            f"holds a character that YAML forbids: {error.character:#06x}",
            path=path,
            line=text.encode().count(b"\n", 0, error.position) + 1,
            fix="remove the character, or write it as an escape in double quotes",
        ) from error
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(path, text, error) from error
    if root is None:
        raise GoldenseedError(
            "is empty",
            path=path,
            line=1,
            fix=f"write it; {beginning}",
        )
    return root


def _syntax_error(path: Path, text: str, error: yaml.MarkedYAMLError) -> GoldenseedError:
    lines = text.splitlines() or [""]
    marks = [mark.line + 1 for mark in (error.problem_mark, error.context_mark) if mark]
    # What is never closed is a problem after the last line: its line is where it begins.
    line = next((each for each in marks if each <= len(lines)), len(lines))
    written = lines[line - 1]
    problem = str(error.problem or error.context)
    if "\t" in written[: len(written) - len(written.lstrip())]:
        what, fix = "is indented with a tab", "indent with spaces: YAML allows no tabs there"
    elif "single document" in str(error.context) or "another document" in problem:
        what, fix = "holds more than one document", "remove the `---` and what follows"
    elif "undefined alias" in problem:
        what, fix = f"is not valid YAML: {problem}", "define the anchor before it is used"
    elif "cannot start any token" in problem:
        what = "is not valid YAML: a value cannot begin with this character"
        fix = "put the value in quotes"
    else:
        what = f"is not valid YAML: {problem}"
        fix = "check the indentation, the brackets and the quotes around this line"
    return GoldenseedError(what, path=path, line=line, fix=fix)


def refuse_depth(path: Path, line: int) -> NoReturn:
    """Raise the error for what is nested beyond ``DEEPEST``."""
    raise GoldenseedError(
        f"is nested more than {DEEPEST} levels deep", path=path, line=line, fix="flatten the values"
    )


def line_of_node(node: Node) -> int:
    """Return the line on which ``node`` begins, from 1."""
    return int(node.start_mark.line) + 1


def is_merge_key(key: Node) -> bool:
    """Tell whether ``key`` is an unquoted ``<<``."""
    return isinstance(key, ScalarNode) and key.tag == PLAIN and key.value == "<<"
