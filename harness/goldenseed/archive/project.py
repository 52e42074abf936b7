"""The files that suites name: what is archived of a project, and a project put up again from it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from goldenseed.archive.layout import MODELS, PROJECT, TEXT_LIMIT
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import inside, read_json
from goldenseed.core.names import SUITE_SUFFIX
from goldenseed.suite.cases import Suite
from goldenseed.suite.factory import FactorySpec, module_file
from goldenseed.suite.inputs import InputFile
from goldenseed.suite.loading import load_suite
from goldenseed.suite.masking import MaskSpec
from goldenseed.suite.model import ModelSpec, NoiseSpec
from goldenseed.suite.postprocess import StepSpec
from goldenseed.suite.provenance import C2paSpec

_ARCHIVED = (Suite, InputFile, MaskSpec, NoiseSpec, C2paSpec, StepSpec)
"""What names files that are archived; what else a suite names is a model's, and described."""
_CONFIGURATION = ("model_index.json", "config.json", "scheduler_config.json")
_CONFIGURATION_LIMIT = 2**20
_MOST_MODEL_FILES = 100_000


@dataclass(frozen=True, slots=True)
class ProjectFiles:
    """What the suites of a run name, by path relative to the project's root."""

    kept: Mapping[str, Path]
    """To archive: suites, inputs, masks, noise, locks, the user's modules, configurations."""
    models: Mapping[str, int]
    """Bytes of the files of models, which are not archived; the fingerprint has their digests."""


def read_project(root: Path, places: Iterable[str]) -> tuple[ProjectFiles, tuple[Suite, ...]]:
    """Read the suites and tests at ``places`` below ``root`` and find the files that they name.

    Raises:
        GoldenseedError: one is not there, is no suite any more, or names a file outside ``root``.

    """
    root = root.absolute()
    kept: dict[str, Path] = {}
    models: dict[str, int] = {}
    suites = []
    for place in dict.fromkeys(places):
        path = inside(root, place)
        if not path.is_file():
            raise GoldenseedError(
                f"the run has cases of {place}, which is not here",
                path=root,
                fix="run this in the folder that was pytest's root, or name it with --root",
            )
        kept[place] = path
        if not place.endswith(SUITE_SUFFIX):
            continue
        suite = load_suite(path)
        suites.append(suite)
        for archived, file in {
            (isinstance(owner, _ARCHIVED), file) for owner, file in _paths(suite)
        }:
            if archived and file.is_file():
                kept[_relative(root, file)] = file
            elif not archived:
                models |= _model_files(root, file, kept)
        kept |= _modules(root, suite)
    return ProjectFiles(kept, {k: v for k, v in models.items() if k not in kept}), tuple(suites)


def _paths(value: Any) -> Iterator[tuple[object, Path]]:
    """Yield every path in a suite with the object that has it, wherever it stands.

    A factory's folder is only where its module is looked for.
    """
    waiting, seen = [value], set()
    while waiting:
        this = waiting.pop()
        if id(this) in seen:
            continue
        seen.add(id(this))
        if is_dataclass(this) and not isinstance(this, type | FactorySpec):
            for each in fields(this):
                found = getattr(this, each.name)
                if isinstance(found, Path):
                    yield this, found
                else:
                    waiting.append(found)
        elif isinstance(this, Mapping):
            waiting += this.values()
        elif isinstance(this, tuple | list):
            waiting += this


def model_places(root: Path, parts: Iterable[object]) -> tuple[str, ...]:
    """Return where the folders and files of models lie below ``root``; none is inside another.

    ``parts`` are whatever names them: specs of models, prompts, questions, steps.
    """
    found = (file for owner, file in _paths(tuple(parts)) if not isinstance(owner, _ARCHIVED))
    places = {_relative(root, file) for file in found if file.is_relative_to(root)}
    return tuple(sorted(p for p in places if not any(p.startswith(f"{q}/") for q in places)))


def _relative(root: Path, path: Path) -> str:
    if not path.is_absolute() or not path.is_relative_to(root):
        raise GoldenseedError(
            f"lies outside {root}, and an archive holds what is inside",
            path=path,
            fix="name the project's folder with --root",
        )
    return path.relative_to(root).as_posix()


def _model_files(root: Path, place: Path, kept: dict[str, Path]) -> dict[str, int]:
    """Describe the files of a model; its small configurations are kept."""
    if not place.is_relative_to(root):
        return {}
    found = {}
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    for file in files:
        if not file.is_file():
            continue
        name, size = _relative(root, file), file.stat().st_size
        if file.name in _CONFIGURATION and size <= _CONFIGURATION_LIMIT:
            kept[name] = file
        else:
            found[name] = size
    return found


def _modules(root: Path, suite: Suite) -> dict[str, Path]:
    """Return the modules of the user's own code, each where it is found beside a suite."""
    found = {}
    names = {name for model in (suite.model, *suite.models) for name in _module_names(model)}
    steps = (step for template in suite.templates for step in template.postprocess)
    for module in sorted(names | {step.function.module for step in steps if step.function}):
        file = module_file(module, suite.path)
        if file is not None and file.is_file():
            place = suite.path.parent.joinpath(*module.split("."))
            inner = place / file.name if file.name == "__init__.py" else place
            found[_relative(root, inner.with_suffix(".py"))] = file
    return found


def _module_names(model: ModelSpec) -> Iterator[str]:
    if model.factory is not None:
        yield model.factory.module
    if model.pipeline_sha256 is not None and model.pipeline is not None:
        yield model.pipeline.rpartition(".")[0]


def put_up(archive: Path, names: Iterable[str], target: Path) -> tuple[str, ...]:
    """Put up the archived project in ``target``, an empty file in each weights' place.

    A suite is read only where what it names is there; nothing reads a weight. Returns the places of
    the suites, and of what no suite is needed to name: tests.

    Raises:
        GoldenseedError: the list of the models' files is damaged, or names a place outside.

    """
    prefix = f"{PROJECT}/"
    places = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    for place in places:
        file = inside(target, place)
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(archive / prefix / place, file)
    for place in read_models(archive):
        file = inside(target, place)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    return tuple(place for place in places if _is_first(place))


def _is_first(place: str) -> bool:
    """Whether a file is one that a run has cases of: a suite, or a test's module."""
    return place.endswith((SUITE_SUFFIX, ".py"))


def read_models(archive: Path) -> dict[str, int]:
    """Read which files the models have, and their sizes in bytes."""
    path = archive / MODELS
    found = read_json(path, TEXT_LIMIT)
    if not isinstance(found, dict) or not all(type(size) is int for size in found.values()):
        raise GoldenseedError("is no list of files with their bytes", path=path)
    if len(found) > _MOST_MODEL_FILES:
        raise GoldenseedError(f"lists more than {_MOST_MODEL_FILES:,} files", path=path)
    return found
