"""Files of seeds that ``goldenseed seeds export`` writes and ``goldenseed seeds add`` reads."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256, read_json
from goldenseed.core.reading import open_regular
from goldenseed.core.strict_json import parse

if TYPE_CHECKING:
    from goldenseed.seeds.entry import Seed

_FIRST: Final = b'{"goldenseed_seeds": 1, "seeds": ['
_LAST: Final = b"]}"
_LONGEST: Final = 2**24
"""Bytes of one seed, in a line of its own."""
_KIND: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PLAIN_NUMBERS: Final = 112
_UNIT: Final = 1e-3
"""How far a vector's length may be from 1."""


def export_lines(seeds: Iterable[tuple[Seed, Mapping[str, bytes]]]) -> Iterator[bytes]:
    """Yield a file of seeds and what they look like: a JSON document with a seed a line."""
    yield _FIRST
    for number, (seed, looks) in enumerate(seeds):
        vectors = {kind: base64.b64encode(data).decode() for kind, data in looks.items()}
        document = {**seed.model_dump(mode="json"), "looks": vectors}
        yield b"\n" if not number else b",\n"
        yield json.dumps(document, sort_keys=True, ensure_ascii=False).encode()
    yield b"\n" + _LAST + b"\n"


def exported(path: Path) -> Iterator[tuple[Seed, dict[str, Any]]]:
    """Yield the seeds of a file that was exported, each with its vectors; one is held at a time.

    Raises:
        GoldenseedError: it is no such file, is cut off, or a seed in it is not sound: its recipe
            has another digest, a thumbnail is no small WebP picture, a vector none of length 1.

    """
    for position, each in enumerate(_documents(path), 1):
        place = f"{path}: seed {position}"
        if not isinstance(each, dict) or not isinstance(each.get("looks", {}), dict):
            raise GoldenseedError(f"{place} is no seed")
        yield _checked(each, place)


def _documents(path: Path) -> Iterator[Any]:
    with open_regular(path) as file:
        if file.readline(len(_FIRST) + 2).rstrip() == _FIRST:
            yield from _lines(file, path)
            return
    document = read_json(path)
    listed = document.get("seeds") if isinstance(document, dict) else None
    if not isinstance(listed, list) or document.get("goldenseed_seeds") != 1:
        raise GoldenseedError("is no export of seeds that this release reads", path=path)
    yield from listed


def _lines(file: io.BufferedReader, path: Path) -> Iterator[Any]:
    while (line := file.readline(_LONGEST)).rstrip() != _LAST:
        if not line.endswith(b"\n"):
            what = "is cut off" if len(line) < _LONGEST else f"has a seed of over {_LONGEST} bytes"
            raise GoldenseedError(what, path=path, fix="export the seeds again")
        yield parse(line.rstrip().removesuffix(b","), path)


def _checked(document: dict[str, Any], place: str) -> tuple[Seed, dict[str, Any]]:
    import numpy as np
    from PIL import Image

    from goldenseed.images.looks import PLAIN
    from goldenseed.seeds.entry import read_seed
    from goldenseed.seeds.making import THUMBNAIL

    looks = document.pop("looks", {})
    try:
        vectors = {
            kind: np.frombuffer(base64.b64decode(data, validate=True), "<f4")
            for kind, data in looks.items()
        }
    except (TypeError, ValueError) as error:
        raise GoldenseedError(f"{place}: looks: {error}") from error
    for kind, vector in vectors.items():
        whole = vector.size == _PLAIN_NUMBERS if kind == PLAIN else vector.size
        length = float(np.linalg.norm(vector.astype(np.float64)))
        if not (_KIND.fullmatch(kind) and whole and abs(length - 1) < _UNIT):
            raise GoldenseedError(f"{place}: looks: {kind!r} is no vector of length 1 of its kind")
    seed = read_seed(document, place)
    if json_sha256(seed.recipe) != seed.recipe_sha256:
        raise GoldenseedError(f"{place}: recipe: its digest is another than recipe_sha256")
    try:
        with Image.open(io.BytesIO(seed.picture), formats=["WEBP"]) as picture:
            small = max(picture.size) <= THUMBNAIL
    except OSError:
        small = False
    if not small:
        raise GoldenseedError(f"{place}: thumbnail: no WebP picture of at most {THUMBNAIL} pixels")
    return seed, vectors
