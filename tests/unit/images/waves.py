"""Weights for LPIPS and DISTS that any machine can make again: sine waves of the right shapes.

The values in ``test_learned_metrics.py`` were made once with the metrics' own packages (lpips
0.1.4, DISTS-pytorch 0.1, torchvision 0.29.2's AlexNet and VGG16, torch 2.13.0) loaded with these.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

ALEXNET = {
    "net.slice1.0": (64, 3, 11),
    "net.slice2.3": (192, 64, 5),
    "net.slice3.6": (384, 192, 3),
    "net.slice4.8": (256, 384, 3),
    "net.slice5.10": (256, 256, 3),
}
VGG16 = {
    "stage1.0": (64, 3, 3),
    "stage1.2": (64, 64, 3),
    "stage2.5": (128, 64, 3),
    "stage2.7": (128, 128, 3),
    "stage3.10": (256, 128, 3),
    "stage3.12": (256, 256, 3),
    "stage3.14": (256, 256, 3),
    "stage4.17": (512, 256, 3),
    "stage4.19": (512, 512, 3),
    "stage4.21": (512, 512, 3),
    "stage5.24": (512, 512, 3),
    "stage5.26": (512, 512, 3),
    "stage5.28": (512, 512, 3),
}


def wave(shape: tuple[int, ...], number: int, strength: float) -> torch.Tensor:
    samples = np.sin(np.arange(math.prod(shape)) * (1 + number * 0.37) + number) * strength
    return torch.tensor(samples.reshape(shape), dtype=torch.float32)


def convolutions(layers: dict[str, tuple[int, int, int]]) -> dict[str, torch.Tensor]:
    tensors = {}
    for number, (name, (outputs, inputs, side)) in enumerate(layers.items()):
        strength = math.sqrt(6 / (inputs * side * side))
        tensors[f"{name}.weight"] = wave((outputs, inputs, side, side), number, strength)
        tensors[f"{name}.bias"] = wave((outputs,), number, 0.1)
    return tensors


def lpips_weights() -> dict[str, torch.Tensor]:
    tensors = convolutions(ALEXNET)
    for number, (outputs, _, _) in enumerate(ALEXNET.values()):
        linear = wave((1, outputs, 1, 1), 20 + number, 0.1).abs()
        tensors[f"lin{number}.model.1.weight"] = linear
    return tensors


def dists_weights() -> dict[str, torch.Tensor]:
    channels = 3 + 64 + 128 + 256 + 512 + 512
    alpha, beta = (wave((1, channels, 1, 1), number, 0.1).abs() for number in (30, 31))
    return {**convolutions(VGG16), "alpha": alpha, "beta": beta}


def save_weights(folder: Path) -> Path:
    save_file(lpips_weights(), folder / "lpips.safetensors")
    save_file(dists_weights(), folder / "dists.safetensors")
    return folder
