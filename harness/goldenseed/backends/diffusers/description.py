"""The environment of an image: the process, the model's files, the pipeline as it was loaded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.as_loaded import (
    LoadingReport,
    describe_components,
    describe_reports,
)
from goldenseed.backends.diffusers.checked import check_all
from goldenseed.backends.diffusers.conditioning import conditioning_files
from goldenseed.backends.diffusers.pipeline_state import describe_state, describe_tokenizers
from goldenseed.backends.diffusers.weights import MODEL_INDEX, CheckedModel
from goldenseed.environment.file_digests import FileDigests
from goldenseed.environment.fingerprint import read_fingerprint
from goldenseed.environment.keys import EnvironmentValue

if TYPE_CHECKING:
    from goldenseed.backends.diffusers.components import CheckedPart
    from goldenseed.suite.cases import Case
    from goldenseed.suite.model import ModelSpec


Environment = Mapping[str, EnvironmentValue]

_WEIGHTS = frozenset(
    {
        *(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".pkl"),
        *(".gguf", ".h5", ".msgpack", ".onnx", ".pb"),
    }
)
"""Of files with these endings only those count that will be loaded; the others are variants."""
_FOR_PEOPLE = frozenset({".md", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".pdf"})


def read_model_files(case: Case, digests: FileDigests) -> dict[str, EnvironmentValue]:
    """Digest the model's files and the adapters of all cases; nothing is loaded.

    Raises:
        GoldenseedError: the model is not there or is refused: see ``check_model``.

    """
    model = case.model
    adapters = {
        f"adapter_file.{adapter.source}": adapter.path
        for each in case.suite.models
        for adapter in each.adapters
    }
    return {
        "model.source": model.source,
        "model.revision": model.revision,
        **_code_or_files(model, case.suite.path, digests),
        **digests.of(sorted({**adapters, **conditioning_files(model, case.suite.path)}.items())),
    }


def _code_or_files(model: ModelSpec, path: Path, digests: FileDigests) -> Environment:
    if model.factory is not None:
        return {"model.factory_sha256": model.factory.sha256}
    checked, parts = check_all(model, path)
    others = (
        (f"{part.spec.part}/{name}", file) for part in parts for name, file in _files_of(part)
    )
    code = {"model.pipeline_sha256": model.pipeline_sha256} if model.pipeline_sha256 else {}
    return {
        **code,
        **digests.of(
            (f"model_file.{name}", file) for name, file in (*files_of(checked).items(), *others)
        ),
    }


def files_of(checked: CheckedModel) -> Mapping[str, Path]:
    """Name the model's index and every file of its components that loading may look at, sorted.

    The index of a modular pipeline is left out: it holds where it was saved. What it decides is
    read of the loaded pipeline: classes of parts and blocks, and options.
    """
    index = {} if checked.blocks is not None else {MODEL_INDEX: checked.folder / MODEL_INDEX}
    parts = {
        f"{name}/{file.relative_to(checked.folder_of(name)).as_posix()}": file
        for name in checked.components
        for file in files_in(checked.folder_of(name), checked.weights)
    }
    return dict(sorted({**index, **parts}.items()))


def _files_of(part: CheckedPart) -> Iterator[tuple[str, Path]]:
    """Name the files of a component; of a GGUF file those two that count of their folders."""
    if part.config is not None:
        for file in (part.config / "config.json", *part.weights):
            yield file.name, file
        return
    for file in sorted(files_in(part.folder, part.weights)):
        yield file.relative_to(part.folder).as_posix(), file


def files_in(folder: Path, weights: Collection[Path]) -> Iterator[Path]:
    """Yield the files of a part's folder that loading may look at: of weights those ``weights``."""
    for file in folder.rglob("*") if folder.is_dir() else ():
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if hidden or not file.is_file() or file.suffix.lower() in _FOR_PEOPLE:
            continue
        if file.suffix.lower() not in _WEIGHTS or file in weights:
            yield file


def describe_surroundings(case: Case, device: str, digests: FileDigests) -> Environment:
    """Describe all that can be known without loading the model: process, GPU, files.

    Read it inside the suite's settings.

    Raises:
        GoldenseedError: the model's files are not there or are refused.

    """
    return {**read_fingerprint(device), **read_model_files(case, digests)}


def describe_as_loaded(pipeline: Any, reports: Iterable[LoadingReport]) -> Environment:
    """Describe what loading made of the model; read it once, before the first image."""
    components = dict(describe_components(pipeline))
    names = dict.fromkeys(key.split(".")[1] for key in components)
    return {
        **components,
        **describe_reports(names, reports),
        **dict(describe_tokenizers(pipeline)),
    }


def describe_images(
    surroundings: Environment, as_loaded: Environment, pipeline: Any, scheduler: Any
) -> Environment:
    """Describe where images are made, with the scheduler they are given, sorted by key.

    Read it inside the settings that are in force for the images.
    """
    state = dict(describe_state(pipeline, scheduler))
    return dict(sorted({**surroundings, **as_loaded, **state}.items()))
