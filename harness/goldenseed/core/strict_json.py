"""JSON read strictly, and which line of its file a value stands on."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.reading import read_regular

if TYPE_CHECKING:
    import yaml


_LONGEST_WITH_LINES = 2**20
"""Bytes: PyYAML reads about 100 kB in a second."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"(?P<colon>\s*:)?|[{}]|-?Infinity|NaN')


def parse(
    data: bytes, path: Path, shorten: Callable[[dict[str, Any]], object] | None = None
) -> Any:
    """Parse JSON as RFC 8259 has it and refuse what Python's parser adds or lets pass.

    ``shorten`` is given each object once it is whole, and may take away what nobody will need of
    it, before the next is read: a large document then takes little memory.

    Refused are other encodings than UTF-8, repeated keys (of which the last would win silently),
    NaN and infinities, half surrogate pairs, and nesting or numbers beyond what a float can hold.

    Raises:
        GoldenseedError: naming ``path`` and the line, from 1, where it is known.

    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _refuse(path, line, f"byte 0x{data[error.start]:02x} is not UTF-8")
    del data  # as large as the text
    try:
        found = json.loads(
            text,
            object_pairs_hook=partial(_unrepeated, shorten=shorten) if shorten else _unrepeated,
            parse_constant=_no_constant,
            **_HOOKS if _LONG.search(text) else {},
        )
        if _SURROGATE.search(text):
            json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        _refuse(path, error.lineno, f"is not JSON: {error.msg} (column {error.colno})")
    except RecursionError:
        _refuse(path, None, "is nested too deeply")
    except UnicodeEncodeError:
        _refuse(path, None, "holds half of a surrogate pair, which is not Unicode")
    except ValueError as error:
        _refuse(path, _line_of_offence(text), str(error))
    return found


def _number(digits: str) -> int | float:
    """Read a number that a float can hold, so that nobody who computes with it overflows."""
    number: int | float = int(digits) if digits.lstrip("-").isdigit() else float(digits)
    if abs(number) > sys.float_info.max:
        raise ValueError(f"a number that begins with {digits[:12]} is too large")
    return number


_HOOKS: dict[str, Any] = {"parse_int": _number, "parse_float": _number}
_LONG = re.compile(r"[0-9]{300}|[eE]\+?[0-9]{3}")
"""What a number too large for a float has in it."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _refuse(path: Path, line: int | None, what: str) -> NoReturn:
    raise GoldenseedError(
        what, path=path, line=line, fix="mend it there, or restore the file from version control"
    )


def _unrepeated(
    pairs: list[tuple[str, Any]], shorten: Callable[[dict[str, Any]], object] | None = None
) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (repeated, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {repeated!r} appears twice in one object")
    if shorten is not None:
        shorten(found)
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _line_of_offence(text: str) -> int | None:
    """Find the line, from 1, of the first repeated key or non-number; the rest may be no JSON."""
    for position, token, names in _keys_and_constants(text):
        if token in names:
            return text.count("\n", 0, position) + 1
        names.add(token)
    return None


def _keys_and_constants(text: str) -> Iterator[tuple[int, str, set[str]]]:
    """Yield each one's position, its text, and the texts that would offend there."""
    open_objects: list[set[str]] = [set()]
    for match in _TOKEN.finditer(text):
        found = match.group()
        colon = match.group("colon")
        if found == "{":
            open_objects.append(set())
        elif found == "}":
            del open_objects[max(1, len(open_objects) - 1) :]
        elif colon is not None:
            yield match.start(), _key(found[: -len(colon)]), open_objects[-1]
        elif not found.startswith('"'):
            yield match.start(), found, {found}


def _key(quoted: str) -> str:
    try:
        return str(json.loads(quoted))
    except ValueError:  # an escape or a control character that JSON does not have
        return quoted


def line_of(path: Path, where: tuple[str | int, ...]) -> int | None:
    """Return the line (from 1) of the key or item that ``where`` leads to, or None.

    ``where`` is a location as pydantic gives it: keys and indexes from the outside in. Parts that
    the document lacks (a missing key, pydantic's own ``[key]``) end the walk at what contains them.
    JSON is a subset of YAML as far as positions go, and PyYAML keeps them; a file it cannot parse,
    or that would take it seconds, has no line.
    """
    import yaml  # only a damaged file needs it

    try:
        text = read_regular(path, _LONGEST_WITH_LINES).decode("utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (GoldenseedError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return None
    if node is None:
        return None
    line = node.start_mark.line + 1
    for part in where:
        step = _step(node, part)
        if step is None:
            break
        line, node = step
    return int(line)


def _step(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item.start_mark.line + 1, item
    return None
