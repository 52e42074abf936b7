"""A pipeline that the user's own code puts together."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.failures import Situation, failure
from goldenseed.backends.diffusers.modular import hide_progress
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.factory import FactorySpec
from goldenseed.suite.own_code import found_first, own_code

if TYPE_CHECKING:
    import torch

    from goldenseed.suite.cases import Case


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


def build(case: Case, factory: FactorySpec, *, dtype: torch.dtype, device: str) -> Any:
    """Call the factory of a case's model and return what it made, on ``device`` if it can be moved.

    A parameter ``dtype`` or ``device`` that the suite gives no argument for is told them. What the
    factory imports is looked for beside the suite first, as it is itself.

    Raises:
        GoldenseedError: there is no such function, or it does not take the arguments.
        GenerationError: it raised, or made nothing that can be called.
        OutOfMemoryError: the memory did not suffice.

    """
    path = case.suite.path
    with found_first(factory.folder):
        function = own_code(factory, path, "model.factory")
        arguments = _arguments(function, factory, path, {"dtype": dtype, "device": device})
        try:
            return _ready(function(**arguments), factory, path, device)
        except GoldenseedError:
            raise
        except Exception as error:
            known = failure(error, Situation(case, device), path)
            raise known or GenerationError(
                f"the factory {factory.name} raised {type(error).__name__}: {error}",
                path=path,
                fix="mend the factory, or see the original traceback with pytest --tb=long",
            ) from error


def _arguments(
    function: Any, factory: FactorySpec, suite: Path, told: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the factory is called with, once it is known to take that."""
    arguments: dict[str, Any] = deepcopy(dict(factory.arguments))
    try:
        parameters = inspect.signature(function).parameters
        for name, value in {**told, "torch_dtype": told["dtype"]}.items():
            if name in parameters:
                arguments.setdefault(name, value)
        inspect.signature(function).bind(**arguments)
    except (TypeError, ValueError) as error:
        raise GoldenseedError(
            f"the factory {factory.name} does not take `model.arguments`: {error}",
            path=suite,
            fix=f"it takes {inspect.signature(function)}",
        ) from error
    return arguments


def _ready(made: Any, factory: FactorySpec, suite: Path, device: str) -> Any:
    """Make what a factory returned ready to be called."""
    if not callable(made):
        raise GenerationError(
            f"the factory {factory.name} returned {type(made).__name__}, which makes no images",
            path=suite,
            fix="return a pipeline, or a function of the case's arguments and a generator",
        )
    if not hasattr(made, "components"):
        return Made(made)
    hide_progress(made)
    return made.to(device) if hasattr(made, "to") else made


def own_class(name: str, sha256: str | None, suite: Path) -> Any:
    """Import a pipeline's class of the user's own, ``package.module.Class``.

    Raises:
        GoldenseedError: its module cannot be imported, is another file than the recipe's, or has
            no such class.

    """
    module, _, class_name = name.rpartition(".")
    folder = suite.parent.absolute()
    with found_first(folder):
        spec = FactorySpec(f"{module}:{class_name}", folder, sha256 or "")
        found = own_code(spec, suite, "model.pipeline", "class")
    if not hasattr(found, "from_pretrained"):
        what = f"{name} is no pipeline's class: it has no from_pretrained"
        raise GoldenseedError(what, path=suite, fix="derive it from diffusers.DiffusionPipeline")
    return found
