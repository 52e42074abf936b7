"""The folder of a model that writes: checked before anything of it is loaded, and loaded checked.

Nothing is downloaded, no code of the folder's runs, and no weights but safetensors are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenseed.backends.diffusers.description import files_in
from goldenseed.backends.diffusers.part_files import (
    check_part,
    check_safetensors,
    class_in,
    read_object,
)
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.reading import check_regular
from goldenseed.environment.file_digests import FileDigests
from goldenseed.environment.keys import EnvironmentValue
from goldenseed.environment.offline import offline
from goldenseed.images.weights import check_extra
from goldenseed.suite.cases import Suite
from goldenseed.suite.prompts import PromptSpec

_SAVE = "save it there with `save_pretrained`: the model, and its tokenizer or processor"
_LARGEST_OTHER = 2**30
"""Bytes of a file that holds no weights."""


@dataclass(frozen=True)
class CheckedFolder:
    """A folder of a model that writes, as its files say it."""

    folder: Path
    weights: tuple[Path, ...]
    class_name: str
    kind: str
    """transformers' ``model_type``."""


def check_folder(folder: Path) -> CheckedFolder:
    """Check a folder's files by their headers.

    Raises GoldenseedError for one that is not there, holds no model, or whose weights are pickles,
    truncated or another's.
    """
    if not (folder / "config.json").is_file():
        what = "holds no model: there is no config.json"
        raise GoldenseedError(what, path=folder, fix=_SAVE)
    config = read_object(folder / "config.json", missing="")
    kind, class_name = config.get("model_type"), class_in(folder)
    if not isinstance(kind, str) or class_name is None:
        what = "says no model_type and no architecture, so what it is is not known"
        raise GoldenseedError(what, path=folder / "config.json", fix=_SAVE)
    weights = check_part(folder, "language_model", class_name, None)
    for file in weights:
        if file.suffix != ".safetensors":
            raise GoldenseedError(
                "is a pickle, which can run any code when it is loaded",
                path=file,
                fix="save the model again with safe_serialization=True",
            )
        check_safetensors(file)
    for file in folder.iterdir():
        if file.is_file() and file not in weights:
            check_regular(file, _LARGEST_OTHER)
        elif not file.is_dir():
            check_regular(file)
    return CheckedFolder(folder, tuple(weights), class_name, kind)


def check_prompts(specs: Iterable[PromptSpec]) -> None:
    """Raise GoldenseedError, with the line, for a language model that would be refused.

    Its files are read by their headers; nothing is loaded.
    """
    first: dict[Path, PromptSpec] = {}
    for each in specs:
        first.setdefault(each.folder, each)
    for spec in first.values():
        try:
            check_extra("a prompt that a language model writes", "learned")
            check_folder(spec.folder)
        except GoldenseedError as error:
            raise GoldenseedError(str(error), line=spec.line) from None


def describe_files(suite: Suite, digests: FileDigests) -> Mapping[str, EnvironmentValue]:
    """Digest the files of a suite's language models, by their keys; nothing is loaded.

    Raises GoldenseedError for a folder that is refused.
    """
    folders = {each.folder: each for each in suite.prompt_specs}.values()
    return digests.of(
        (f"language_model_file.{spec.source}/{file.relative_to(spec.folder).as_posix()}", file)
        for spec in folders
        for file in files_in(spec.folder, check_folder(spec.folder).weights)
    )


@contextmanager
def loading(checked: CheckedFolder, what: str) -> Iterator[dict[str, Any]]:
    """Load quietly and offline; yields what ``from_pretrained`` of a model is given.

    Whatever transformers raises over the folder becomes a GoldenseedError that calls it ``what``.
    """
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with offline():
            yield {"local_files_only": True, "trust_remote_code": False}
    except GoldenseedError:
        raise
    except Exception as error:  # whatever transformers raises over a folder, the folder is wrong
        said = f"holds no usable {what}: {type(error).__name__}: {error}"
        raise GoldenseedError(said, path=checked.folder, fix=_SAVE) from error
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


def loaded_model(cls: Any, checked: CheckedFolder, options: dict[str, Any]) -> Any:
    """Load a model of a class of transformers whole, its own ways of decoding left out.

    Raises GoldenseedError where weights are missing, which transformers would fill at random.
    """
    model, report = cls.from_pretrained(
        checked.folder, use_safetensors=True, output_loading_info=True, **options
    )
    missing = sorted(map(str, report["missing_keys"]))
    if missing:
        raise GoldenseedError(
            f"has no weights for {', '.join(missing[:3])}",
            path=checked.folder,
            fix="save the whole model there; transformers would fill the rest at random",
        )
    for module in model.modules():
        if getattr(module, "generation_config", None) is not None:
            module.generation_config = _plain(module.generation_config)
    return model.eval()


_KEPT = (
    *("bos_token_id", "eos_token_id", "pad_token_id"),
    *("decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id"),
)


def _plain(config: Any) -> Any:
    """Return a generation config that names tokens and nothing else: no sampling, no penalties."""
    from transformers import GenerationConfig

    return GenerationConfig(**{name: getattr(config, name, None) for name in _KEPT})
