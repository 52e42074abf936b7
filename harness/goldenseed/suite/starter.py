"""A first suite for a model that somebody has: what ``goldenseed init`` writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import open_regular, read_json
from goldenseed.suite.nodes import plain_scalar
from goldenseed.suite.parts import Role, named

_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_HEADER_LIMIT_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What can be read of a diffusers model's folder without loading it."""

    pipeline: str
    """The class named in ``model_index.json``."""
    dtype: str
    """The data type in which the denoiser's weights are stored."""
    size: int | None
    """The default height and width in pixels, where the configuration tells."""


def read_model_facts(folder: Path) -> ModelFacts:
    """Read the facts of a diffusers model's folder; ``GoldenseedError`` if it is none."""
    index = folder / "model_index.json"
    if not index.is_file():
        raise GoldenseedError(
            "this is no diffusers model: it has no model_index.json",
            path=folder,
            fix="name the folder that `save_pretrained` wrote, or a hub id such as org/name",
        )
    described = read_json(index)
    name = described.get("_class_name") if isinstance(described, dict) else None
    if not isinstance(name, str):
        raise GoldenseedError(
            "names no pipeline class (_class_name)",
            path=index,
            fix="save the model again with save_pretrained",
        )
    denoisers = named(described, Role.DENOISER, Role.PRIOR)
    denoiser = next((each for each in denoisers if (folder / each).is_dir()), None)
    return ModelFacts(
        pipeline=name,
        dtype=_stored_dtype(folder / denoiser) if denoiser else "float32",
        size=_default_size(folder, denoiser) if denoiser else None,
    )


def _stored_dtype(component: Path) -> str:
    """Read the first tensor's dtype from the first safetensors header; float32 if there is none."""
    for file in sorted(component.glob("*.safetensors")):
        try:
            with open_regular(file) as stream:
                length = int.from_bytes(stream.read(8), "little")
                header = json.loads(stream.read(min(length, _HEADER_LIMIT_BYTES)))
        except (GoldenseedError, OSError, ValueError, RecursionError):
            break
        for name, tensor in header.items() if isinstance(header, dict) else ():
            if name != "__metadata__" and isinstance(tensor, dict):
                return _DTYPES.get(str(tensor.get("dtype")), "float32")
    return "float32"


def _default_size(folder: Path, denoiser: str) -> int | None:
    """Return the denoiser's sample size times the VAE's scale, as pipelines compute it."""
    sample = _config(folder / denoiser).get("sample_size")
    blocks = _config(folder / "vae").get("block_out_channels")
    if isinstance(sample, int) and isinstance(blocks, list) and blocks:
        return int(sample * 2 ** (len(blocks) - 1))
    return None


def _config(component: Path) -> dict[str, Any]:
    file = component / "config.json"
    found = read_json(file) if file.is_file() else {}
    return found if isinstance(found, dict) else {}


def _scalar(text: str) -> str:
    """Quote a text that YAML would read as a number or a word of its own."""
    return text if plain_scalar(text) == text else json.dumps(text)


def starter_suite(*, name: str, source: str, revision: str | None, facts: ModelFacts) -> str:
    """Return the text of a commented suite file for the model."""
    pinned = f"\n  revision: {_scalar(revision)}" if revision else ""
    size = (
        f"    height: {facts.size}\n    width: {facts.size}\n"
        if facts.size
        else "    # height: 1024\n    # width: 1024\n"
    )
    return f"""\
# A golden suite: what this model is expected to draw. Run it with `pytest {name}.suite.yaml`.
# Every key is explained by `goldenseed schema`.
suite: {_scalar(name)}

model:
  source: {json.dumps(source, ensure_ascii=False)}{pinned}
  dtype: {facts.dtype}          # the one the weights are stored in
  # scheduler: {{class: EulerDiscreteScheduler}}          # default: the model's own
  # adapters: [{{source: lora/style.safetensors, scale: 0.8}}]

defaults:
  # Keyword arguments of {facts.pipeline}.__call__, by their own names. Pin all that you rely on.
  call:
    num_inference_steps: 20
{size}    # guidance_scale: 5.0

gates:
  # Beyond one of these a case fails as drift. Inside them, but beyond rounding, it warns.
  fail:
    max_peak_difference: 8         # levels of 255, the worst pixel
    max_mean_difference: 0.1       # levels of 255, over the picture
    min_ssim: 0.999

cases:
  # One image for every seed. Few steps and small pictures keep a suite quick.
  - id: red-apple
    prompt: a red apple on a white table
    seeds: [1024, 9999]
  - id: night-city
    prompts:
      plain: a city street at night in the rain
      words: a neon sign that says OPEN
    seeds: {{start: 0, count: 2}}
"""
