"""A pipeline that the user's own code puts together."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import sha256_hex

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from goldenseed.suite.factory import FactorySpec


class Made:
    """Anything that makes images when it is called, with what else is asked of a pipeline."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self.components: dict[str, Any] = {}
        self.__signature__ = inspect.signature(call)
        self.__name__ = getattr(call, "__qualname__", type(call).__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make images as the callable does."""
        return self._call(*args, **kwargs)


def build(path: Path, factory: FactorySpec, *, dtype: torch.dtype, device: str) -> Any:
    """Call the factory of the suite file ``path`` and return what it made, on ``device`` if may be.

    A parameter ``dtype`` or ``device`` that the suite gives no argument for is told them.

    Raises:
        GoldenseedError: there is no such function, or it does not take the arguments.
        GenerationError: it raised, or made nothing that can be called.

    """
    function = _function(factory, path)
    arguments: dict[str, Any] = deepcopy(dict(factory.arguments))
    try:
        parameters = inspect.signature(function).parameters
        for name, value in (("dtype", dtype), ("torch_dtype", dtype), ("device", device)):
            if name in parameters:
                arguments.setdefault(name, value)
        inspect.signature(function).bind(**arguments)
    except (TypeError, ValueError) as error:
        raise GoldenseedError(
            f"the factory {factory.name} does not take `model.arguments`: {error}",
            path=path,
            fix=f"it takes {inspect.signature(function)}",
        ) from error
    try:
        made = function(**arguments)
    except GoldenseedError:
        raise
    except Exception as error:
        raise GenerationError(
            f"the factory {factory.name} raised {type(error).__name__}: {error}",
            path=path,
            fix="mend the factory, or see the original traceback with pytest --tb=long",
        ) from error
    if not callable(made):
        raise GenerationError(
            f"the factory {factory.name} returned {type(made).__name__}, which makes no images",
            path=path,
            fix="return a pipeline, or a function of the case's arguments and a generator",
        )
    if not hasattr(made, "components"):
        return Made(made)
    if hasattr(made, "set_progress_bar_config"):
        made.set_progress_bar_config(disable=True)
    return made.to(device) if hasattr(made, "to") else made


def _function(factory: FactorySpec, suite: Path) -> Any:
    try:
        with _found_first(str(factory.folder)):
            module = importlib.import_module(factory.module)
    except Exception as error:
        raise GoldenseedError(
            f"the module {factory.module} of `model.factory` cannot be imported: "
            f"{type(error).__name__}: {error}",
            path=suite,
            fix="mend it, or name another",
        ) from error
    home = getattr(module, "__file__", None)
    if home is not None and factory.sha256 != _digest(home):
        raise GoldenseedError(
            f"the module {factory.module} is not the file that the recipe names",
            path=home,
            fix="run the suite again; a module of that name may lie in two places",
        )
    function = getattr(module, factory.function, None)
    if not callable(function):
        raise GoldenseedError(
            f"{factory.module} has no function {factory.function}", path=suite, fix="name another"
        )
    return function


def _digest(home: str) -> str:
    from pathlib import Path

    return sha256_hex(Path(home).read_bytes())


@contextmanager
def _found_first(folder: str) -> Iterator[None]:
    """Let modules be found in ``folder`` before any other place."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
