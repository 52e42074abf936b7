"""Whatever a recipe comes in: a picture, a graph, a text, standard input."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any, Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular
from goldenseed.core.strict_json import parse
from goldenseed.recipes.fields import Source
from goldenseed.recipes.hidden import LARGEST_TEXT
from goldenseed.recipes.infotext import is_infotext, read_infotext
from goldenseed.recipes.pictures import from_graph, read_picture
from goldenseed.recipes.text_block import read_block

_PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF")


def read_source(path: Path) -> Source:
    """Return what the file states: a picture's parameters, a graph in JSON, or a text.

    Raises:
        GoldenseedError: it cannot be read, or nothing in it is a recipe.

    """
    if _begins(path).startswith(_PICTURES):
        return read_picture(path)
    return read_text_source(read_regular(path, LARGEST_TEXT), str(path))


def _begins(path: Path) -> bytes:
    try:
        from goldenseed.core.reading import open_regular

        with open_regular(path) as stream:
            return stream.read(4)
    except OSError:
        return b""


def read_text_source(data: bytes, name: str) -> Source:
    """Return what a text states: ComfyUI's graph, A1111's parameters, or a block of lines."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GoldenseedError(
            f"is neither a picture nor UTF-8 text (byte {error.start})",
            path=name,
            fix="give a PNG, JPEG or WebP, a graph's JSON, or a text file in UTF-8",
        ) from None
    if text.lstrip().startswith("{"):
        return _graph(data, name)
    return read_infotext(text, name) if is_infotext(text) else read_block(text, name)


def _graph(data: bytes, name: str) -> Source:
    document: Any = parse(data.removeprefix(codecs.BOM_UTF8), path=Path(name))
    if isinstance(document, dict) and isinstance(document.get("nodes"), list):
        raise GoldenseedError(
            "is a workflow as ComfyUI's editor saves it, which has no names of its values",
            path=name,
            fix="export it in the API's form (Workflow > Export (API)), or give a picture it made",
        )
    if not isinstance(document, dict) or not all(
        isinstance(node, dict) and "class_type" in node for node in document.values()
    ):
        raise GoldenseedError(
            "is JSON, but no graph of ComfyUI in the API's form",
            path=name,
            fix="export the workflow in the API's form",
        )
    return from_graph(document, name)
