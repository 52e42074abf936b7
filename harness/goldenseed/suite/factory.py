"""The user's own code that puts a model together: found and digested, never imported here."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from pydantic import JsonValue

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, sha256_hex

PATTERN = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
_LARGEST_MODULE = 16 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class FactorySpec:
    """A function that returns a pipeline, or anything that makes images when it is called."""

    name: str
    """``mypackage.pipelines:build``"""
    folder: Path
    """The suite's, absolute: the first place where the module is looked for."""
    sha256: str
    """Of the module's file, in hex."""
    arguments: Mapping[str, JsonValue] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The module's dotted name."""
        return self.name.partition(":")[0]

    @property
    def function(self) -> str:
        """The function's name."""
        return self.name.partition(":")[2]


def module_file(module: str, suite: Path) -> Path | None:
    """Find the file of a module beside the suite or where Python looks; no code is run."""
    places: list[str] | None = [str(suite.parent.absolute()), *sys.path]
    spec: ModuleSpec | None = None
    for number, _ in enumerate(module.split("."), 1):
        name = ".".join(module.split(".")[:number])
        spec = PathFinder.find_spec(name, places)
        if spec is None and number == 1:  # a package installed to be edited has a finder of its own
            try:
                spec = importlib.util.find_spec(name)
            except (ImportError, ValueError):
                return None
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return Path(spec.origin) if spec and spec.origin and spec.has_location else None


def factory_spec(name: str, suite: Path, arguments: Mapping[str, JsonValue]) -> FactorySpec:
    """Describe the factory ``name`` of a suite; raises ``GoldenseedError`` without its module."""
    file = module_file(name.partition(":")[0], suite)
    if file is None:
        raise GoldenseedError(f"there is no module of `{name}`", path=suite)
    return FactorySpec(name, suite.parent.absolute(), module_sha256(file), arguments)


def module_sha256(file: Path) -> str:
    """Return the digest of a module's file, in hex; raises as ``read_regular``."""
    return sha256_hex(read_regular(file, _LARGEST_MODULE))


_OF_A_FOLDER = (
    "revision",
    "variant",
    "pipeline",
    "components",
    "device_map",
    "quantization",
    "allow_pickle",
    "backend",
)


def source_or_factory_fault(
    suite: Path, model: Mapping[str, object]
) -> tuple[str | None, str, str] | None:
    """Say what is wrong with where a model comes from: the key at fault, what, and the fix."""
    factory = model.get("factory")
    if factory is None:
        return _source_fault(model)
    for key in ("source", *_OF_A_FOLDER):
        if key in model:
            what = f"`model.{key}` has no effect beside `factory`"
            return key, what, "remove it, and let the factory do what is meant"
    module = factory.partition(":")[0] if isinstance(factory, str) and ":" in factory else None
    if module is None or module_file(module, suite) is not None:
        return None
    what = f"there is no module `{module}` beside the suite or where Python looks"
    return "factory", what, "correct `factory`, or install the package"


def _source_fault(model: Mapping[str, object]) -> tuple[str | None, str, str] | None:
    if "arguments" in model:
        return "arguments", "`model.arguments` has no effect without `factory`", "remove it"
    if "source" not in model:
        return None, "`model` has no `source`", "add `source: …`"
    if model["source"] is None:
        what = "`model.source` is empty, text is needed"
        return "source", what, "write a value, or remove the key"
    return None
