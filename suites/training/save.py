"""Writes the trained networks as a pipeline folder that old and new releases load alike."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from diffusers import AutoencoderKL, StableDiffusionPipeline
from safetensors.torch import load_file, save_file

from .denoiser import Denoiser
from .networks import make_scheduler
from .tokenizer import make_tokenizer, save_tokenizer

MAX_BYTES: Final = 10_000_000
_PREFIX: Final = "text_model."
_CARD: Final = "README.md"


def _restore_text_model_prefix(path: Path) -> None:
    """Give the text encoder's keys the prefix that transformers 4 expects.

    Release 5 leaves it out when saving and accepts both when loading; release 4 would
    fill the text encoder with random numbers, and only log a line about it.
    """
    tensors = load_file(path)
    renamed = {
        name if name.startswith(_PREFIX) else _PREFIX + name: tensor.contiguous()
        for name, tensor in tensors.items()
    }
    save_file(renamed, path, metadata={"format": "pt"})


def _forget_local_paths(folder: Path) -> None:
    """Drop `_name_or_path`, which holds a path of the machine that saved the model."""
    for path in folder.rglob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and content.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def folder_bytes(folder: Path) -> int:
    """Size of all files below a folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _replace_folder(folder: Path, replacement: Path) -> None:
    """Put a finished folder in another's place, keeping the model card of the old one."""
    card, retired = folder / _CARD, folder.with_name(folder.name + ".old")
    if card.exists():
        shutil.copy2(card, replacement / _CARD)
    if folder.exists():
        folder.rename(retired)
    replacement.rename(folder)
    shutil.rmtree(retired, ignore_errors=True)


def save_pipeline(autoencoder: AutoencoderKL, denoiser: Denoiser, folder: Path) -> None:
    """Save as a `StableDiffusionPipeline`; a model already in `folder` is replaced at once.

    Raises ValueError if the files exceed `MAX_BYTES`.
    """
    pipeline = StableDiffusionPipeline(
        vae=autoencoder.eval(),
        text_encoder=denoiser.text_encoder.eval(),
        tokenizer=make_tokenizer(),
        unet=denoiser.unet.eval(),
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    pipeline.save_pretrained(partial, safe_serialization=True)
    shutil.rmtree(partial / "tokenizer")
    save_tokenizer(partial / "tokenizer")
    _restore_text_model_prefix(partial / "text_encoder" / "model.safetensors")
    _forget_local_paths(partial)
    for path in partial.rglob("*.safetensors"):
        path.chmod(0o644)
    size = folder_bytes(partial)
    if size > MAX_BYTES:
        raise ValueError(f"{partial}: {size:,} bytes, more than {MAX_BYTES:,}: shrink the U-Net")
    _replace_folder(folder, partial)
    print(f"saved {size:,} bytes to {folder}")
