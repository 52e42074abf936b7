"""A model's folder: checked, listed, and a suite written for it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from fuzz.mutations import Changes, as_json, edited_bytes, put
from goldenseed.backends.diffusers.description import files_of
from goldenseed.backends.diffusers.modular_index import check_modular
from goldenseed.backends.diffusers.weights import check_model
from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.pipelines import size_multiple
from goldenseed.suite.starter import read_model_facts, starter_suite

MODEL: dict[str, Any] = {
    "model_index.json": {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.42.1",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "safety_checker": [None, None],
    },
    "scheduler/scheduler_config.json": {"_class_name": "DDIMScheduler", "clip_sample": False},
    "tokenizer/tokenizer_config.json": {"model_max_length": 77, "added_tokens_decoder": {}},
    "unet/config.json": {"_class_name": "UNet2DConditionModel", "sample_size": 16},
    "vae/config.json": {"_class_name": "AutoencoderKL", "block_out_channels": [32, 64]},
    "vae/model.safetensors.index.json": {"weight_map": {"w": "model-1.safetensors"}},
}


OTHER_MODELS: tuple[dict[str, Any], ...] = (
    {
        "model_index.json": {
            "_class_name": "WanPipeline",
            "boundary_ratio": 0.9,
            "expand_timesteps": False,
            "image_encoder": [None, None],
            "scheduler": ["diffusers", "UniPCMultistepScheduler"],
            "transformer": ["diffusers", "WanTransformer3DModel"],
            "tokenizer": ["transformers", "T5TokenizerFast"],
        },
        "scheduler/scheduler_config.json": {"_class_name": "UniPCMultistepScheduler"},
        "transformer/config.json": {
            "_class_name": "WanTransformer3DModel",
            "patch_size": [1, 2, 2],
        },
        "tokenizer/tokenizer.json": {"version": "1.0", "model": {"type": "Unigram", "vocab": []}},
    },
    {
        "model_index.json": {
            "_class_name": "KandinskyV22CombinedPipeline",
            "prior_prior": ["diffusers", "PriorTransformer"],
            "movq": ["diffusers", "VQModel"],
            "guider": ["diffusers", "ClassifierFreeGuidance"],
        },
        "prior_prior/config.json": {"_class_name": "PriorTransformer", "num_layers": 2},
        "movq/config.json": {"_class_name": "VQModel", "block_out_channels": [32, 64, 64]},
        "guider/guider_config.json": {"_class_name": "ClassifierFreeGuidance"},
    },
)


def component(changes: Changes, folder: Path) -> None:
    """Damage index and configs of other pipelines, all by the same edits, one or each of them."""
    documents = OTHER_MODELS[changes[0][2] % len(OTHER_MODELS)]
    chosen = changes[0][0] % (len(documents) + 1)
    for number, (name, document) in enumerate(documents.items()):
        damaged = chosen in (number, len(documents))
        put(folder, name, as_json(document, changes) if damaged else json.dumps(document).encode())
    whole = safetensors_file(json.dumps(HEADER).encode())
    for name in documents:
        if name.endswith("/config.json"):
            put(folder, f"{name.partition('/')[0]}/diffusion_pytorch_model.safetensors", whole)
    read_model(folder)


HEADER = {"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}


def safetensors_file(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + bytes(16)


def model(changes: Changes, folder: Path) -> None:
    """Damage one file of a model's folder; check it, list it, and write a suite for it."""
    names = [*MODEL, "unet/diffusion_pytorch_model.safetensors"]
    chosen = names[changes[0][2] % len(names)]
    for name, document in MODEL.items():
        data = as_json(document, changes) if name == chosen else json.dumps(document).encode()
        put(folder, name, data)
    whole = safetensors_file(json.dumps(HEADER).encode())
    put(folder, "vae/model-1.safetensors", whole)
    damaged = (
        edited_bytes(whole, changes)
        if changes[0][1] % 2
        else safetensors_file(as_json(HEADER, changes))
    )
    put(
        folder,
        "unet/diffusion_pytorch_model.safetensors",
        damaged if chosen == names[-1] else whole,
    )
    read_model(folder)


MODULAR: dict[str, Any] = {
    "_class_name": "StableDiffusionXLModularPipeline",
    "_blocks_class_name": "StableDiffusionXLAutoBlocks",
    "unet": [
        "diffusers",
        "UNet2DConditionModel",
        {
            "type_hint": ["diffusers", "UNet2DConditionModel"],
            "repo": "",
            "subfolder": "unet",
            "variant": None,
        },
    ],
    "guider": [None, None, {"type_hint": ["diffusers", "ClassifierFreeGuidance"]}],
}


def modular_index(changes: Changes, folder: Path) -> None:
    """Damage a modular pipeline's index and check its folder, alone and beside another."""
    put(folder, "modular_model_index.json", as_json(MODULAR, changes))
    put(folder, "unet/config.json", json.dumps(MODEL["unet/config.json"]).encode())
    whole = safetensors_file(json.dumps(HEADER).encode())
    put(folder, "unet/diffusion_pytorch_model.safetensors", whole)
    files_of(check_modular(folder, reach=folder.parent if changes[0][1] % 2 else None))


def read_model(folder: Path) -> None:
    with contextlib.suppress(GoldenseedError):
        files_of(check_model(folder))
    with contextlib.suppress(GoldenseedError):
        facts = read_model_facts(folder)
        starter_suite(name="x", source="m", revision=None, facts=facts).encode()
    size_multiple(folder)
