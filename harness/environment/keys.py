"""The keys of a fingerprint: all declarations, and which one a key falls under."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from harness.environment.declaration import Key, Kind, Scope
from harness.environment.model_keys import MODEL_KEYS
from harness.environment.process_keys import PROCESS_KEYS

__all__ = ["KEYS", "UNREADABLE", "Key", "Kind", "Scope", "declaration_of", "fitting", "kind_of"]

KEYS: Final = (*PROCESS_KEYS, *MODEL_KEYS)
"""Every key that this release writes into a fingerprint."""

UNREADABLE: Final = "unreadable: "
"""How a value begins that could not be read; the reason follows."""


def kind_of(key: str) -> Kind:
    """Say what a difference in ``key`` means; a key that nobody declared is only recorded."""
    declared = declaration_of(key)
    return declared.kind if declared else Kind.RECORDED


def declaration_of(key: str) -> Key | None:
    """Return the declaration that ``key`` falls under; None for a key of another release."""
    return next(fitting(key), None)


def fitting(key: str) -> Iterator[Key]:
    """Yield every declaration that fits ``key``; what a reader writes fits exactly one."""
    for prefix, pattern, declared in _COMPILED:
        if key.startswith(prefix) and pattern.fullmatch(key):
            yield declared


def _compiled(declared: Key) -> tuple[str, re.Pattern[str], Key]:
    """Return the text before the first placeholder, the whole pattern, and the declaration."""
    pieces = re.split(r"(\{[a-z]+\})", declared.pattern)
    wild = {piece: ".+" if piece == "{path}" else "[^.]+" for piece in pieces[1::2]}
    pattern = "".join(wild.get(piece, re.escape(piece)) for piece in pieces)
    return pieces[0], re.compile(pattern), declared


_COMPILED: Final = tuple(_compiled(declared) for declared in KEYS)
