"""Scalars as the YAML 1.2 core schema reads them (https://yaml.org/spec/1.2.2/#103-core-schema).

PyYAML reads YAML 1.1, where ``1e-3`` is text, ``no`` is false, ``010`` is eight, ``1:30`` is ninety
and ``2026-11-20`` is a date: five surprises in a file about numbers and words.
"""

from __future__ import annotations

import math
import re

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
