"""All keys of a fingerprint, those of a model among them; and values that refuse to be read."""

from __future__ import annotations

import importlib.metadata
import math
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

from goldenseed.environment.declaration import Key, Kind, Moves, Scope
from goldenseed.environment.model_keys import AUTOCAST, MODEL_KEYS, PASSED_ON
from goldenseed.environment.process_keys import ENGINE_KEY, PROCESS_KEYS, VERSION_KEY

__all__ = [
    "AUTOCAST",
    "ENGINE_KEY",
    "KEYS",
    "PASSED_ON",
    "UNREADABLE",
    "VERSION",
    "VERSION_KEY",
    "Key",
    "Kind",
    "Moves",
    "Scope",
    "declaration_of",
    "fitting",
    "kind_of",
]

KEYS: Final = (*PROCESS_KEYS, *MODEL_KEYS)
"""Every key that this release writes into a fingerprint."""

VERSION: Final = 4
"""Of fingerprints: it is raised with new keys, whose ``since`` names it."""

UNREADABLE: Final = "unreadable: "
"""How a value begins that could not be read; the reason follows."""


def kind_of(key: str) -> Kind:
    """Say what a difference in ``key`` means; a key that nobody declared is only recorded."""
    declared = declaration_of(key)
    return declared.kind if declared else Kind.RECORDED


@lru_cache(maxsize=4096)
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


EnvironmentValue = str | int | float | bool | None


def guarded(getter: Callable[[], Any]) -> EnvironmentValue:
    """Return what the getter says, made plain, or why not: a value must never stop a run."""
    try:
        value = getter()
    except Exception as error:  # noqa: BLE001 - torch's and NVML's getters raise what they like
        return unreadable(f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}")
    return plain(value)


def unreadable(reason: str) -> str:
    """Say that a value could not be read, and why."""
    return f"{UNREADABLE}{reason}"


def plain(value: Any) -> EnvironmentValue:
    """Return a value that JSON gives back; infinity and foreign types become their text."""
    # JSON has no infinity, which schedulers' configurations do have (``lambda_min_clipped``).
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or type(value) in {str, int, float, bool}:
        found: EnvironmentValue = value
        return found
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def package_version(package: str) -> str | None:
    """Return the version of an installed package as its metadata has it; None where it is not."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
