"""Good files made bad; hypothesis draws the edits, so that what it finds is made small."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

PIECES = (
    *(
        b"",
        b"\x00",
        b"\xff",
        b"\xff\xd9",
        b"\n",
        b" ",
        b"\t",
        b"\xc2\x85",
        b"\xef\xbb\xbf",
        b"\x7f",
    ),
    *(b"-1", b"1e999", b".nan", b"NaN", b"9" * 400, b"null", b"true", b"..", b"/", b"\\ud800"),
    *(b"{", b"}", b"[", b"]", b":", b",", b"'", b'"', b"#", b"- ", b"? ", b"&a ", b"*a", b"<<: "),
    *(b"!!python/name:os.system ", b"---\n", b"\x1b[31m", b"\xff\xff\xff\xff", b"\x80\0\0\0"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, -(2**64), 10**40, 0.0, -0.5, 1e308, 5e-324),
    *("", " ", "a", "..", "/etc/passwd", "../../x", "a\0b", "\x1b[31m", "\u202e", "x" * 5000),
    *("2026-01-01T00:00:00", "9999-12-31T23:59:59Z", "0" * 64, "NaN", "1e999", "[seed=1]"),
    *([], {}, [[]], [None], {"": None}, [1, "a", None], {"a": {"a": {}}}, [0] * 300),
)
HOSTILE_TEXTS = tuple(value for value in VALUES if isinstance(value, str))

Edit = tuple[int, int, int]
"""Where, what and with what, each taken modulo what there is."""
Changes = Sequence[Edit]
MOST_EDITS = 4
edits = st.lists(
    st.tuples(st.integers(0, 2**31), st.integers(0, 2**10), st.integers(0, 2**31)),
    min_size=1,
    max_size=MOST_EDITS,
)


def drawn(random: Random) -> list[Edit]:
    """Draw edits in a fiftieth of the time that hypothesis takes: one half the time, else more."""
    number = 1 if random.getrandbits(1) else random.randint(2, MOST_EDITS)
    bits = (31, 10, 31)
    # Small numbers too: what is near a file's beginning, or first in a list, is met more often.
    return [
        (
            random.getrandbits(bits[0] if random.getrandbits(1) else 6),
            random.getrandbits(bits[1]),
            random.getrandbits(bits[2]),
        )
        for _ in range(number)
    ]


def edited_bytes(data: bytes, changes: Sequence[Edit]) -> bytes:
    """Replace, insert, cut, repeat or swap bytes."""
    for where, what, number in changes:
        at = where % (len(data) + 1)
        match what % 6:
            case 0:
                data = data[:at] + PIECES[number % len(PIECES)] + data[at:]
            case 1:
                data = data[:at] + bytes([number % 256]) + data[at + 1 :]
            case 2:
                data = data[:at] + data[at + 1 + number % 40 :]
            case 3:
                data = data[:at]
            case 4:
                other = number % (len(data) + 1)
                data = data[:at] + data[other : other + 1 + number % 40] + data[at:]
            case _:
                flipped = data[at : at + 1]
                data = (
                    data[:at] + bytes(byte ^ 1 << number % 8 for byte in flipped) + data[at + 1 :]
                )
    return data


def edited_json(document: Any, changes: Sequence[Edit]) -> Any:
    """Put other values, other keys and other lengths into plain data."""
    whole = [copy.deepcopy(document)]
    for where, what, number in changes:
        places = list(_places(whole))
        parent, key = places[where % len(places)]
        value = VALUES[number % len(VALUES)]
        match what % 6:
            case 0 | 1:
                parent[key] = copy.deepcopy(value)
            case 2:
                if parent is not whole:
                    del parent[key]
            case 3 if isinstance(parent, dict):
                parent[HOSTILE_TEXTS[number % len(HOSTILE_TEXTS)]] = parent.pop(key)
            case 3 | 4:
                other, place = places[number % len(places)]
                parent[key] = copy.deepcopy(other[place])
            case _:
                if isinstance(parent[key], list):
                    parent[key] = parent[key] * (number % 4)
                elif isinstance(parent[key], dict):
                    parent[key]["surprise"] = copy.deepcopy(value)
                elif isinstance(parent[key], str):
                    parent[key] += HOSTILE_TEXTS[number % len(HOSTILE_TEXTS)]
    return whole[0]


def _places(parent: Any) -> Any:
    for key in list(parent) if isinstance(parent, dict) else range(len(parent)):
        yield parent, key
        if isinstance(parent[key], dict | list):
            yield from _places(parent[key])


def as_json(document: Any, changes: Sequence[Edit]) -> bytes:
    """Edit the data, the text or both: by the first edit."""
    of_text = changes[0][1] % 7
    if of_text < 5:
        document = edited_json(document, changes)
    text = json.dumps(document).encode()
    return text if of_text < 4 else edited_bytes(text, changes)


def put(folder: Path, name: str, data: bytes) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file
