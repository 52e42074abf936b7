"""Putting LoRA adapters on a pipeline, and taking them off without a trace."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.loading import quietly
from goldenseed.backends.diffusers.weights import check_safetensors
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.errors import GoldenseedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from goldenseed.suite.model import AdapterSpec


def put_on(pipeline: Any, adapters: Sequence[AdapterSpec], suite: Path, line: int | None) -> None:
    """Load the adapters and switch them on, each with its scale. None may be on before.

    Args:
        pipeline: a diffusers pipeline with LoRA support.
        adapters: file and scale of each, applied in this order.
        suite: the suite file, for the message of an error.
        line: the case's line in it.

    Raises:
        GoldenseedError: peft is missing, the file cannot be used, or the pipeline takes no LoRA.

    """
    if importlib.util.find_spec("peft") is None:
        raise GoldenseedError(
            "adapters need the package peft", path=suite, line=line, fix="pip install peft"
        )
    if not hasattr(pipeline, "load_lora_weights"):
        raise GoldenseedError(
            f"{type(pipeline).__name__} takes no LoRA adapters",
            path=suite,
            line=line,
            fix="remove the adapters",
        )
    names = [f"adapter_{number}" for number in range(len(adapters))]
    try:
        for name, adapter in zip(names, adapters, strict=True):
            _load(pipeline, name, _checked(adapter.path, suite, line))
        pipeline.set_adapters(names, adapter_weights=[adapter.scale for adapter in adapters])
    except BaseException:
        take_off(pipeline)
        raise


def take_off(pipeline: Any) -> None:
    """Remove every adapter, so that the pipeline computes as if none had ever been there."""
    pipeline.unload_lora_weights()


def _checked(file: Path, suite: Path, line: int | None) -> Path:
    if file.suffix != ".safetensors":
        raise GoldenseedError(
            f"the adapter {file.name} is no safetensors file",
            path=suite,
            line=line,
            fix="save it as safetensors",
        )
    check_safetensors(file)
    return file


def _load(pipeline: Any, name: str, file: Path) -> None:
    with quietly():
        try:
            pipeline.load_lora_weights(
                str(file.parent),
                weight_name=file.name,
                adapter_name=name,
                use_safetensors=True,
                local_files_only=True,
            )
        except Exception as error:
            raise GenerationError(
                f"cannot be loaded into the {type(pipeline).__name__}: "
                f"{type(error).__name__}: {error}",
                path=file,
                fix="use an adapter made for this model",
            ) from error
    if not any(name in found for found in pipeline.get_list_adapters().values()):
        raise GenerationError(
            f"holds nothing for the {type(pipeline).__name__}; diffusers would ignore it",
            path=file,
            fix="use an adapter made for this model",
        )
