"""Where a model's folder is, and on which device and in which precision it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import GoldenseedError

if TYPE_CHECKING:
    import torch

    from harness.suites.model import ModelSpec


def model_folder(model: ModelSpec, suite: Path) -> Path:
    """Find the model's folder: beside the suite file, or in the local hub cache. No network.

    Raises:
        GoldenseedError: neither is there.

    """
    if model.folder is not None:
        if model.folder.is_dir():
            return model.folder
        raise GoldenseedError(
            f"there is no model folder {model.source!r} beside the suite",
            path=suite,
            fix="correct model.source, or give a hub id with a 40-hex revision",
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model.source, revision=model.revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, FileNotFoundError) as error:
        raise GoldenseedError(
            f"{model.source} at revision {model.revision} is not in the local hub cache, "
            "and nothing is downloaded during a run",
            path=suite,
            fix=f"hf download {model.source} --revision {model.revision}",
        ) from error


def device_for(wanted: str, gpu_index: int = 0) -> str:
    """Choose the device, for example ``cpu`` or ``cuda:1``.

    ``auto`` is a GPU where there is one and else the CPU. ``auto`` and ``cuda`` take the GPU
    ``gpu_index`` modulo the number of GPUs, so that the workers of one machine share them evenly.

    Raises:
        GoldenseedError: the device is not there.

    """
    import torch

    kind = wanted.partition(":")[0]
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        return f"cuda:{gpu_index % gpus}" if gpus else "cpu"
    if kind == "cuda" and not gpus:
        raise GoldenseedError(
            f"device {wanted!r} was asked for, but torch {torch.__version__} sees no GPU",
            fix="run on a machine with a GPU, or ask for the device cpu or auto",
        )
    if wanted == "cuda":
        return f"cuda:{gpu_index % gpus}"
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise GoldenseedError(
            f"{wanted!r} is no device", fix="use auto, cpu, cuda or cuda:0"
        ) from error
    if kind == "cuda" and (device.index or 0) >= gpus:
        raise GoldenseedError(
            f"device {wanted!r} was asked for, but there are only {gpus} GPUs",
            fix=f"use a number from 0 to {gpus - 1}, or cuda for any",
        )
    return str(device)


def dtype_for(name: str) -> torch.dtype:
    """Return torch's dtype of that name, for example ``bfloat16``.

    Raises:
        GoldenseedError: torch has no floating-point dtype of that name.

    """
    import torch

    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise GoldenseedError(
            f"{name!r} is no floating-point dtype of torch",
            fix="use float32, float16, bfloat16 or float64",
        )
    return found
