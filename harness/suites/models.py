"""What can be read of a diffusers model's folder without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import GoldenseedError
from harness.files import read_json

_UNET_PIPELINES_NEED = 8
"""``check_inputs`` of diffusers' UNet pipelines wants sizes divisible by 8, whatever the VAE."""
_KNOWN_VAES = frozenset({"AutoencoderKL", "AutoencoderKLFlux2"})
"""The VAEs whose factor is 2 ** (blocks - 1): their pipelines compute it so (diffusers 0.42.1)."""
_PACKED = 4
"""Latents that a transformer takes in 2 by 2 blocks have four times the VAE's channels."""


def size_multiple(folder: Path) -> int | None:
    """Return the number that width and height must be multiples of, in pixels.

    None where the folder does not say, so that nothing is refused that might work.
    """
    index, vae = _config(folder / "model_index.json"), _config(folder / "vae" / "config.json")
    blocks = vae.get("block_out_channels")
    if vae.get("_class_name") not in _KNOWN_VAES or not isinstance(blocks, list) or not blocks:
        return None
    factor = int(2 ** (len(blocks) - 1))
    if _is_component(index, "transformer"):
        return factor * _latents_a_token_spans(folder, vae)
    return max(factor, _UNET_PIPELINES_NEED) if _is_component(index, "unet") else None


def _latents_a_token_spans(folder: Path, vae: dict[str, Any]) -> int:
    """2 where the transformer joins 2 by 2 latents, by a patch size or by packing, else 1."""
    transformer = _config(folder / "transformer" / "config.json")
    patch = transformer.get("patch_size", transformer.get("all_patch_size"))
    latent, taken = vae.get("latent_channels"), transformer.get("in_channels")
    packed = isinstance(latent, int) and taken == _PACKED * latent
    return 2 if packed or patch in (2, [2]) else 1


def _is_component(index: dict[str, Any], name: str) -> bool:
    """Whether ``model_index.json`` names a class for the component."""
    entry = index.get(name)
    return isinstance(entry, list) and any(entry)


def _config(path: Path) -> dict[str, Any]:
    """Read a configuration; empty where it is missing or broken, which loading will say better."""
    try:
        config = read_json(path)
    except GoldenseedError:
        return {}
    return config if isinstance(config, dict) else {}


def cached_snapshot(hub_id: str, revision: str) -> Path | None:
    """Return the folder of a hub model in the local cache, or None if it is not there."""
    try:
        from huggingface_hub.constants import HF_HUB_CACHE
    except ImportError:
        return None
    folder = Path(HF_HUB_CACHE, f"models--{hub_id.replace('/', '--')}", "snapshots", revision)
    return folder if folder.is_dir() else None
