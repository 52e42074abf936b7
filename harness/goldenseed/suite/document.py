"""A suite file's text as plain data with the line of everything in it, and what is wrong with it.

The data is JSON's and nothing more: no objects, dates, cycles or NaN, and of bounded size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.nodes import (
    COLLECTION,
    DEEPEST,
    MOST_VALUES,
    PLAIN,
    QUOTED,
    compose,
    is_merge_key,
    line_of_node,
    plain_scalar,
    refuse_depth,
)

SHOWN = 10
"""How many problems of one file are named before the rest is only counted."""
COUNTED = 1000
"""How many problems of one kind are looked for before the rest is not even counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing the author of the file has to mend."""

    line: int
    """From 1, of the offending key or value."""
    what: str
    fix: str | None = None


def failure(path: Path, problems: Iterable[Problem]) -> GoldenseedError:
    """One error of every problem of ``path`` by line, each as ``path:line: what`` for editors."""
    ordered = sorted(dict.fromkeys(problems), key=lambda problem: problem.line)
    first, *others = ordered
    if not others:
        return GoldenseedError(first.what, path=path, line=first.line, fix=first.fix)
    parts = [first.what + (f"\n  fix: {first.fix}" if first.fix else "")]
    parts += [
        str(GoldenseedError(problem.what, path=path, line=problem.line, fix=problem.fix))
        for problem in others[: SHOWN - 1]
    ]
    if len(ordered) > SHOWN:
        at_least = "at least " if len(ordered) >= COUNTED else ""
        parts.append(f"{path}: and {at_least}{len(ordered) - SHOWN} more problems")
    return GoldenseedError("\n".join(parts), path=path, line=first.line)


_TEXT = (QUOTED, "tag:yaml.org,2002:str")
_COLLECTIONS = (COLLECTION, "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

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
    _index: dict[Node, dict[str | int, tuple[Node, Node]]] = field(default_factory=dict)

    def line_of(self, location: Location) -> int:
        """Return the line of the value at ``location``, from 1, or of its nearest parent."""
        return line_of_node(self._descend(location)[1])

    def key_line_of(self, location: Location) -> int:
        """Return the line of the key that ends ``location``, from 1, or of its nearest parent."""
        key, value = self._descend(location)
        return line_of_node(value if key is None else key)

    def item_lines(self, key: str) -> tuple[int, ...]:
        """Return the lines of the items of the list under the root's ``key``."""
        value = self._descend((key,))[1]
        return tuple(map(line_of_node, value.value)) if isinstance(value, SequenceNode) else ()

    def _descend(self, location: Location) -> tuple[Node | None, Node]:
        key, value = None, self._root
        for part in location:
            found = self._child(value, part)
            if found is not None:
                key, value = found
        return key, value

    def _child(self, node: Node, part: str | int) -> tuple[Node | None, Node] | None:
        """Return key (None in a list) and value of one part of a location."""
        if isinstance(node, SequenceNode):
            usable = isinstance(part, int) and 0 <= part < len(node.value)
            return (None, node.value[part]) if usable else None
        return self._keys(node).get(part) if isinstance(node, MappingNode) else None

    def _keys(self, node: MappingNode) -> dict[str | int, tuple[Node, Node]]:
        """Return the keys and values of a mapping, through merge keys; looked through once."""
        if node in self._index:
            return self._index[node]
        found: dict[str | int, tuple[Node, Node]] = {}
        merged: list[Node] = []
        for key, value in node.value:
            if is_merge_key(key):
                merged += value.value if isinstance(value, SequenceNode) else [value]
            elif isinstance(key, ScalarNode):
                found[key.value] = key, value
        for source in merged:
            if isinstance(source, MappingNode):
                for name, pair in self._keys(source).items():
                    found.setdefault(name, pair)
        self._index[node] = found
        return found


@dataclass(frozen=True)
class _Moved(Document):
    """A document whose place ``of`` stands elsewhere in the file."""

    at: Location = ()
    of: Location = ()

    def _descend(self, location: Location) -> tuple[Node | None, Node]:
        place, size = tuple(location), len(self.of)
        if place[:size] == self.of:
            place = (*self.at, *place[size:])
        elif place == self.of[: len(place)]:
            place = tuple(self.at)
        return super()._descend(place)


def moved(document: Document, data: JsonValue, *, at: Location, of: Location) -> Document:
    """Return ``data`` as a document of which ``of`` stands at ``at`` of this one, for its lines."""
    root, index = document._root, document._index  # noqa: SLF001 - a friend
    return _Moved(document.path, data, (), root, index, at=tuple(at), of=tuple(of))


BEGINNING = "a suite begins with `suite:`, `model:` and `cases:`"


def read_document(path: Path, *, beginning: str = BEGINNING) -> Document:
    """Read ``path``: raises where nothing can be read, else leaves ``Document.problems``.

    ``beginning`` says of an empty file how one begins.
    """
    root = compose(path, beginning)
    builder = _Builder(path)
    data = builder.build(root).value
    return Document(path, data, tuple(builder.problems), root)


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
                line=line_of_node(node),
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
                line=line_of_node(node),
                fix="use fewer aliases, or split the suite",
            )
        if built.depth > DEEPEST:
            refuse_depth(self._path, line_of_node(node))
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
        repeated: list[Node] = []
        size, depth = 1, 0
        for key, child in node.value:
            if not isinstance(key, ScalarNode):
                self._report(key, "a list or a mapping stands as a key", "use a word as the key")
                continue
            if is_merge_key(key):
                merged.append(child)
                continue
            if key.value in found:
                repeated.append(key)
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
        if repeated:
            self._report_repetitions(node, repeated)
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
        if tag != PLAIN:
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

    def _report_repetitions(self, mapping: Node, repeated: list[Node]) -> None:
        pairs = reversed(mapping.value)
        first = {key.value: line_of_node(key) for key, _ in pairs if isinstance(key, ScalarNode)}
        for key in repeated:
            what = f"the key `{key.value}` stands here and on line {first[key.value]}"
            self._report(key, what, "keep one of the two")

    def _report(self, node: Node, what: str, fix: str) -> None:
        self.problems.append(Problem(line_of_node(node), what, fix))
