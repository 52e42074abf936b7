"""Which line of a JSON file a value stands on, for error messages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import yaml


def line_of(path: Path, where: tuple[str | int, ...]) -> int | None:
    """Return the line (from 1) of the key or item that ``where`` leads to, or None.

    ``where`` is a location as pydantic gives it: keys and indexes from the outside in. Parts that
    the document lacks (a missing key, pydantic's own ``[key]``) end the walk at what contains them.
    JSON is a subset of YAML as far as positions go, and PyYAML keeps them; a file it cannot parse
    has no line.
    """
    import yaml  # only a damaged file needs it

    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
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
