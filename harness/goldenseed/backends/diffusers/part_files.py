"""Checks of the files of one part of a model before it is loaded; free of torch and diffusers."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import open_regular
from goldenseed.core.reading import check_regular
from goldenseed.suite.parts import Role, role_of

_SAFE = ".safetensors"
_JSON_LIMIT_BYTES = 64 * 2**20
_WEIGHT_STEMS = ("diffusion_pytorch_model", "model")
_PICKLE_STEMS = ("diffusion_pytorch_model", "pytorch_model", "model")
_PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"
_PLAIN_FILES = ("Tokenizer", "TokenizerFast", "Processor", "ProcessorFast", "ProcessorPil")
_PLAIN_INFIXES = ("FeatureExtractor", "ImageProcessor", "Tokenizer")

_CLASS_FIELDS = (
    ("config.json", ("_class_name", "architectures")),
    ("scheduler_config.json", ("_class_name",)),
    ("guider_config.json", ("_class_name",)),
    ("tokenizer_config.json", ("tokenizer_class",)),
    ("preprocessor_config.json", ("image_processor_type", "feature_extractor_type")),
)
"""Where the folder of a part says its class, the surest first."""


def check_safetensors(file: Path) -> None:
    """Check that a safetensors file's header is well formed and fits the file's size exactly.

    Raises:
        GoldenseedError: it is missing, truncated, too long or no safetensors file.

    """
    from safetensors import SafetensorError, safe_open

    check_large_file(file)
    try:
        with safe_open(file, framework="np"):
            return
    except (SafetensorError, OSError) as error:
        raise GoldenseedError(
            f"is truncated or corrupt: {error}", path=file, fix="download or copy it again"
        ) from error


def check_large_file(file: Path) -> None:
    """Refuse a file of weights that is not there, or only points to what Git LFS keeps."""
    if not file.is_file():
        raise GoldenseedError("does not exist", path=file, fix="copy the model's folder again")
    with file.open("rb") as stream:
        if stream.read(len(_LFS_POINTER)) == _LFS_POINTER:
            raise GoldenseedError(
                "is a Git LFS pointer, not the weights themselves", path=file, fix="git lfs pull"
            )


def check_weights(
    folder: Path, weights: Collection[Path], allow_pickle: Collection[str], prefix: str = ""
) -> tuple[str, ...]:
    """Check weight files, by their headers; return the names of those in a pickle format, sorted.

    They are named relative to ``folder``, after ``prefix``, as ``allow_pickle`` allows them.
    """
    pickles = {
        f"{prefix}{file.relative_to(folder).as_posix()}": file
        for file in weights
        if file.suffix != _SAFE
    }
    for name, file in sorted(pickles.items()):
        if name not in allow_pickle:
            raise GoldenseedError(
                "is a pickle, which can run any code when it is loaded",
                path=file,
                fix=f'convert it to safetensors, or allow it by name: allow_pickle: ["{name}"]',
            )
    for file in weights:
        (check_safetensors if file.suffix == _SAFE else check_regular)(file)
    return tuple(sorted(pickles))


def check_part(component: Path, name: str, class_name: str, variant: str | None) -> list[Path]:
    """Check the folder of the part ``name``, no pipeline; list its weight files, or raise."""
    is_guider = role_of(name) is Role.GUIDER
    if is_guider or class_name.endswith("Scheduler"):
        kind = "guider" if is_guider else "scheduler"
        read_object(component / f"{kind}_config.json", missing=f"a {kind} has this file")
        return []
    if class_name.endswith(_PLAIN_FILES) or any(part in class_name for part in _PLAIN_INFIXES):
        return _check_plain(component)
    read_object(component / "config.json", missing=f"a {class_name} has this file")
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
            read_object(file, missing="")
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
    names = read_object(index, missing="").get("weight_map")
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


def read_object(file: Path, *, missing: str) -> dict[str, Any]:
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


def class_in(folder: Path) -> str | None:
    """Return the class that the folder of a part says it is; None where it does not tell."""
    for file, fields in _CLASS_FIELDS:
        if (folder / file).is_file():
            config = read_object(folder / file, missing="")
            for field in fields:
                named = config.get(field)
                named = named[0] if isinstance(named, list) and named else named
                if isinstance(named, str):
                    return named
    return None
