"""What is changed in a copy of a model's folder before it is loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.diagnosis import bases

Edit = Callable[..., None]


def weights(
    folder: Path, *, component: str, relative: float = 0.0, only: str = "", nan: bool = False
) -> None:
    """Multiply every stored weight w by 1 + relative * normal; ``only`` names a part of them.

    ``nan`` puts a NaN in the place of the first value.
    """
    import torch
    from safetensors.torch import load_file, save_file

    (file,) = (folder / component).glob("*.safetensors")
    tensors = load_file(file)
    random = torch.Generator().manual_seed(1)
    for name, tensor in sorted(tensors.items()):
        if only in name and tensor.is_floating_point():
            tensor.mul_(1 + relative * torch.randn(tensor.shape, generator=random))
            if nan:
                tensor.view(-1)[0] = float("nan")
    save_file(tensors, file, metadata={"format": "pt", "written": "again"})


def config(folder: Path, *, file: str, values: Mapping[str, Any]) -> None:
    """Set fields of a JSON file."""
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}, indent=2))


def merges(folder: Path, *, tokenizer: str, without: str) -> None:
    """Take the merge rules that make a word out of a byte-pair tokenizer."""
    path = folder / tokenizer / "tokenizer.json"
    document = json.loads(path.read_text())
    rules = document["model"]["merges"]
    kept = [rule for rule in rules if "".join(_pair(rule)) != without]
    if len(kept) == len(rules):
        raise ValueError(f"no rule makes {without!r}")
    document["model"]["merges"] = kept
    path.write_text(json.dumps(document))


def vocabulary(folder: Path, *, tokenizer: str, exchange: tuple[str, str]) -> None:
    """Exchange the ids of two tokens."""
    path = folder / tokenizer / "tokenizer.json"
    document = json.loads(path.read_text())
    one, other = exchange
    vocab = document["model"]["vocab"]
    if isinstance(vocab, dict):
        vocab[one], vocab[other] = vocab[other], vocab[one]
    else:
        places = {piece: number for number, (piece, _) in enumerate(vocab)}
        a, b = places[one], places[other]
        vocab[a], vocab[b] = vocab[b], vocab[a]
    path.write_text(json.dumps(document))


def exchange(folder: Path, *, component: str, base: str) -> None:
    """Take a component from a model of the same architecture with other weights."""
    other = bases.other_model(base, folder.parent / "other")
    shutil.rmtree(folder / component)
    shutil.copytree(other / component, folder / component)
    shutil.rmtree(other)


def another_model(folder: Path, *, name: str, base: str) -> None:
    """Write a model of the same architecture with other weights beside the model's folder."""
    bases.other_model(base, folder.parent / name)


def adapter(folder: Path, *, seed: int) -> None:
    """Write another LoRA beside the suite; on the embedded model alone."""
    bases.lora(folder.parent / "lora.safetensors", folder, seed=seed)


def safety_checker(folder: Path) -> None:
    """Add a safety checker that takes every picture for a forbidden one."""
    import torch
    from diffusers import StableDiffusionPipeline
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    torch.manual_seed(0)
    layers = {
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
    }
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(
            text_config=layers,
            vision_config={**layers, "image_size": 32, "patch_size": 8},
            projection_dim=32,
        )
    ).eval()
    torch.nn.init.constant_(checker.concept_embeds_weights, -2.0)  # every score exceeds that
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.register_modules(
        safety_checker=checker,
        feature_extractor=CLIPImageProcessor(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
    )
    pipeline.register_to_config(requires_safety_checker=True)
    pipeline.save_pretrained(folder)


def _pair(rule: Any) -> list[str]:
    return list(rule.split(" ") if isinstance(rule, str) else rule)


EDITS: Mapping[str, Edit] = {
    each.__name__: each
    for each in (
        weights,
        config,
        merges,
        vocabulary,
        exchange,
        another_model,
        adapter,
        safety_checker,
    )
}
