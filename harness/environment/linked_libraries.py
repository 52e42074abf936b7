"""The libraries behind torch and NumPy: linear algebra and threads, as they are in the process."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from harness.environment.reading import EnvironmentValue, guarded, plain, unreadable

_OWNERS = ("numpy", "torch")
"""What is imported wherever images are made. Others, SciPy for one, are imported at their leisure,
and the record must not depend on when it was written."""
_FIELDS = {"version": "version", "architecture": "architecture", "threads": "num_threads"}
"""Key to threadpoolctl's name; not every library has each."""


def read_linked_libraries() -> Iterator[tuple[str, EnvironmentValue]]:
    """Yield what NumPy was built with, and what threadpoolctl finds loaded. Takes milliseconds.

    threadpoolctl sees shared libraries only: MKL is part of torch's own file in the wheels for the
    CPU, and stands in ``torch.build.mkl``.
    """
    for name in ("blas", "lapack"):
        yield f"numpy.{name}", guarded(lambda name=name: _built_with(name))  # type: ignore[misc]
    try:
        found = importlib.import_module("threadpoolctl").threadpool_info()
    except Exception as error:  # noqa: BLE001 - it walks foreign libraries
        yield "library.unread", unreadable(f"{type(error).__name__}: {error}")
        return
    for library in sorted(found, key=lambda each: str(each["filepath"])):
        owner = _owner(PurePath(library["filepath"]))
        if owner is not None:
            yield from _described(f"library.{owner}.{library['internal_api']}", library)


def _built_with(name: str) -> str:
    import numpy as np

    built: Mapping[str, Any] = np.show_config(mode="dicts")["Build Dependencies"]
    return f"{built[name]['name']} {built[name]['version']}"


def _described(prefix: str, library: Mapping[str, Any]) -> Iterator[tuple[str, EnvironmentValue]]:
    for field, told in _FIELDS.items():
        if library.get(told) is not None:
            yield f"{prefix}.{field}", plain(library[told])


def _owner(file: PurePath) -> str | None:
    """Return the package that brings the file, ``shared`` if none does, None if it is another.

    Wheels keep their libraries in ``numpy.libs`` and in ``torch/lib``; conda and the system keep
    one that all packages share.
    """
    if "site-packages" not in file.parts:
        return "shared"
    package = file.parts[file.parts.index("site-packages") + 1].removesuffix(".libs")
    return package if package in _OWNERS else None
