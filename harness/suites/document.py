"""A suite file's text as plain data, with the line of everything in it.

The composer is libyaml's (through PyYAML); the data it makes is JSON's and nothing more: no Python
objects, no dates, no cycles, no NaN, and never more of it than the file could honestly mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import yaml
from pydantic import JsonValue
from yaml.cyaml import CLoader
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from harness.errors import GoldenseedError
from harness.files import read_regular
from harness.suites.problems import Problem
from harness.suites.scalars import plain_scalar

LARGEST_FILE = 8 * 1024 * 1024
"""Bytes."""
DEEPEST = 64
"""Levels of nesting, aliases followed."""
MOST_VALUES = 1_000_000
"""Values in the file, aliases followed."""

_PLAIN, _QUOTED, _COLLECTION = "plain", "quoted", "collection"
_TEXT = (_QUOTED, "tag:yaml.org,2002:str")
_COLLECTIONS = (_COLLECTION, "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

Location = Sequence[str | int]
"""Where a value stands: the keys and indices that lead to it from the root."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file's data, and the means to say on which line each part of it stands."""

    path: Path
    data: JsonValue
    problems: tuple[Problem, ...]
    """What is wrong with the YAML itself, where reading could go on all the same."""
    _root: Node

    def line_of(self, location: Location) -> int:
        """Return the line of the value at ``location``, from 1; the nearest parent's without one."""
        return _line(self._descend(location)[1])

    def key_line_of(self, location: Location) -> int:
        """Return the line of the key that ends ``location``, from 1; the nearest parent's without."""
        key, value = self._descend(location)
        return _line(value if key is None else key)

    def item_lines(self, key: str) -> tuple[int, ...]:
        """Return the lines of the items of the list under the root's ``key``."""
        value = self._descend((key,))[1]
        return tuple(map(_line, value.value)) if isinstance(value, SequenceNode) else ()

    def _descend(self, location: Location) -> tuple[Node | None, Node]:
        key, value = None, self._root
        for part in location:
            found = _child(value, part)
            if found is not None:
                key, value = found
        return key, value


def read_document(path: Path) -> Document:
    """Read ``path``.

    Raises ``GoldenseedError`` for what leaves nothing to go on with: no file, another encoding,
    broken YAML, a bomb. Smaller faults are left in ``Document.problems``, to be said together.
    """
    text = _text_of(path)
    root = _compose(path, text)
    builder = _Builder(path)
    data = builder.build(root).value
    return Document(path, data, tuple(builder.problems), root)


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
    """libyaml's composer, without YAML 1.1's resolvers and with a floor under the nesting.

    It recurses on the C stack, so the depth is bounded while composing, not afterwards.
    """

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(text)
        self._path = path
        self._depth = 0

    def descend_resolver(self, parent: Node | None, _index: object) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            _too_deep(self._path, 1 if parent is None else _line(parent))

    def ascend_resolver(self) -> None:
        self._depth -= 1

    def resolve(self, kind: type[Node], _value: object, implicit: tuple[bool, bool]) -> str:
        if kind is not ScalarNode:
            return _COLLECTION
        return _PLAIN if implicit[0] else _QUOTED


def _compose(path: Path, text: str) -> Node:
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
            "is empty", path=path, line=1, fix="begin with `suite:`, `model:` and `cases:`"
        )
    return root


def _syntax_error(path: Path, text: str, error: yaml.MarkedYAMLError) -> GoldenseedError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    lines = text.splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
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


@dataclass(frozen=True, slots=True)
class _Built:
    value: JsonValue
    size: int
    """Values inside, aliases followed; what a merge key had to look at counts too."""
    depth: int


class _Builder:
    """Turns nodes into data, each node once: what an alias repeats is shared, and only counted."""

    def __init__(self, path: Path) -> None:
        self.problems: list[Problem] = []
        self._path = path
        self._done: dict[Node, _Built] = {}
        self._open: set[Node] = set()

    def build(self, node: Node) -> _Built:
        if isinstance(node, ScalarNode):
            return _Built(self._scalar(node), 1, 1)
        if node in self._done:
            return self._done[node]
        if node in self._open:
            raise GoldenseedError(
                "an anchor contains an alias of itself",
                path=self._path,
                line=_line(node),
                fix="write the value out, or refer to an anchor that ended before",
            )
        self._open.add(node)
        if node.tag not in _COLLECTIONS:
            self._refuse_tag(node)
        built = self._mapping(node) if isinstance(node, MappingNode) else self._sequence(node)
        if built.size > MOST_VALUES:
            raise GoldenseedError(
                f"holds more than {MOST_VALUES:,} values once its aliases are followed",
                path=self._path,
                line=_line(node),
                fix="use fewer aliases, or split the suite",
            )
        if built.depth > DEEPEST:
            _too_deep(self._path, _line(node))
        self._open.remove(node)
        self._done[node] = built
        return built

    def _sequence(self, node: Node) -> _Built:
        items: list[JsonValue] = []
        size, depth = 1, 0
        for child in node.value:
            if isinstance(child, ScalarNode):
                items.append(self._scalar(child))
                size += 1
                continue
            built = self.build(child)
            items.append(built.value)
            size += built.size
            depth = max(depth, built.depth)
        return _Built(items, size, depth + 1)

    def _mapping(self, node: Node) -> _Built:
        found: dict[str, JsonValue] = {}
        merged: list[Node] = []
        size, depth = 1, 0
        for key, child in node.value:
            if not isinstance(key, ScalarNode):
                self._report(key, "a list or a mapping stands as a key", "use a word as the key")
                continue
            if _is_merge(key):
                merged.append(child)
                continue
            if key.value in found:
                self._report_repetition(node, key)
            if isinstance(child, ScalarNode):
                found[key.value] = self._scalar(child)
                size += 1
                continue
            built = self.build(child)
            found[key.value] = built.value
            size += built.size
            depth = max(depth, built.depth)
        for child in merged:
            size += self._merge(found, child)
        return _Built(found, size, depth + 1)

    def _merge(self, found: dict[str, JsonValue], source: Node) -> int:
        """Add what ``<<`` brings, own keys and earlier mappings first; the values looked at."""
        size = 0
        for node in source.value if isinstance(source, SequenceNode) else [source]:
            built = self.build(node)
            if not isinstance(built.value, dict):
                self._report(source, "`<<` merges mappings only", "name an anchor of a mapping")
                continue
            size += built.size
            if size > MOST_VALUES:
                break
            for key, value in built.value.items():
                found.setdefault(key, value)
        return size

    def _scalar(self, node: ScalarNode) -> JsonValue:
        tag = node.tag
        if tag in _TEXT:
            return str(node.value)
        if tag != _PLAIN:
            self._refuse_tag(node)
            return None
        try:
            return plain_scalar(node.value)
        except ValueError as error:
            self._report(node, str(error), "write a finite number, or quote the text")
            return None

    def _refuse_tag(self, node: Node) -> None:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        self._report(node, f"the tag `{tag}` is not allowed", "remove the tag")

    def _report_repetition(self, mapping: Node, key: ScalarNode) -> None:
        first = next(
            other for other, _ in mapping.value if getattr(other, "value", None) == key.value
        )
        self._report(
            key,
            f"the key `{key.value}` stands here and on line {_line(first)}",
            "keep one of the two",
        )

    def _report(self, node: Node, what: str, fix: str) -> None:
        self.problems.append(Problem(_line(node), what, fix))


def _too_deep(path: Path, line: int) -> NoReturn:
    raise GoldenseedError(
        f"is nested more than {DEEPEST} levels deep", path=path, line=line, fix="flatten the values"
    )


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _is_merge(key: Node) -> bool:
    return isinstance(key, ScalarNode) and key.tag == _PLAIN and key.value == "<<"


def _child(node: Node, part: str | int) -> tuple[Node | None, Node] | None:
    """Return the key (None in a list) and the value of one part of a location, through merge keys."""
    if isinstance(node, SequenceNode):
        usable = isinstance(part, int) and 0 <= part < len(node.value)
        return (None, node.value[part]) if usable else None
    if not isinstance(node, MappingNode):
        return None
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.value == part and not _is_merge(key):
            return key, value
    for key, value in node.value:
        if _is_merge(key):
            for source in value.value if isinstance(value, SequenceNode) else [value]:
                found = _child(source, part)
                if found is not None:
                    return found
    return None
