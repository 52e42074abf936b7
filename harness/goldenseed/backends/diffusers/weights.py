"""Checks of a model folder before anything of it is loaded; free of torch and diffusers."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from goldenseed.backends.diffusers.part_files import check_part, check_weights, read_object
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.parts import LONGEST_NAME, check_names

MODEL_INDEX = "model_index.json"
_LIBRARIES = frozenset({"diffusers", "transformers"})
"""Beside the modules of diffusers' own pipelines."""
_PIPELINE = "Pipeline"
"""What the name of every pipeline's class holds; diffusers loads one that is a component whole."""
_DEEPEST = 3
"""How many pipelines may stand in one another; none is known that has a second."""


@dataclass(frozen=True)
class CheckedModel:
    """A model folder that may be loaded."""

    folder: Path
    pipeline: str
    """The pipeline's class name in ``model_index.json``."""
    weights: tuple[Path, ...]
    """Every weight file that will be loaded, sorted."""
    pickles: tuple[str, ...]
    """Those among them in a pickle format, relative to the folder; the suite allowed each."""
    components: tuple[str, ...] = ()
    """The folders, by name, of which anything is loaded."""
    classes: Mapping[str, str] = field(default_factory=dict)
    """The class of each component of the model, loaded from here or not."""
    folders: Mapping[str, Path] = field(default_factory=dict)
    """Of a modular pipeline: where each component lies that is loaded."""
    blocks: str | None = None
    """Of a modular pipeline: the class of its blocks, empty where its index names none."""

    def folder_of(self, component: str) -> Path:
        """Return where a component lies: in the folder of its name, if nothing tells otherwise."""
        return self.folders.get(component, self.folder / component)


def check_model(
    folder: Path,
    *,
    variant: str | None = None,
    allow_pickle: Collection[str] = (),
    without: Collection[str] = (),
) -> CheckedModel:
    """Check that a diffusers model folder is whole and holds nothing that runs code.

    ``allow_pickle`` lists pickle-format weights by their path relative to ``folder``, with forward
    slashes; ``without`` the components that are not loaded from here. Only headers are read, so a
    checkpoint of many gigabytes takes milliseconds.

    Raises:
        GoldenseedError: a file is missing, truncated or malformed, or would run code; the message
            names the file.

    """
    pipeline, classes, weights = _check_pipeline(folder, variant, _DEEPEST, without)
    components = tuple(name for name in classes if name not in without)
    names = check_weights(folder, weights, allow_pickle)
    return CheckedModel(folder, pipeline, tuple(sorted(weights)), names, components, classes)


def _check_pipeline(
    folder: Path, variant: str | None, deepest: int, without: Collection[str] = ()
) -> tuple[str, Mapping[str, str], list[Path]]:
    """Check a pipeline's folder; return its class, its components' classes and all weight files."""
    index = read_object(folder / MODEL_INDEX, missing="a diffusers model folder has this file")
    pipeline = index.get("_class_name")
    if isinstance(pipeline, list) or (folder / "pipeline.py").exists():
        raise GoldenseedError(
            "the model brings its own pipeline code, which is never run",
            path=folder / ("pipeline.py" if (folder / "pipeline.py").exists() else MODEL_INDEX),
            fix="use a model whose pipeline is part of diffusers",
        )
    if not isinstance(pipeline, str):
        raise GoldenseedError(
            "has no _class_name, so the pipeline is not known",
            path=folder / MODEL_INDEX,
            fix="save the model again with save_pretrained",
        )
    components = tuple(_components(folder, index))
    weights = [
        file
        for name, library, class_name in components
        if name not in without
        for file in _check_component(folder / name, library, class_name, variant, deepest)
    ]
    return pipeline, {name: class_name for name, _, class_name in components}, weights


def _components(folder: Path, index: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield name, library and class of every component that ``model_index.json`` fills.

    A component is a pair of texts; ``[null, null]`` is an empty one, any other list an option.
    """
    for name, value in index.items():
        match value:
            case [str(library), str(class_name)] if not name.startswith("_"):
                check_names(folder / MODEL_INDEX, name, library)
                yield name, library, class_name


def check_library(index: Path, component: str, library: str) -> None:
    """Refuse any other module: to load a part is to import its library, and so to run it.

    diffusers before 0.42 imports whatever a model names, from the folder of the suite too.
    """
    if library in _LIBRARIES:
        return
    found = importlib.util.find_spec("diffusers")
    places = found.submodule_search_locations if found else None
    if any(
        Path(place, "pipelines", f"{library}{suffix}").exists()
        for place in places or ()
        for suffix in ("", ".py")
    ):
        return
    raise GoldenseedError(
        f"component {component!r} comes from {library[:LONGEST_NAME]!r}, whose code is never run",
        path=index,
        fix="use a model whose parts come from diffusers and transformers",
    )


def _check_component(
    component: Path, library: str, class_name: str, variant: str | None, deepest: int
) -> list[Path]:
    """Check one component's folder and list its weight files; it may be a pipeline in turn."""
    if not component.is_dir():
        raise GoldenseedError(
            f"the folder of component {component.name!r} is missing",
            path=component,
            fix=f"copy it beside {MODEL_INDEX}, or download the model again",
        )
    if (component / f"{library}.py").exists():
        raise GoldenseedError(
            f"component {component.name!r} brings its own code, which is never run",
            path=component / f"{library}.py",
            fix="use a model whose parts come from diffusers and transformers",
        )
    check_library(component.parent / MODEL_INDEX, component.name, library)
    if _PIPELINE in class_name or (component / MODEL_INDEX).exists():
        if not deepest:
            raise GoldenseedError(
                "pipelines stand in one another here, too many to check",
                path=component / MODEL_INDEX,
                fix="use a model that holds its components directly",
            )
        _, _, nested = _check_pipeline(component, variant, deepest - 1)
        if _PIPELINE in class_name:
            return nested
        return [*nested, *check_part(component, component.name, class_name, variant)]
    return check_part(component, component.name, class_name, variant)
