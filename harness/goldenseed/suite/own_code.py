"""The user's own code, imported: a factory, a pipeline's class, a step of post-processing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.factory import FactorySpec, module_sha256


def own_code(spec: FactorySpec, suite: Path, key: str, kind: str = "function") -> Any:
    """Import what ``spec`` names; look for its module beside the suite with ``found_first``.

    ``key`` is where the suite names it, ``model.factory``, and ``kind`` what it has to be.

    Raises:
        GoldenseedError: its module cannot be imported, is another file than the recipe's, or has
            nothing of that name that can be called.

    """
    try:
        module = importlib.import_module(spec.module)
    except Exception as error:
        raise GoldenseedError(
            f"the module {spec.module} of `{key}` cannot be imported: "
            f"{type(error).__name__}: {error}",
            path=suite,
            fix="mend it, or name another",
        ) from error
    home = getattr(module, "__file__", None)
    if home is not None and spec.sha256 != module_sha256(Path(home)):
        raise GoldenseedError(
            f"the module {spec.module} is not the file that the recipe names",
            path=home,
            fix="run the suite again; a module of that name may lie in two places",
        )
    function = getattr(module, spec.function, None)
    if not callable(function):
        raise GoldenseedError(
            f"{spec.module} has no {kind} {spec.function}", path=suite, fix="name another"
        )
    return function


class _Place(str):
    """An entry of ``sys.path`` that is told from an equal one of somebody else."""

    __slots__ = ()


@contextmanager
def found_first(folder: Path) -> Iterator[None]:
    """Let modules be found in ``folder`` before any other place."""
    place = _Place(folder)
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path[:] = [each for each in sys.path if each is not place]
