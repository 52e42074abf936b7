"""The files of a suite's model that decide what is loaded, and their digests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.environment.file_digests import FileDigests
from harness.environment.reading import EnvironmentValue
from harness.files import read_json
from harness.generation.sources import model_folder
from harness.generation.weights import MODEL_INDEX, CheckedModel, check_model

if TYPE_CHECKING:
    from harness.suites.expansion import Suite

_WEIGHTS = frozenset(
    {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack", ".onnx", ".pb"}
)
"""Of files with these endings only those count that will be loaded; the others are variants."""
_FOR_PEOPLE = frozenset({".md", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".pdf"})


def read_model_files(suite: Suite, digests: FileDigests) -> dict[str, EnvironmentValue]:
    """Digest the model's files and the adapters of all cases; nothing is loaded.

    Raises:
        GoldenseedError: the model is not there or is refused: see ``check_model``.

    """
    model = suite.model
    checked = check_model(
        model_folder(model, suite.path), variant=model.variant, allow_pickle=model.allow_pickle
    )
    adapters = {
        f"adapter_file.{adapter.source}": adapter.path
        for template in suite.templates
        for adapter in template.adapters
    }
    return {
        "model.source": model.source,
        "model.revision": model.revision,
        **digests.of(
            (f"model_file.{file.relative_to(checked.folder).as_posix()}", file)
            for file in files_of(checked)
        ),
        **digests.of(sorted(adapters.items())),
    }


def files_of(checked: CheckedModel) -> tuple[Path, ...]:
    """List the model's index and every file of its components that loading may look at, sorted."""
    return tuple(sorted({checked.folder / MODEL_INDEX, *_component_files(checked)}))


def _component_files(checked: CheckedModel) -> Iterator[Path]:
    index = read_json(checked.folder / MODEL_INDEX)
    folders = {
        checked.folder / name
        for name, value in index.items()
        if isinstance(value, list) and all(value) and not name.startswith("_")
    }
    for folder in folders:
        for file in folder.rglob("*") if folder.is_dir() else ():
            hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
            if hidden or not file.is_file() or file.suffix.lower() in _FOR_PEOPLE:
                continue
            if file.suffix.lower() not in _WEIGHTS or file in checked.weights:
                yield file
