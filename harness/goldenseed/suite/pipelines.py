"""What is known of a diffusers pipeline without torch: its call's arguments, its model's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_json

_A_CASE = "the case: `prompt` or `prompts`"
_A_SEED = "the case: `seeds`; every image gets a fresh generator with its seed"
_FIXED = "nowhere: goldenseed sets it, so that every image can be judged"
BELONGS: Mapping[str, str] = MappingProxyType(
    {
        "prompt": _A_CASE,
        "prompts": _A_CASE,
        "generator": _A_SEED,
        "seed": _A_SEED,
        "seeds": _A_SEED,
        "latents": "`noise`, of the suite or of the case, as `{file: …}`",
        "output_type": _FIXED,
        "return_dict": _FIXED,
        "callback": _FIXED,
        "callback_steps": _FIXED,
        "callback_on_step_end": _FIXED,
        "callback_on_step_end_tensor_inputs": _FIXED,
        "scheduler": "`model.scheduler`, of the suite or of the case",
        "adapters": "`model.adapters`, of the suite or of the case",
        "dtype": "`model.dtype`",
        "torch_dtype": "`model.dtype`",
        "device": "`model.device`",
    }
)
"""Arguments that cannot stand under ``call``, and where what they mean belongs."""

NUMBERS = frozenset(
    {
        "num_inference_steps",
        "guidance_scale",
        "height",
        "width",
        "strength",
        "eta",
        "clip_skip",
        "guidance_rescale",
        "true_cfg_scale",
        "max_sequence_length",
        "num_images_per_prompt",
    }
)
"""Arguments that are numbers in every pipeline, so that a quoted one can only be a slip."""


_UNET_PIPELINES_NEED = 8
"""``check_inputs`` of diffusers' UNet pipelines wants sizes divisible by 8, whatever the VAE."""
_KNOWN_VAES = frozenset({"AutoencoderKL", "AutoencoderKLFlux2"})
"""The VAEs whose factor is 2 ** (blocks - 1): their pipelines compute it so (diffusers 0.42.1)."""
_MOST_BLOCKS = 16
"""No autoencoder halves a picture more often."""
_PACKED = 4
"""Latents that a transformer takes in 2 by 2 blocks have four times the VAE's channels."""


def size_multiple(folder: Path) -> int | None:
    """Return what width and height are to be multiples of, in pixels; None where nothing tells."""
    index, vae = _config(folder / "model_index.json"), _config(folder / "vae" / "config.json")
    blocks = vae.get("block_out_channels")
    if vae.get("_class_name") not in [*_KNOWN_VAES] or not isinstance(blocks, list):
        return None
    if not 0 < len(blocks) <= _MOST_BLOCKS:
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
