"""Checks of a model folder before anything of it is loaded; free of torch and diffusers."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import open_regular
from goldenseed.core.reading import check_regular
from goldenseed.suite.parts import Role, role_of

MODEL_INDEX = "model_index.json"
_LIBRARIES = frozenset({"diffusers", "transformers"})
"""Beside the modules of diffusers' own pipelines."""
_LONGEST_NAME = 100
_PIPELINE = "Pipeline"
"""What the name of every pipeline's class holds; diffusers loads one that is a component whole."""
_DEEPEST = 3
"""How many pipelines may stand in one another; none is known that has a second."""
_JSON_LIMIT_BYTES = 64 * 2**20
_WEIGHT_STEMS = ("diffusion_pytorch_model", "model")
_PICKLE_STEMS = ("diffusion_pytorch_model", "pytorch_model", "model")
_PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"
_PLAIN_FILES = ("Tokenizer", "TokenizerFast", "Processor", "ProcessorFast", "ProcessorPil")
_PLAIN_INFIXES = ("FeatureExtractor", "ImageProcessor", "Tokenizer")


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


def check_model(
    folder: Path, *, variant: str | None = None, allow_pickle: Collection[str] = ()
) -> CheckedModel:
    """Check that a diffusers model folder is whole and holds nothing that runs code.

    ``allow_pickle`` lists pickle-format weights by their path relative to ``folder``, with forward
    slashes. Only headers are read, so a checkpoint of many gigabytes takes milliseconds.

    Raises:
        GoldenseedError: a file is missing, truncated or malformed, or would run code; the message
            names the file.

    """
    pipeline, components, weights = _check_pipeline(folder, variant, _DEEPEST)
    pickles = [file for file in weights if file.suffix != ".safetensors"]
    names = tuple(sorted(file.relative_to(folder).as_posix() for file in pickles))
    for name in names:
        if name not in allow_pickle:
            raise GoldenseedError(
                "is a pickle, which can run any code when it is loaded",
                path=folder / name,
                fix=f'convert it to safetensors, or allow it by name: allow_pickle: ["{name}"]',
            )
    for file in weights:
        (check_safetensors if file.suffix == ".safetensors" else check_regular)(file)
    return CheckedModel(folder, pipeline, tuple(sorted(weights)), names, components)


def _check_pipeline(
    folder: Path, variant: str | None, deepest: int
) -> tuple[str, tuple[str, ...], list[Path]]:
    """Check a pipeline's folder; return its class, its components' folders and all weight files."""
    index = _read_json(folder / MODEL_INDEX, missing="a diffusers model folder has this file")
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
        for file in _check_component(folder / name, library, class_name, variant, deepest)
    ]
    return pipeline, tuple(name for name, _, _ in components), weights


def check_safetensors(file: Path) -> None:
    """Check that a safetensors file's header is well formed and fits the file's size exactly.

    Raises:
        GoldenseedError: it is missing, truncated, too long or no safetensors file.

    """
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        raise GoldenseedError("does not exist", path=file, fix="copy the model's folder again")
    with file.open("rb") as stream:
        if stream.read(len(_LFS_POINTER)) == _LFS_POINTER:
            raise GoldenseedError(
                "is a Git LFS pointer, not the weights themselves", path=file, fix="git lfs pull"
            )
    try:
        with safe_open(file, framework="np"):
            return
    except (SafetensorError, OSError) as error:
        raise GoldenseedError(
            f"is truncated or corrupt: {error}", path=file, fix="download or copy it again"
        ) from error


def _components(folder: Path, index: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield name, library and class of every component that ``model_index.json`` fills.

    A component is a pair of texts; ``[null, null]`` is an empty one, any other list an option.
    """
    for name, value in index.items():
        match value:
            case [str(library), str(class_name)] if not name.startswith("_"):
                plain = all(
                    each.isidentifier() and len(each) <= _LONGEST_NAME for each in (name, library)
                )
                if not plain:
                    raise GoldenseedError(
                        f"component {name[:_LONGEST_NAME]!r} has a name, or a library, that is no "
                        "plain word",
                        path=folder / MODEL_INDEX,
                        fix="save the model again with save_pretrained",
                    )
                yield name, library, class_name


def _check_library(component: Path, library: str) -> None:
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
        f"component {component.name!r} comes from {library[:_LONGEST_NAME]!r}, whose code is never "
        "run",
        path=component.parent / MODEL_INDEX,
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
    _check_library(component, library)
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
        return [*nested, *_check_part(component, class_name, variant)]
    return _check_part(component, class_name, variant)


def _check_part(component: Path, class_name: str, variant: str | None) -> list[Path]:
    """Check the folder of what is no pipeline, and list its weight files."""
    is_guider = role_of(component.name) is Role.GUIDER
    if is_guider or class_name.endswith("Scheduler"):
        kind = "guider" if is_guider else "scheduler"
        _read_json(component / f"{kind}_config.json", missing=f"a {kind} has this file")
        return []
    if class_name.endswith(_PLAIN_FILES) or any(part in class_name for part in _PLAIN_INFIXES):
        return _check_plain(component)
    _read_json(component / "config.json", missing=f"a {class_name} has this file")
    return _weight_files(component, class_name, variant)


def _check_plain(component: Path) -> list[Path]:
    """Check the folder of a tokenizer or an image processor: at least one file, JSON readable."""
    files = [file for file in component.iterdir() if file.is_file()]
    if not files:
        raise GoldenseedError(
            "the folder is empty", path=component, fix="copy or download the model again"
        )
    for file in files:
        check_regular(file, 2**30)
        if file.suffix == ".json":
            _read_json(file, missing="")
    return []


def _weight_files(component: Path, class_name: str, variant: str | None) -> list[Path]:
    """List the files diffusers or transformers would load: the variant's first, pickles last."""
    for infix in dict.fromkeys([f".{variant}" if variant else "", ""]):
        for stem in _WEIGHT_STEMS:
            whole = component / f"{stem}{infix}.safetensors"
            if whole.exists():
                return [whole]
            for index in (
                component / f"{stem}.safetensors.index{infix}.json",
                component / f"{stem}{infix}.safetensors.index.json",
            ):
                if index.exists():
                    return _shards(index)
    pickles = [
        file
        for file in sorted(component.iterdir())
        if file.suffix in _PICKLE_SUFFIXES and file.name.startswith(_PICKLE_STEMS)
    ]
    if pickles:
        return pickles
    raise GoldenseedError(
        f"the weights of {class_name} are missing: expected "
        f"{' or '.join(f'{stem}.safetensors' for stem in _WEIGHT_STEMS)}",
        path=component,
        fix="copy or download the model again, or save it with safe_serialization=True",
    )


def _shards(index: Path) -> list[Path]:
    names = _read_json(index, missing="").get("weight_map")
    if not isinstance(names, dict) or not names:
        raise GoldenseedError(
            "has no weight_map", path=index, fix="copy or download the model again"
        )
    shards = sorted({str(name) for name in names.values()})
    for name in shards:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise GoldenseedError(
                f"names {name!r}, which is no safetensors file beside it",
                path=index,
                fix="save the model again with safe_serialization=True",
            )
        if not (index.parent / name).is_file():
            raise GoldenseedError(
                f"the shard {name} is missing",
                path=index.parent / name,
                fix="copy or download the model again",
            )
    return [index.parent / name for name in shards]


def _read_json(file: Path, *, missing: str) -> dict[str, Any]:
    """Read a JSON object of a model folder; ``missing`` says why the file has to be there."""
    try:
        with open_regular(file) as stream:  # what is cut off there is no JSON any more
            found = json.loads(stream.read(_JSON_LIMIT_BYTES))
    except FileNotFoundError as error:
        raise GoldenseedError(
            f"does not exist; {missing}", path=file, fix="copy or download the model again"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise GoldenseedError(
            f"cannot be read: {error}", path=file, fix="copy or download the model again"
        ) from error
    if not isinstance(found, dict):
        raise GoldenseedError(
            "is not a JSON object", path=file, fix="copy or download the model again"
        )
    return found
