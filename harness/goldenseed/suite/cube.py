"""Tables of colours, ``.cube`` files of 3 dimensions (Adobe, Cube LUT Specification 1.0)."""

from __future__ import annotations

from itertools import islice

from goldenseed.core.errors import GoldenseedError

LARGEST_FILE = 16 * 2**20
"""Bytes: a table of 65 x 65 x 65 has about 8 million."""
_LARGEST = 65
"""Pillow's own limit on a side of a table."""
_COLOURS = 3


def parsed_cube(data: bytes) -> tuple[int, tuple[float, ...]]:
    """Return the side of a table, 2 to 65, and its numbers, red fastest, three for each colour.

    Raises:
        GoldenseedError: it is no such table, or its domain is not 0 to 1; without a place.

    """
    lines = (line.split("#")[0].split() for line in data.decode("utf-8", "replace").splitlines())
    side, numbers = 0, list[float]()
    for words in filter(None, lines):
        if words[0] == "LUT_3D_SIZE":
            side = int(words[1]) if len(words) > 1 and words[1].isdecimal() else 0
        elif words[0] in ("DOMAIN_MIN", "DOMAIN_MAX"):
            wanted = 0.0 if words[0] == "DOMAIN_MIN" else 1.0
            if _numbers(words[1:]) != [wanted] * _COLOURS:
                raise _refusal(f"its {words[0]} is not {wanted:g}")
        elif words[0] == "TITLE":
            continue
        elif (row := _numbers(words)) is not None:
            numbers += row
        else:
            raise _refusal(f"{' '.join(islice(words, 3))[:40]!r} is no row of three numbers")
    if not 2 <= side <= _LARGEST:  # noqa: PLR2004 - Pillow's own limit
        raise _refusal(f"its LUT_3D_SIZE is not from 2 to {_LARGEST}")
    if len(numbers) != _COLOURS * side**3:
        raise _refusal(f"it has {len(numbers) // _COLOURS:,} rows, {side**3:,} are needed")
    return side, tuple(numbers)


def _numbers(words: list[str]) -> list[float] | None:
    try:
        found = [float(word) for word in words]
    except ValueError:
        return None
    finite = all(abs(each) < float("inf") for each in found)
    return found if len(found) == _COLOURS and finite else None


def _refusal(why: str) -> GoldenseedError:
    return GoldenseedError(f"is no table of colours in the .cube format: {why}")
