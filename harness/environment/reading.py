"""Reading values that may refuse to be read."""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Callable
from typing import Any

from harness.environment.keys import UNREADABLE

EnvironmentValue = str | int | float | bool | None


def guarded(getter: Callable[[], Any]) -> EnvironmentValue:
    """Return what the getter says, or why it does not: a value must never stop a run.

    What is no plain JSON value, nor a subclass of one, is recorded as its text.
    """
    try:
        value = getter()
    except Exception as error:  # noqa: BLE001 - torch's and NVML's getters raise what they like
        return unreadable(f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}")
    return plain(value)


def unreadable(reason: str) -> str:
    """Say that a value could not be read, and why."""
    return f"{UNREADABLE}{reason}"


def plain(value: Any) -> EnvironmentValue:
    """Turn a value into one that JSON gives back unchanged.

    ``torch.__version__`` is no ``str``, and JSON has no infinity, which schedulers' configurations
    do have (``lambda_min_clipped``): both become their text.
    """
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
